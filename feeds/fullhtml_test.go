package feeds_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/feeds"
)

// TestContentStandsOnItsOwn reads every insight as a feed reader would show it:
// away from the site, without its scripts and style sheets.
func TestContentStandsOnItsOwn(t *testing.T) {
	refused := []string{"script", "style", "link", "form", "input", "button", "iframe", "object", "embed"}
	for _, p := range publications(t) {
		for _, e := range entriesOf(follow(t, p.set, "/feeds/all.rss")) {
			links := 0
			for element := range elements(t, e.HTML) {
				if slices.Contains(refused, strings.ToLower(element.Name.Local)) {
					t.Errorf("%s: <%s>", e.URL, element.Name.Local)
				}
				for _, attr := range element.Attr {
					switch name := strings.ToLower(attr.Name.Local); {
					case name == "href", name == "src", name == "cite", name == "poster":
						links++
						absolute(t, e.URL, attr.Value)
					case name == "srcset":
						for candidate := range strings.SplitSeq(attr.Value, ",") {
							absolute(t, e.URL, strings.Fields(candidate)[0])
						}
					case strings.HasPrefix(name, "on"):
						t.Errorf("%s: %s=%q", e.URL, name, attr.Value)
					}
				}
			}
			if strings.Contains(e.Title, "video") && links < 4 {
				t.Errorf("%s: %d links found of 4", e.URL, links) // the test would see nothing
			}
		}
	}
}

func absolute(t *testing.T, page, address string) {
	t.Helper()
	if u, err := url.Parse(address); err != nil || !u.IsAbs() {
		t.Errorf("%s: %q is no absolute URL", page, address)
	}
}

func elements(t *testing.T, fragment string) func(yield func(xml.StartElement) bool) {
	return func(yield func(xml.StartElement) bool) {
		decoder := xml.NewDecoder(strings.NewReader(fragment))
		decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("%v in %s", err, fragment)
			}
			if element, ok := token.(xml.StartElement); ok && !yield(element) {
				return
			}
		}
	}
}

// TestEmptyCategoriesAreFeedsToo builds a site that has published nothing yet.
func TestEmptyCategoriesAreFeedsToo(t *testing.T) {
	set := build(t, load(t, nil), testSite)
	for _, d := range set.Documents() {
		if d.Format == "" {
			continue
		}
		format := feeds.Format(d.Path[strings.LastIndex(d.Path, ".")+1:])
		if f := parse(t, format, d.Body); len(f.Entries) != 0 || d.Items != 0 || f.Title == "" {
			t.Errorf("%s: %d entries, %d items, title %q", d.Path, len(f.Entries), d.Items, f.Title)
		}
	}
}
