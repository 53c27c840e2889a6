package feeds

import (
	"fmt"
	"hash/fnv"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// entries makes each insight's entry once, whatever number of feeds and snapshots
// hold it in their heads: to render its HTML is most of the work.
type entries struct {
	site    Site
	setting string                // the site, written out
	frame   func() (sizes, error) // what a document takes before the entry that is measured

	mu     sync.Mutex
	made   map[string]*madeEntry // by the insight's key
	before map[string]*madeEntry // what the snapshot before had made
	keep   bool                  // also what only list asks for
}

type madeEntry struct {
	entry func() Entry
	sizes func() (sizes, error) // of the entry alone
}

// newEntries takes over what previous has made for the same site.
func newEntries(site Site, previous *Set) *entries {
	es := &entries{site: site, setting: fmt.Sprintf("%#v", site), made: map[string]*madeEntry{}}
	es.frame = sync.OnceValues(func() (sizes, error) { return measure(frame(site, placeholder)) })
	if previous != nil && previous.site == site {
		previous.entries.mu.Lock()
		defer previous.entries.mu.Unlock()
		es.before = maps.Clone(previous.entries.made)
	}
	return es
}

// key tells entries of one site apart: an insight's version knows its category by
// the slug alone.
func key(in *content.Insight) string { return in.Version() + " " + in.Category.Name }

// get returns the entry of an insight, and keeps it. A call while it is being made
// waits.
func (es *entries) get(in *content.Insight) *madeEntry {
	key := key(in)
	es.mu.Lock()
	defer es.mu.Unlock()
	made := es.made[key]
	if made == nil {
		if made = es.before[key]; made == nil {
			made = &madeEntry{entry: sync.OnceValue(func() Entry { return entryOf(in, es.site) })}
			made.sizes = sync.OnceValues(func() (sizes, error) { return es.cost(made.entry()) })
		}
		es.made[key] = made
	}
	return made
}

// placeholder is an entry to measure with.
var placeholder = Entry{ID: "x", URL: "x", Title: "x", Published: time.Unix(0, 0)}

// frame is a feed to measure with.
func frame(site Site, entries ...Entry) Feed {
	return Feed{Site: site, Name: "x", Title: "x", Path: "/", HomePath: "/", Entries: entries}
}

// cost returns what an entry adds to a document, in each format. It is measured
// beside another: lists without an entry are written in another way.
func (es *entries) cost(e Entry) (sizes, error) {
	without, err := es.frame()
	if err != nil {
		return without, err
	}
	with, err := measure(frame(es.site, placeholder, e))
	for i := range with {
		with[i] -= without[i]
	}
	return with, err
}

// list returns the entries of insights. Those that get has made are taken from it.
func (es *entries) list(insights []*content.Insight) []Entry {
	list := make([]Entry, len(insights))
	for i, in := range insights {
		es.mu.Lock()
		_, made := es.made[key(in)]
		es.mu.Unlock()
		if made || es.keep {
			list[i] = es.get(in).entry()
		} else {
			list[i] = entryOf(in, es.site)
		}
	}
	return list
}

// updated returns when an insight last changed. One that names a day, and no time, gets an
// offset within it: readers that sort by this time then keep our order, and the W3C's
// validator, which finds equal times of Atom entries doubtful, has little to remark. The
// offset is made of the insight's own order and id: what else falls on the day must not
// make it look changed.
func updated(in *content.Insight) time.Time {
	if !in.UpdatedDay {
		return in.Updated
	}
	const places, width = 12, 600 // of orders, and of ids within one, in seconds
	place := places - 1 - min(max(in.Order, 0), places-1)
	id := fnv.New32a()
	_, _ = id.Write([]byte(in.ID)) // a hash takes everything
	return in.Updated.Add(time.Duration(place*width+int(id.Sum32()%width)) * time.Second)
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
		Updated:    updated(in),
		Categories: []Category{{Slug: in.Category.Slug, Name: in.Category.Name}},
		Minutes:    in.Minutes,
		Featured:   in.Featured,
	}
	if len(e.HTML) > MaxEntry {
		e.HTML = fmt.Sprintf("<p>%s</p>\n<p><a href=\"%s\">%s</a></p>\n", html.EscapeString(e.Summary), html.EscapeString(e.URL), "Read the whole insight on the site")
	}
	for _, tag := range in.Tags {
		if !slices.ContainsFunc(e.Categories, func(c Category) bool { return c.Name == tag }) {
			e.Categories = append(e.Categories, Category{Slug: tag, Name: tag})
		}
	}
	if name, ok := strings.CutPrefix(in.Image, "images/"); ok { // an insight's page is beside the folder
		e.Image = site.BaseURL + "/insights/images/" + url.PathEscape(name)
	} else {
		e.Image = in.Image
	}
	return e
}
