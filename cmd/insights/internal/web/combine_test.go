package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

func TestChosenCategoriesLeadToTheirFeed(t *testing.T) {
	f := newFixture(t, library(), nil)
	every := make(url.Values)
	for _, c := range f.library.Categories() {
		every.Add("category", c.Slug)
	}
	for query, to := range map[string]string{
		"":                                "/feeds#combine",
		"format=rss":                      "/feeds#combine",
		"category=leadership":             "/feeds/leadership.atom",
		"category=leadership&format=json": "/feeds/leadership.json",
		"category=leadership&category=leadership&format=rss":               "/feeds/leadership.rss",
		"category=leadership&category=architecture&format=rss":             "/feeds/architecture+leadership.rss",
		"category=architecture&format=atom&category=leadership&utm=x":      "/feeds/architecture+leadership.atom",
		"category=leadership&category=ai-automation&category=architecture": "/feeds/ai-automation+architecture+leadership.atom",
		"category=leadership&category=all":                                 "/feeds/all.atom",
		"category=leadership%2Barchitecture":                               "/feeds/architecture+leadership.atom",
		every.Encode() + "&format=json":                                    "/feeds/" + strings.Join(slices.Sorted(slices.Values(every["category"])), "+") + ".json",
	} {
		r := f.get("/feeds/combine?" + query)
		wantStatus(t, r, http.StatusSeeOther)
		wantHeader(t, r, "Location", to)
	}
	for _, query := range []string{
		"category=nothing", "category=leadership&category=nothing", "category=", "category=//elsewhere.example/",
		"category=leadership&format=xml", "category=leadership&format=", "category=leadership&format=atom/../x",
	} {
		r := f.get("/feeds/combine?" + query)
		if wantStatus(t, r, http.StatusNotFound); r.Header.Get("Location") != "" {
			t.Errorf("%s leads to %s", query, r.Header.Get("Location"))
		}
	}
	wantStatus(t, f.post("/feeds/combine", nil), http.StatusMethodNotAllowed)
}

// TestTheFormLeadsWhereItsExampleDoes sends what the form on /feeds holds.
func TestTheFormLeadsWhereItsExampleDoes(t *testing.T) {
	f := newFixture(t, library(), nil)
	page := bodyOf(t, f.get("/feeds"))
	example := base + "/feeds/architecture+split-testing-tracking.atom"
	if !strings.Contains(page, strings.ReplaceAll(example, "+", "&#43;")) {
		t.Fatal("the page has no example of a combined feed")
	}
	query := make(url.Values)
	for _, n := range elements(t, page, "input") {
		if slug := attribute(n, "value"); attribute(n, "name") == "category" && strings.Contains(example, slug) {
			query.Add("category", slug)
		}
	}
	buttons := elements(t, page, "button")
	if len(buttons) != 3 {
		t.Errorf("the form has %d buttons; want one a format", len(buttons))
	}
	for _, n := range buttons {
		query.Set(attribute(n, "name"), attribute(n, "value"))
		r := f.get("/feeds/combine?" + query.Encode())
		wantStatus(t, r, http.StatusSeeOther)
		want := strings.TrimSuffix(strings.TrimPrefix(example, base), "atom") + query.Get("format")
		wantHeader(t, r, "Location", want)
		wantStatus(t, f.get(want), http.StatusOK)
	}
}

func TestTwoCategoriesAreNotOfferedTogether(t *testing.T) {
	site := templates.DefaultSite()
	site.BaseURL = base
	site.Categories = slices.DeleteFunc(site.Categories, func(c content.Category) bool { return c.Slug != "architecture" && c.Slug != "leadership" })
	library, err := content.Load(library(), content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	set, err := feeds.Build(library, feedSite(site), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, nil)
	if strings.Contains(bodyOf(t, f.get("/feeds")), "/feeds/combine") {
		t.Error("the page offers to combine what is all there is")
	}
	wantHeader(t, f.get("/feeds/combine?category=leadership&category=architecture"), "Location", "/feeds/architecture+leadership.atom")
}
