package feeds

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// sizeLimit is how large a document may grow, in bytes: about, for it is reckoned
// before the document is written. What does not fit, the oldest, is left out.
const sizeLimit = 1 << 20

// Document is one file of syndication, ready to be sent. It is shared: nobody may
// change it.
type Document struct {
	Path        string // under the site's base URL: "/feeds/all.rss"
	ContentType string // with its charset
	Body        []byte
	Items       int       // insights it holds; of the OPML file: feeds
	Updated     time.Time // newest change of what it holds
	Title       string    // the feed's
	Category    string    // slug; "" = all
}

// Set is every document of one snapshot of the library. It is immutable and safe
// for concurrent use.
type Set struct {
	documents []*Document
	byPath    map[string]*Document
	version   string
}

// Build makes every document of the library: the feed of all insights and that of
// each category, in every format, and the OPML file that lists the feeds. Equal
// libraries and sites give equal bytes. A document holds the newest insights, as
// many as fit into about a megabyte and at least one, the same in all formats.
func Build(lib *content.Library, site Site) (*Set, error) {
	feeds, err := feedsOf(lib, site)
	if err != nil {
		return nil, err
	}
	bodies, err := renderAll(feeds)
	if err != nil {
		return nil, err
	}
	set := &Set{byPath: map[string]*Document{}}
	for i, f := range feeds {
		for j, format := range Formats() {
			set.add(f, Document{
				Path:        f.Path + "." + format.String(),
				ContentType: format.ContentType(),
				Body:        bodies[i][j],
				Items:       len(f.Entries),
			})
		}
	}
	list, err := renderOPML(feeds)
	if err != nil {
		return nil, err
	}
	set.add(feeds[0], Document{Path: "/feeds.opml", ContentType: "text/x-opml; charset=utf-8", Body: list, Items: len(feeds)})
	set.version = version(set.documents)
	return set, nil
}

// renderAll renders every feed in every format, feeds side by side.
func renderAll(feeds []Feed) ([][][]byte, error) {
	bodies := make([][][]byte, len(feeds))
	faults := make([]error, len(feeds))
	free := make(chan struct{}, runtime.GOMAXPROCS(0)) // bounds the memory that is in use at once
	var rendering sync.WaitGroup
	for i, f := range feeds {
		rendering.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			for _, format := range Formats() {
				body, err := Render(f, format)
				if err != nil {
					faults[i] = err
					return
				}
				bodies[i] = append(bodies[i], body)
			}
		})
	}
	rendering.Wait()
	return bodies, errors.Join(faults...)
}

// Document returns the document at that path, such as "/feeds/all.rss".
func (s *Set) Document(path string) (*Document, bool) {
	document, ok := s.byPath[path]
	return document, ok
}

// Documents returns every document: those of all insights before those of the
// categories, which keep their order, each feed's in the order of [Formats]; the
// OPML file last.
func (s *Set) Documents() []*Document { return slices.Clone(s.documents) }

// Version returns a hash of every path and body: equal documents have equal
// versions, on every machine.
func (s *Set) Version() string { return s.version }

func (s *Set) add(f Feed, d Document) {
	d.Title = f.Title
	d.Updated = f.Updated()
	if f.Name != nameOfAll {
		d.Category = f.Name
	}
	s.documents = append(s.documents, &d)
	s.byPath[d.Path] = &d
}

func version(documents []*Document) string {
	hash := sha256.New()
	for _, d := range documents {
		fmt.Fprintf(hash, "%s %d\n%s", d.Path, len(d.Body), d.Body)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// Names of feeds that are no category's.
const (
	nameOfAll     = "all"
	nameOfDigests = "digests" // made by whoever knows the digests; kept free for them
)

// feedsOf returns the feed of all insights and then each category's.
func feedsOf(lib *content.Library, site Site) ([]Feed, error) {
	entries := entries{site: site, made: map[*content.Insight]Entry{}}
	feeds := []Feed{{
		Site:        site,
		Name:        nameOfAll,
		Title:       site.Title,
		Description: site.Description,
		Path:        "/feeds/" + nameOfAll,
		HomePath:    "/",
		Entries:     entries.newest(lib.Insights()),
	}}
	for _, c := range lib.Categories() {
		if c.Slug == nameOfAll || c.Slug == nameOfDigests {
			return nil, fmt.Errorf("category %q: the slug %q is taken by a feed of that name; give the category another", c.Name, c.Slug)
		}
		feeds = append(feeds, Feed{
			Site:        site,
			Name:        c.Slug,
			Title:       site.Title + ": " + c.Name,
			Description: c.Description,
			Path:        "/feeds/" + c.Slug,
			HomePath:    "/categories/" + c.Slug,
			Entries:     entries.newest(lib.In(c.Slug)),
		})
	}
	return feeds, nil
}

// entries makes each insight's entry once, whatever number of feeds hold it: to
// render its HTML is most of the work.
type entries struct {
	site Site
	made map[*content.Insight]Entry
}

// newest returns the entries of as many insights as a document may hold.
func (es entries) newest(insights []*content.Insight) []Entry {
	var list []Entry
	size := 0
	for _, in := range insights {
		e, ok := es.made[in]
		if !ok {
			e = entryOf(in, es.site)
			es.made[in] = e
		}
		if size += e.size(); size > sizeLimit && len(list) > 0 {
			break
		}
		list = append(list, e)
	}
	return list
}

func entryOf(in *content.Insight, site Site) Entry {
	e := Entry{
		ID:         EntryID(site, in.ID),
		URL:        site.BaseURL + in.Path(),
		Title:      in.Title,
		Summary:    in.Summary,
		HTML:       in.FullHTML(site.BaseURL),
		Author:     in.Author,
		Published:  in.Date,
		Updated:    in.Updated,
		Categories: []Category{{Slug: in.Category.Slug, Name: in.Category.Name}},
		Minutes:    in.Minutes,
		Featured:   in.Featured,
	}
	for _, tag := range in.Tags {
		if !slices.ContainsFunc(e.Categories, func(c Category) bool { return c.Name == tag }) {
			e.Categories = append(e.Categories, Category{Slug: tag, Name: tag})
		}
	}
	if image, err := url.Parse(in.Image); err == nil && in.Image != "" {
		if !image.IsAbs() { // a file of the images folder; an insight's page is beside it
			e.Image = site.BaseURL + "/insights/" + in.Image
		} else {
			e.Image = in.Image
		}
	}
	return e
}

// size reckons what the entry takes in the largest format, JSON, which escapes
// every quote and line's end; names, dates and addresses take about 800 bytes.
func (e Entry) size() int {
	size := 800 + 2*len(e.Title) + len(e.Summary) + len(e.HTML)
	for _, b := range []byte(e.HTML) {
		if b == '"' || b == '\\' || b == '\n' {
			size++
		}
	}
	return size
}
