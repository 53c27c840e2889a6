package content

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Library is an immutable snapshot: what a folder held when it was read, and what
// of it is visible at one time. It may be used by any number of goroutines.
// Slices it returns are shared: callers must not change them.
type Library struct {
	folder     *folder
	asOf       time.Time
	visible    []*Insight
	byCategory map[string][]*Insight
	early      map[*Insight]*Insight // in place of those whose Updated is still to come
	next       time.Time
	version    string
}

// folder is what a library keeps of the files, whatever the time.
type folder struct {
	*reading
	held
	fsys   fs.FS
	now    func() time.Time
	bySlug map[string]*Insight
	former map[string]*Insight // by the slugs that they had before
	byID   map[string]*Insight
	staff  string // hash of all, drafts and future ones included
	notes  Faults

	spelling spelling
	withheld map[string]bool
}

// equal reports whether staff see the same in both.
func (f *folder) equal(other *folder) bool {
	return f.staff == other.staff && f.unreadable == other.unreadable &&
		slices.Equal(f.faults, other.faults) && slices.Equal(f.flaws, other.flaws) && slices.Equal(f.notes, other.notes) && maps.Equal(f.spelling, other.spelling) && maps.Equal(f.faulty, other.faulty) && maps.Equal(f.withheld, other.withheld)
}

func newLibrary(f *folder) *Library {
	slices.SortFunc(f.all, func(a, b *Insight) int {
		return cmp.Or(b.Date.Compare(a.Date), cmp.Compare(a.Order, b.Order), cmp.Compare(a.Slug, b.Slug))
	})
	f.bySlug = make(map[string]*Insight, len(f.all))
	f.byID = make(map[string]*Insight, len(f.all))
	f.former = make(map[string]*Insight)
	staff := newDigest()
	for _, in := range f.all {
		f.bySlug[in.Slug], f.byID[in.ID] = in, in
		staff.add(in.File, string(in.digest[:]), strings.Join(in.Formerly, " "))
		for _, slug := range in.Formerly {
			if f.former[slug] == nil { // else a newer one's
				f.former[slug] = in
			}
		}
	}
	f.staff = staff.hex()
	return (&Library{folder: f}).At(f.now())
}

// At returns the same files as they are seen at another time. It reads nothing
// and costs a few milliseconds for 10,000 insights.
func (l *Library) At(t time.Time) *Library {
	f := l.folder
	seen := &Library{folder: f, asOf: t, byCategory: map[string][]*Insight{}}
	for _, in := range f.all {
		switch {
		case in.Draft, f.withheld[in.ID]:
		case in.visibleAt(t):
			if in.Updated.After(t) && in.Updated.After(in.Date) {
				if seen.next.IsZero() || in.Updated.Before(seen.next) {
					seen.next = in.Updated
				}
				in = seen.notYetUpdated(in)
			}
			seen.visible = append(seen.visible, in)
			seen.byCategory[in.Category.Slug] = append(seen.byCategory[in.Category.Slug], in)
		case seen.next.IsZero() || in.Date.Before(seen.next):
			seen.next = in.Date
		}
	}
	seen.visible = slices.Clip(seen.visible)
	for slug, insights := range seen.byCategory {
		seen.byCategory[slug] = slices.Clip(insights)
	}
	version := newDigest()
	for _, c := range f.categories {
		version.add(c.Slug, c.Name, c.Description)
	}
	for _, in := range seen.visible {
		version.add(string(in.digest[:]))
	}
	seen.version = version.hex()
	return seen
}

// notYetUpdated returns an insight as it is before the time that it names as its last
// change: a time to come would put it before all others, wherever people sort by it.
func (l *Library) notYetUpdated(in *Insight) *Insight {
	copied := *in
	copied.Updated = in.Date
	copied.digest = sha256.Sum256(append(in.digest[:], "not yet"...))
	if l.early == nil {
		l.early = map[*Insight]*Insight{}
	}
	l.early[in] = &copied
	return &copied
}

func (in *Insight) visibleAt(t time.Time) bool { return !in.Draft && !in.Date.After(t) }

// Insights returns what is visible, newest first: by Date, then Order, then Slug.
func (l *Library) Insights() []*Insight { return l.visible }

// In returns the visible insights of the category with that slug, newest first.
func (l *Library) In(category string) []*Insight { return l.byCategory[category] }

// All returns every insight, drafts and future ones too, in the same order: for
// staff.
func (l *Library) All() []*Insight { return l.folder.all }

// Faults are the faults of files that are left out or, if they were valid in the
// previous library, stay as they were there; sorted by file and line.
func (l *Library) Faults() Faults { return l.folder.faults }

// Faulty reports whether a file that is left out holds the insight with that id: it
// can't be shown, but it has not been withdrawn.
func (l *Library) Faulty(id string) bool { return l.folder.byID[id] == nil && l.folder.faulty[id] }

// Present reports whether any file holds the insight with that id: visible, a draft,
// in the future or faulty.
func (l *Library) Present(id string) bool { return l.folder.byID[id] != nil || l.folder.faulty[id] }

// Complete reports whether it is known of every file which insight it holds. Otherwise
// an insight that is not present may be that of a faulty file.
func (l *Library) Complete() bool { return l.folder.unreadable == 0 }

// Withheld reports whether an insight would be visible and is not, because of
// [Options.Withheld].
func (l *Library) Withheld(id string) bool {
	in := l.folder.byID[id]
	return in != nil && l.folder.withheld[id] && in.visibleAt(l.asOf)
}

// Withdrawn reports whether readers should no longer see the insight with that id,
// which they saw before: it is a draft or dated in the future, or its file is absent.
// A faulty file withdraws nothing.
func (l *Library) Withdrawn(id string) bool {
	if in := l.folder.byID[id]; in != nil {
		return !in.visibleAt(l.asOf) || l.folder.withheld[id]
	}
	return !l.folder.faulty[id] && l.Complete()
}

// Flaws are parts of insights that can't be shown as they are written: raw HTML, and links
// and pictures that have a URL without a host, which neither feeds nor emails can carry. Of
// every insight but drafts, future ones included. Each is served nevertheless, and no text
// is lost.
func (l *Library) Flaws() Faults { return l.folder.flaws }

// Notes name what authors may take for insights and nobody reads: files of other types,
// and folders; and times that are still to come where they can't be.
func (l *Library) Notes() Faults {
	notes := slices.Clone(l.folder.notes)
	for _, in := range l.folder.all {
		if !in.Draft && in.Updated.After(l.asOf) && in.Updated.After(in.Date) {
			line := 0
			if d := l.folder.documents[in.File]; d != nil {
				line = d.updatedLine
			}
			notes = append(notes, Fault{in.File, line, "updated: is in the future, " + in.Updated.Format(time.RFC3339) + "; until then pages and feeds say the date"})
		}
	}
	notes.sort()
	return notes
}

// Categories returns the categories in the order they are shown.
func (l *Library) Categories() []Category { return l.folder.categories }

// Category returns the category with that slug.
func (l *Library) Category(slug string) (Category, bool) {
	return first(l.folder.categories, func(c Category) bool { return c.Slug == slug })
}

// Renamed returns the category that had that slug before.
func (l *Library) Renamed(slug string) (Category, bool) {
	return first(l.folder.categories, func(c Category) bool { return slices.Contains(c.Formerly, slug) })
}

func first[T any](list []T, fits func(T) bool) (found T, ok bool) {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i], true
	}
	return found, false
}

// BySlug returns the visible insight with that slug.
func (l *Library) BySlug(slug string) (*Insight, bool) { return l.ifVisible(l.folder.bySlug[slug]) }

// Moved returns the visible insight that had that slug before, if no insight has it now.
func (l *Library) Moved(slug string) (*Insight, bool) {
	if _, taken := l.BySlug(slug); taken {
		return nil, false
	}
	return l.ifVisible(l.folder.former[slug])
}

// ByID returns the visible insight with that id.
func (l *Library) ByID(id string) (*Insight, bool) { return l.ifVisible(l.folder.byID[id]) }

func (l *Library) ifVisible(in *Insight) (*Insight, bool) {
	if in == nil || !in.visibleAt(l.asOf) || l.folder.withheld[in.ID] {
		return nil, false
	}
	if early := l.early[in]; early != nil {
		return early, true
	}
	return in, true
}

// Featured returns the newest visible insight that is featured, or nil.
func (l *Library) Featured() *Insight {
	featured, _ := first(l.visible, func(in *Insight) bool { return in.Featured })
	return featured
}

// Next returns when the next insight becomes visible, or the time comes that one names as
// its last change; zero when none waits.
func (l *Library) Next() time.Time { return l.next }

// AsOf returns the time for which the library tells what is visible.
func (l *Library) AsOf() time.Time { return l.asOf }

// Version returns 16 hexadecimal digits that identify everything a reader can
// see: the visible insights with their text, the sizes of their pictures, and the
// categories. Equal content has equal versions on every machine.
func (l *Library) Version() string { return l.version }

// unchanged returns what a new reading under the same circumstances may take over.
func (l *Library) unchanged(read *reading) map[string]*document {
	if l == nil || !l.folder.reading.equal(read) {
		return nil
	}
	return l.folder.documents
}

func (r *reading) equal(other *reading) bool {
	return r.location.String() == other.location.String() && reflect.DeepEqual(r.categories, other.categories)
}

// digest hashes texts such that no two lists of texts look alike.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) add(texts ...string) {
	var length [20]byte
	for _, s := range texts {
		_, _ = d.Write(append(strconv.AppendInt(length[:0], int64(len(s)), 10), ':')) // a hash takes everything
		_, _ = io.WriteString(d, s)
	}
}

func (d digest) hex() string { return hex.EncodeToString(d.Sum(nil)[:8]) }

// sum hashes what the insight's own file says to a reader.
func (in *Insight) sum() [sha256.Size]byte {
	d := newDigest()
	d.add(in.ID, in.Slug, in.Title, in.Summary, in.Category.Slug,
		in.Date.Format(time.RFC3339), in.Updated.Format(time.RFC3339), in.Author, strings.Join(in.Tags, "\n"),
		fmt.Sprint(in.Order, in.Featured, in.Draft, in.Email, in.UpdatedDay), in.Image, in.Canonical, in.body)
	return [sha256.Size]byte(d.Sum(nil))
}

// resolvedSum adds to own, the hash of the insight's own file, what other files
// contribute to its page.
func (in *Insight) resolvedSum(own [sha256.Size]byte) [sha256.Size]byte {
	if in.links == nil && in.shown == nil {
		return own
	}
	d := newDigest()
	d.add(string(own[:]))
	for _, file := range slices.Sorted(maps.Keys(in.links)) {
		d.add(file, in.links[file])
	}
	for _, name := range slices.Sorted(maps.Keys(in.shown)) {
		d.add(name, fmt.Sprint(in.shown[name]))
	}
	return [sha256.Size]byte(d.Sum(nil))
}

// State is why an insight is, or is not, to be seen.
type State string

const (
	Visible   State = "visible"
	Draft     State = "draft"
	Scheduled State = "scheduled" // dated in the future
	Taken     State = "withdrawn" // by staff: see [Options.Withheld]
)

// State is that of one of the library's insights, at the library's time.
func (l *Library) State(in *Insight) State {
	switch {
	case in.Draft:
		return Draft
	case in.Date.After(l.asOf):
		return Scheduled
	case l.folder.withheld[in.ID]:
		return Taken
	}
	return Visible
}
