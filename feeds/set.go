package feeds

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// Document is one file of syndication, ready to be sent. It is shared: nobody may
// change it.
type Document struct {
	Path        string // under the site's base URL: "/feeds/all.rss"
	ContentType string // with its charset
	Body        []byte
	Hash        string    // 24 hexadecimal digits of the body's SHA-256
	Items       int       // insights it holds; of an OPML file: feeds
	Updated     time.Time // newest change of what it holds
	Modified    time.Time // when the document last changed, as far as is known; never before Updated
	Feed        string    // the feed's name: "all", a category's slug, slugs joined by "+"; "" = an OPML file
	Format      Format    // "" = an OPML file
	Title       string    // the feed's
	Category    string    // slug, of a feed of one category
	HomePath    string    // "/": the page that shows the same to people
	Archive     string    // of an archive document: its name, such as "2026-03"
	Previous    string    // path of the archive with the next older insights; "" = there is none
	Hub         string    // address of the hub that pushes it; "" = none does
}

// Set is every document of one snapshot of the library. Its head documents, those
// that people subscribe to, are there from the start; archives and feeds of
// several categories are rendered when asked for. A Set is immutable and safe for
// concurrent use.
type Set struct {
	lib       *content.Library
	site      Site
	entries   *entries
	feeds     []*pagedFeed // of all insights, and of each category
	changed   map[string]time.Time
	documents []*Document
	byPath    map[string]*Document
	version   string
}

// Build makes the head documents of the library: of the feed of all insights and of
// that of each category, in every format, and the OPML files that list them.
// Equal libraries and sites give equal bytes. What did not change is taken over
// from previous, which may be nil.
//
// A head document holds the newest insights, as many as fit into 250 KB and at
// least 20, the same in all formats. The others are in archive documents.
func Build(lib *content.Library, site Site, previous *Set) (*Set, error) {
	if err := site.Validate(); err != nil {
		return nil, err
	}
	set := &Set{lib: lib, site: site, entries: newEntries(site, previous), byPath: map[string]*Document{}}
	feeds, err := set.headFeeds()
	if err != nil {
		return nil, err
	}
	if set.feeds, err = set.renderFeeds(feeds, previous); err != nil {
		return nil, err
	}
	for _, d := range set.feeds {
		for _, document := range d.documents {
			set.add(document)
		}
	}
	lists, err := set.renderLists()
	if err != nil {
		return nil, err
	}
	for i, list := range lists {
		if previous != nil {
			if old := previous.lists()[i]; old.Hash == list.Hash {
				list = old
			}
		}
		set.add(list)
	}
	hash := sha256.New()
	for _, d := range set.documents {
		fmt.Fprintf(hash, "%s %s\n", d.Path, d.Hash)
	}
	set.version = hex.EncodeToString(hash.Sum(nil)[:8])
	return set, nil
}

// Keep makes the set keep each insight's HTML when it has rendered it for an archive:
// for a program that is to make every document once, and then ends. The set must
// not be shared yet.
func (s *Set) Keep() { s.entries.keep = true }

// headFeeds returns the feed of all insights and then each category's, without
// their entries.
func (s *Set) headFeeds() ([]selection, error) {
	feeds := []selection{s.selection(nil)}
	for _, c := range s.lib.Categories() {
		if c.Slug == nameOfAll || c.Slug == nameOfDigests {
			return nil, fmt.Errorf("category %q: the slug %q is reserved for a feed of that name; choose another", c.Name, c.Slug)
		}
		feeds = append(feeds, s.selection([]content.Category{c}))
	}
	return feeds, nil
}

// renderFeeds divides and renders every feed that is not as it was, feeds side by side.
func (s *Set) renderFeeds(feeds []selection, previous *Set) ([]*pagedFeed, error) {
	paged := make([]*pagedFeed, len(feeds))
	faults := make([]error, len(feeds))
	free := make(chan struct{}, runtime.GOMAXPROCS(0)) // bounds the memory that is in use at once
	var rendering sync.WaitGroup
	for i, f := range feeds {
		rendering.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			d, err := s.paginate(f)
			if err == nil {
				old := previous.pagedFeed(d.feed.Name)
				if old != nil && old.version == d.version {
					d.documents = old.documents
				} else {
					d.documents, err = renderDocuments(d.headFeed())
					d.keep(old)
				}
			}
			paged[i], faults[i] = d, err
		})
	}
	rendering.Wait()
	return paged, errors.Join(faults...)
}

// keep puts old documents in the place of equal ones: not every format shows every
// change.
func (d *pagedFeed) keep(old *pagedFeed) {
	if old == nil {
		return
	}
	for i, document := range d.documents {
		if document.Hash == old.documents[i].Hash {
			d.documents[i] = old.documents[i]
		}
	}
}

func (s *Set) pagedFeed(name string) *pagedFeed {
	if s == nil {
		return nil
	}
	if i := slices.IndexFunc(s.feeds, func(d *pagedFeed) bool { return d.feed.Name == name }); i >= 0 {
		return s.feeds[i]
	}
	return nil
}

// renderDocuments makes a feed's document in every format.
func renderDocuments(f Feed) ([]*Document, error) {
	var documents []*Document
	for _, format := range Formats() {
		d, err := renderDocument(f, format)
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return documents, nil
}

func renderDocument(f Feed, format Format) (*Document, error) {
	body, err := Render(f, format)
	if err != nil {
		return nil, err
	}
	d := newDocument(body, f)
	d.Path, d.HomePath = documentPath(f.Path, f.Archive)+"."+format.String(), f.HomePath
	d.ContentType, d.Format = format.ContentType(), format
	d.Feed, d.Archive, d.Items, d.Hub = f.Name, f.Archive, len(f.Entries), f.hub()
	if f.Name != nameOfAll && !strings.Contains(f.Name, "+") {
		d.Category = f.Name
	}
	if f.Previous != "" {
		d.Previous = documentPath(f.Path, f.Previous) + "." + format.String()
	}
	return d, nil
}

func newDocument(body []byte, f Feed) *Document {
	sum := sha256.Sum256(body)
	updated := f.Updated()
	return &Document{Body: body, Hash: hex.EncodeToString(sum[:12]), Title: f.Title, Updated: updated, Modified: updated}
}

// numLists is how many OPML files there are.
const numLists = 2

// renderLists makes the OPML files: one lists the feeds of the categories, one that of all
// insights. Who imported both kinds would see every insight twice.
func (s *Set) renderLists() ([]*Document, error) {
	all := s.feeds[0]
	categories := make([]Feed, len(s.feeds)-1)
	for i, d := range s.feeds[1:] {
		categories[i] = d.feed
	}
	one, err := s.renderList("/feeds/"+nameOfAll+".opml", []Feed{all.feed})
	if err != nil {
		return nil, err
	}
	list, err := s.renderList("/feeds.opml", categories)
	return []*Document{one, list}, err
}

func (s *Set) renderList(path string, feeds []Feed) (*Document, error) {
	all := s.feeds[0]
	updated := all.documents[0].Updated
	body, err := renderOPML(all.feed, feeds, updated)
	if err != nil {
		return nil, err
	}
	d := newDocument(body, all.feed)
	d.Path, d.ContentType, d.Items, d.HomePath = path, "text/x-opml; charset=utf-8", len(feeds), "/feeds"
	d.Updated, d.Modified = updated, updated
	return d, nil
}

// lists returns the OPML files.
func (s *Set) lists() []*Document { return s.documents[len(s.documents)-numLists:] }

// Document returns the head document at that path, such as "/feeds/all.rss".
func (s *Set) Document(path string) (*Document, bool) {
	document, ok := s.byPath[path]
	return document, ok
}

// Documents returns every head document: those of all insights before those of the
// categories, which keep their order, each feed's in the order of [Formats]; the
// OPML files last.
func (s *Set) Documents() []*Document { return slices.Clone(s.documents) }

// Archives returns the paths of every archive document of the head documents, each
// feed's newest first.
func (s *Set) Archives() []string {
	var paths []string
	for _, d := range s.feeds {
		paths = append(paths, d.archivePaths(Formats()...)...)
	}
	return paths
}

// Next returns when the next insight becomes visible, which these documents lack;
// zero when none waits.
func (s *Set) Next() time.Time { return s.lib.Next() }

// Version returns a hash of the path and body of every head document: equal
// documents have equal versions, on every machine.
func (s *Set) Version() string { return s.version }

func (s *Set) add(d *Document) {
	s.documents = append(s.documents, d)
	s.byPath[d.Path] = d
}

// Names of feeds that are no category's.
const (
	nameOfAll     = "all"
	nameOfDigests = "digests" // made by package web; reserved here
)
