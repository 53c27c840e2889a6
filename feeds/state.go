package feeds

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// State identifies what the documents at a path contain at present.
type State struct {
	Path    string    // without the format's extension; that of an OPML file is whole
	Version string    // changes when a document's bytes do
	Updated time.Time // newest change of what they hold
}

// Recorded is what is remembered of the documents at a path.
type Recorded struct {
	Version string
	Changed time.Time // in whole seconds
}

// Record returns what is to be remembered of the state, given what was: the zero
// Recorded for a path that is new. Documents that are new changed when the newest of
// their content did, so that a fresh database says the same as any other. Each change
// has a second of its own, since HTTP compares them (RFC 9110, section 8.8.2).
func (s State) Record(before Recorded, now time.Time) (r Recorded, changed bool) {
	now, updated := now.UTC().Truncate(time.Second), s.Updated.UTC().Truncate(time.Second)
	switch {
	case before.Version == s.Version:
		return before, false
	case before.Version != "":
		if now.After(before.Changed) {
			return Recorded{s.Version, now}, true
		}
		return Recorded{s.Version, before.Changed.Add(time.Second)}, true
	case updated.After(now): // content may carry a date in the future
		return Recorded{s.Version, now}, true
	}
	return Recorded{s.Version, updated}, true
}

// States returns the state of every feed's own document, of its archives and of
// the OPML files. To remember them is to know when a document last changed, which
// the dates of its insights don't say: one may be taken away, or appear late.
func (s *Set) States() []State {
	var states []State
	for _, d := range s.feeds {
		var hashes []string
		for _, document := range d.documents {
			hashes = append(hashes, document.Hash)
		}
		states = append(states, State{d.feed.Path, strings.Join(hashes, " "), d.documents[0].Updated})
		for i, a := range d.archives {
			updated := updated(slices.MaxFunc(a.insights, func(a, b *content.Insight) int {
				return updated(a).Compare(updated(b))
			}))
			states = append(states, State{
				documentPath(d.feed.Path, a.name),
				s.entries.sum(d.feed, d.archiveName(i+1), a.insights),
				updated.UTC().Truncate(time.Second),
			})
		}
	}
	for _, list := range s.lists() {
		states = append(states, State{list.Path, list.Hash, list.Updated})
	}
	return states
}

// Gone reports whether there was a document at a path, by what Dated was told, and
// does not exist any more.
func (s *Set) Gone(path string) bool {
	name, archive, _, ok := splitAddress(path)
	if !ok {
		return false
	}
	if d := s.pagedFeed(name); d != nil && (archive == "" || d.archiveNamed(archive) >= 0) {
		return false
	}
	if !strings.Contains(name, "+") {
		return s.had(name, archive)
	}
	// Of feeds of several categories there is no record, but of each category. Such a feed
	// lives on as long as one of them does: see Canonical.
	for slug := range strings.SplitSeq(name, "+") {
		if _, present := s.category(slug); present || slug == nameOfAll || !s.had(slug, "") {
			return false
		}
	}
	return true
}

// had reports whether there was a feed, or that archive of it, by what Dated was told.
func (s *Set) had(slug, archive string) bool {
	_, known := s.changed[documentPath("/feeds/"+slug, archive)]
	return known
}

// Dated returns the same documents with the times at which their states last
// changed, by the path of the state; paths that are no longer in use may be among
// them. A document without one keeps the newest date of its insights.
func (s *Set) Dated(changed map[string]time.Time) *Set {
	set := *s
	set.changed = maps.Clone(changed)
	set.byPath = make(map[string]*Document, len(s.byPath))
	set.documents, set.feeds = nil, nil
	for _, d := range s.feeds {
		divided := *d
		divided.documents = nil // the dated ones: the next Build takes them over
		for _, document := range d.documents {
			dated := set.dated(document)
			divided.documents = append(divided.documents, dated)
			set.add(dated)
		}
		set.feeds = append(set.feeds, &divided)
	}
	for _, list := range s.lists() {
		set.add(set.dated(list))
	}
	return &set
}

// dated returns the document with its Modified. That of a feed of several
// categories is the latest of theirs: it changes when one of them does.
func (s *Set) dated(d *Document) *Document {
	stem := d.Path
	if d.Format != "" {
		stem = strings.TrimSuffix(d.Path, "."+d.Format.String())
	}
	modified := s.changed[stem]
	if strings.Contains(d.Feed, "+") {
		for slug := range strings.SplitSeq(d.Feed, "+") {
			for path, at := range s.changed {
				if (path == "/feeds/"+slug || strings.HasPrefix(path, "/feeds/"+slug+"/")) && at.After(modified) {
					modified = at
				}
			}
		}
	}
	if !modified.After(d.Updated) {
		modified = d.Updated
	}
	if modified.Equal(d.Modified) {
		return d
	}
	copied := *d
	copied.Modified = modified
	return &copied
}
