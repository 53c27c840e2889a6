package content_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
)

func TestSlugify(t *testing.T) {
	for title, want := range map[string]string{
		"":                              "",
		"  ":                            "",
		"A/B Testing: It's $2M":         "ab-testing-its-2m",
		"CI/CD Pipelines":               "ci-cd-pipelines",
		"Split Testing & Tracking":      "split-testing-and-tracking",
		"Q&A":                           "q-and-a",
		"Rewrite vs. Refactor (Again!)": "rewrite-vs-refactor-again",
		"1,000 users — by 09:30":        "1000-users-by-09-30",
		"snake_case  and\ttabs":         "snake-case-and-tabs",
		"Über die Größe":                "ueber-die-groesse",
		"Cafe\u0301 ÆON œuvre Łódź":     "cafe-aeon-oeuvre-lodz",
		"Привет, мир":                   "privet-mir",
		"Ελληνικά":                      "ellinika",
		"Go 并发":                         "go",
		"并发":                            "insight-2b66a2b5",
		"🚀":                             "insight-ebbc0b28",
		strings.Repeat("word ", 100):    strings.TrimSuffix(strings.Repeat("word-", 40), "-"),
	} {
		if got := content.Slugify(title); got != want {
			t.Errorf("Slugify(%q) = %q, want %q", title, got, want)
		}
	}
}

func TestSlugsOfTheEmbeddedInsightsComeFromTheirTitles(t *testing.T) {
	for _, in := range embedded(t).All() {
		if got := content.Slugify(in.Title); got != in.Slug {
			t.Errorf("Slugify(%q) = %q, want %q", in.Title, got, in.Slug)
		}
	}
}

func TestNewDraftsLoad(t *testing.T) {
	for _, title := range []string{`Plain`, `It's "quoted": #1 & <more> \ here`, "2026", "no", "مرحبا", "- dash", "a" + strings.Repeat("é", 199)} {
		day := time.Date(2026, 3, 2, 23, 0, 0, 0, time.FixedZone("", -8*3600))
		data, name, err := content.New(title, content.NewOptions{Category: "AI & Automation", Date: day})
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^2026-03-02-[a-z0-9-]+\.md$`).MatchString(name) {
			t.Errorf("name %q", name)
		}
		in := load(t, fstest.MapFS{name: {Data: data}}).All()[0]
		if in.Title != title || !in.Draft || in.Category.Slug != "ai-automation" || in.Date.Format(time.DateOnly) != "2026-03-02" {
			t.Errorf("got %+v", in)
		}
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(in.ID) {
			t.Errorf("id %q is no random UUID", in.ID)
		}
	}
	one, _, _ := content.New("x", content.NewOptions{})
	two, name, err := content.New("x", content.NewOptions{})
	if err != nil || string(one) == string(two) || !strings.HasPrefix(name, time.Now().Format(time.DateOnly)) {
		t.Errorf("two drafts: %v, %s", err, name)
	}
	for _, title := range []string{"", " ", "a\nb", "a\x07", strings.Repeat("x", 201)} {
		if _, _, err := content.New(title, content.NewOptions{}); err == nil {
			t.Errorf("New(%q) is accepted", title)
		}
	}
}
