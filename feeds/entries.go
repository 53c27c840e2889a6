package feeds

import (
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// entries makes each insight's entry once, whatever number of feeds and snapshots
// hold it in their heads: to render its HTML is most of the work.
type entries struct {
	site   Site
	frame  func() (sizes, error)              // what a document takes without entries
	offset map[*content.Insight]time.Duration // see offsets
	mu     sync.Mutex
	made   map[string]*madeEntry // by the insight's version
	before map[string]*madeEntry // what the snapshot before had made
}

type madeEntry struct {
	once  sync.Once
	entry Entry
	sizes sizes // of the entry alone
	err   error
}

// newEntries takes over what previous has made for the same site.
func newEntries(lib *content.Library, site Site, previous *Set) *entries {
	es := &entries{site: site, frame: sync.OnceValues(func() (sizes, error) { return measure(frame(site)) }), offset: offsets(lib.Insights()), made: map[string]*madeEntry{}}
	if previous != nil && previous.site == site {
		previous.entries.mu.Lock()
		defer previous.entries.mu.Unlock()
		es.before = maps.Clone(previous.entries.made)
	}
	return es
}

// get returns the entry of an insight and what it adds to a document, and keeps it.
func (es *entries) get(in *content.Insight) (*madeEntry, error) {
	es.mu.Lock()
	made := es.made[in.Version()]
	if made == nil {
		if made = es.before[in.Version()]; made == nil {
			made = new(madeEntry)
		}
		es.made[in.Version()] = made
	}
	es.mu.Unlock()
	made.once.Do(func() { // waits for whoever is making it
		made.entry = entryOf(in, es.site)
		made.sizes, made.err = es.cost(made.entry)
	})
	return made, made.err
}

// frame is a feed without entries, to measure by.
func frame(site Site) Feed { return Feed{Site: site, Name: "x", Title: "x", Path: "/", HomePath: "/"} }

// cost returns what an entry adds to a document in each format.
func (es *entries) cost(e Entry) (sizes, error) {
	without, err := es.frame()
	if err != nil {
		return without, err
	}
	f := frame(es.site)
	f.Entries = []Entry{e}
	with, err := measure(f)
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
		made := es.made[in.Version()]
		es.mu.Unlock()
		if made != nil {
			list[i] = made.entry
		} else {
			list[i] = entryOf(in, es.site)
		}
		list[i].Updated = es.updated(in)
	}
	return list
}

// updated returns when an insight last changed, apart from every other's.
func (es *entries) updated(in *content.Insight) time.Time { return in.Updated.Add(es.offset[in]) }

// offsets tells insights apart that changed in the same instant, as those of one
// day do: each but the oldest is a second later than the one before it. Readers
// that sort by this time then keep our order, and the W3C's validator, which finds
// equal times of Atom entries doubtful, has nothing to remark.
func offsets(insights []*content.Insight) map[*content.Insight]time.Duration {
	offset := map[*content.Insight]time.Duration{}
	seen := make(map[int64]time.Duration, len(insights))
	for _, in := range slices.Backward(insights) {
		at := in.Updated.Unix()
		if same, ok := seen[at]; ok {
			offset[in] = same + time.Second
		}
		seen[at] = offset[in]
	}
	return offset
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
