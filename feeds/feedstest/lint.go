package feedstest

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/feeds"
)

// Lint reports everything that a strict reader finds wrong with a site's documents,
// each by itself and all together. The OPML file is passed over.
func Lint(baseURL string, documents []*feeds.Document) []string {
	l := linter{baseURL: baseURL, ids: map[string]string{}, urls: map[string]string{}}
	for _, d := range documents {
		if d.Format != "" {
			l.document(d)
		}
	}
	for _, d := range documents {
		l.missing = slices.DeleteFunc(l.missing, func(m [2]string) bool { return m[1] == baseURL+d.Path })
	}
	for _, m := range l.missing {
		l.faults = append(l.faults, m[0]+": names a document that does not exist: "+m[1])
	}
	return l.faults
}

type linter struct {
	baseURL string
	ids     map[string]string // by the entry's URL
	urls    map[string]string // by the entry's id
	missing [][2]string       // the path of a document, and the URL of another that it names
	faults  []string
}

func (l *linter) document(d *feeds.Document) {
	f, err := Parse(d.Format, d.Body)
	if err != nil {
		f.fault("%v", err)
	}
	if err == nil {
		l.feed(&f, d)
	}
	for _, fault := range f.Faults {
		l.faults = append(l.faults, d.Path+": "+fault)
	}
}

func (l *linter) feed(f *Feed, d *feeds.Document) {
	if strings.TrimSpace(f.Title) == "" {
		f.fault("no title")
	}
	if d.Format == feeds.RSS && f.Description == "" {
		f.fault("no description")
	}
	if !isAbsolute(f.Home) {
		f.fault("home page %q is not an absolute URL", f.Home)
	}
	if d.Format == feeds.JSON && !isAbsolute(f.Self) || d.Format != feeds.JSON && f.Self != l.baseURL+d.Path {
		f.fault("its own URL is %q", f.Self)
	}
	if d.Format == feeds.Atom && !isURI(f.ID) {
		f.fault("the feed's id %q is not a URI", f.ID)
	}
	for _, other := range []string{f.Current, f.Previous} {
		if other != "" {
			l.missing = append(l.missing, [2]string{d.Path, other})
		}
	}
	seen := map[string]bool{}
	var before time.Time
	for _, e := range f.Entries {
		say := func(format string, args ...any) { f.fault(e.ID+": "+format, args...) }
		switch {
		case !isURI(e.ID):
			say("the id is not a URI")
		case seen[e.ID]:
			say("the id is used twice in one document: readers show one of the two")
		}
		seen[e.ID] = true
		for name, value := range map[string]string{"title": e.Title, "author": e.Author, "content": e.HTML} {
			if strings.TrimSpace(value) == "" {
				say("no %s", name)
			}
		}
		for _, address := range []string{e.URL, cmp.Or(e.Image, e.URL)} {
			if !isAbsolute(address) {
				say("%q is not an absolute URL", address)
			}
		}
		if !before.IsZero() && e.Published.After(before) {
			say("newer than the entry before it: readers that take only the first entries miss it")
		}
		before = e.Published
		if e.Updated.Before(e.Published) {
			say("updated before it was published")
		}
		lintHTML(e.HTML, say)
		l.identity(e, say)
	}
}

// identity checks that an entry has the same id in all documents.
func (l *linter) identity(e Entry, say func(string, ...any)) {
	if id := cmp.Or(l.ids[e.URL], e.ID); id != e.ID {
		say("its id is %s in another document: readers take it for two", id)
	}
	if address := cmp.Or(l.urls[e.ID], e.URL); address != e.URL {
		say("its id is also that of %s: readers show one of the two", address)
	}
	l.ids[e.URL], l.urls[e.ID] = e.ID, e.URL
}

// lintHTML reports what has no meaning away from its page.
func lintHTML(text string, say func(string, ...any)) {
	dropped := []string{"script", "style", "form", "input", "button", "select", "textarea", "iframe", "frame", "object", "embed", "applet", "base", "link", "meta"}
	z := html.NewTokenizer(strings.NewReader(text))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		if t.Type != html.StartTagToken && t.Type != html.SelfClosingTagToken {
			continue
		}
		if slices.Contains(dropped, t.Data) {
			say("<%s>, which no reader keeps", t.Data)
		}
		for _, a := range t.Attr {
			addresses := []string{a.Val}
			switch {
			case strings.HasPrefix(a.Key, "on"):
				say("event handler <%s %s>, which no reader keeps", t.Data, a.Key)
				continue
			case a.Key == "srcset":
				addresses = strings.FieldsFunc(a.Val, func(r rune) bool { return r == ' ' || r == ',' })
				addresses = slices.DeleteFunc(addresses, func(s string) bool { return strings.HasSuffix(s, "x") || strings.HasSuffix(s, "w") })
			case !slices.Contains([]string{"href", "src", "cite", "poster", "background"}, a.Key):
				continue
			}
			for _, address := range addresses {
				scheme, rest, _ := strings.Cut(address, ":")
				switch {
				case isAbsolute(address), scheme == "mailto", scheme == "tel", a.Key == "src" && scheme == "data" && strings.HasPrefix(rest, "image/"):
				default:
					say("<%s %s=%q> leads nowhere away from its page", t.Data, a.Key, address)
				}
			}
		}
	}
}

func isAbsolute(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func isURI(id string) bool {
	u, err := url.Parse(id)
	return err == nil && u.Scheme != "" && cmp.Or(u.Opaque, u.Host, u.Path) != "" && !strings.ContainsAny(id, " \t\n")
}
