package content

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"golang.org/x/text/unicode/norm"
)

// held is what the files of a folder hold together.
type held struct {
	documents  map[string]*document // by file: those whose insights are served
	all        []*Insight
	faults     Faults
	flaws      Faults          // see [Library.Flaws]
	faulty     map[string]bool // ids of the insights that faulty files hold
	unreadable int             // faulty files that may hold any insight
}

// resolver finds out what only all files together can tell: ids and addresses given
// twice, ids that have changed, links and pictures that lead nowhere.
type resolver struct {
	*reading
	fsys     fs.FS
	previous *Library
	known    map[string][]string

	files    map[string]*file // by name, composed
	spelling spelling
	pictures map[string]picture
	hints    int // given so far
}

// file is a file of the folder: what it says, and what is served of it.
type file struct {
	*document           // as it is
	faults    Faults    // of the file, also those that only the others show
	was       string    // the id that it should have; "" = no objection
	served    *document // as it is, or as it was when it was valid; nil = nothing
}

// picture is a file of the images folder as it was found.
type picture struct {
	image   image
	problem string
}

// resolve turns documents into insights. A document that is at fault by itself or
// among the others is replaced by its previous version, or left out: no fault of one
// file is a fault of another.
func (r *resolver) resolve(documents []*document) held {
	r.files = make(map[string]*file, len(documents))
	files := make([]*file, len(documents))
	for i, d := range documents {
		files[i] = &file{document: d, faults: slices.Clone(d.faults)}
		r.files[norm.NFC.String(d.insight.File)] = files[i]
	}
	for _, f := range files {
		r.checkMentions(f)
	}
	r.checkIDs(files)
	for _, f := range files {
		f.served = f.document
		if len(f.faults) > 0 {
			f.served = r.standIn(f, files)
		}
	}
	r.checkUnique(files)
	return r.held(files)
}

// held gathers what is served, what is at fault, and which insights that concerns.
func (r *resolver) held(files []*file) held {
	h := held{documents: make(map[string]*document, len(files)), all: make([]*Insight, 0, len(files)), faulty: map[string]bool{}}
	served := make(map[string]bool, len(files))
	for _, f := range files {
		h.faults = append(h.faults, f.faults...)
		if !f.insight.Draft {
			h.flaws = append(h.flaws, f.flaws...)
		}
		if f.served != nil {
			h.documents[f.insight.File] = f.served
			h.all = append(h.all, r.connect(f.served))
			served[f.served.insight.ID] = true
		}
	}
	h.flaws = append(h.flaws, r.takenSlugs(h.all)...)
	for _, f := range files {
		if len(f.faults) == 0 || f.served != nil {
			continue
		}
		id := cmp.Or(f.was, f.insight.ID)
		if before := r.before(f); id == "" && before != nil && !served[before.insight.ID] {
			id = before.insight.ID
		}
		if id == "" {
			h.unreadable++
			continue
		}
		h.faulty[id] = true
	}
	h.faults.sort()
	h.flaws.sort()
	return h
}

// takenSlugs notes former slugs that are another insight's now: they lead there.
func (r *resolver) takenSlugs(insights []*Insight) Faults {
	var flaws Faults
	var holders map[string]*Insight
	for _, in := range insights {
		for _, slug := range in.Formerly {
			if holders == nil {
				holders = make(map[string]*Insight, len(insights))
				for _, in := range insights {
					holders[in.Slug] = in
				}
			}
			if holder := holders[slug]; holder != nil {
				flaws = append(flaws, Fault{File: in.File, Message: fmt.Sprintf(
					"formerly: %s is the address of %s, where it leads; leave it out here", insightsPath+slug, holder.File)})
			}
		}
	}
	return flaws
}

// before returns the version of a file that was served previously.
func (r *resolver) before(f *file) *document {
	if r.previous == nil {
		return nil
	}
	return r.previous.folder.documents[f.insight.File]
}

// standIn returns the previous version of what a faulty file holds, under its name or,
// if it was renamed as well, its id; nil when there is none, or when another file has
// taken the insight over.
func (r *resolver) standIn(f *file, files []*file) *document {
	before := r.before(f)
	if before == nil && r.previous != nil && f.insight.ID != "" {
		if in := r.previous.folder.byID[f.insight.ID]; in != nil && r.files[norm.NFC.String(in.File)] == nil {
			before = r.previous.folder.documents[in.File]
		}
	}
	if before == nil {
		return nil
	}
	if id := before.insight.ID; f.insight.ID != id && f.was != id && slices.ContainsFunc(files, func(other *file) bool {
		return other != f && other.insight.ID == id && len(other.faults) == 0
	}) {
		return nil
	}
	if before.insight.File == f.insight.File && r.previous.folder.reading.equal(r.reading) {
		return before
	}
	again := parseDocument(f.insight.File, before.source, r.reading)
	if len(again.faults) > 0 { // a category that is no longer there
		return nil
	}
	return again
}

// checkIDs notes each file that gives a known insight another id.
func (r *resolver) checkIDs(files []*file) {
	if len(r.known) == 0 {
		return
	}
	everKnown := map[string]bool{}
	for _, ids := range r.known {
		for _, id := range ids {
			everKnown[id] = true
		}
	}
	holds := func(id string) bool {
		return slices.ContainsFunc(files, func(f *file) bool { return f.insight.ID == id })
	}
	for _, f := range files {
		in := &f.insight
		// One that readers know by now is not taken away from them.
		if in.ID == "" || in.Slug == "" || everKnown[in.ID] {
			continue
		}
		for _, id := range r.known[in.Slug] {
			if !holds(id) { // else it has another address now
				f.was = id
				f.faults = append(f.faults, changedID(in, f.idLine, id))
				break
			}
		}
	}
}

func changedID(in *Insight, line int, was string) Fault {
	return Fault{File: in.File, Line: line, Message: fmt.Sprintf(
		"id: was %s, as the database knows %s, and is %s now: readers would see the insight as new; put the old id back or, if it is another insight, give it a slug of its own",
		was, in.Path(), in.ID)}
}

// ChangedIDs compares the insights with those that were known before, as ids by slug: an
// insight whose id has changed would be new to every reader. Unlike [Load], it also tells
// of those whose new id is known by now.
func (l *Library) ChangedIDs(known map[string][]string) Faults {
	var faults Faults
	for _, in := range l.All() {
		ids := known[in.Slug]
		if len(ids) == 0 || slices.Contains(ids, in.ID) && len(ids) == 1 {
			continue
		}
		i := slices.IndexFunc(ids, func(id string) bool { return !l.Present(id) }) // else it has another address now
		if i < 0 {
			continue
		}
		line := 0
		if d := l.folder.documents[in.File]; d != nil {
			line = d.idLine
		}
		faults = append(faults, changedID(in, line, ids[i]))
	}
	return faults
}

// checkUnique notes each file that has the id or the address of another. Of two that
// are valid by themselves, the one that was there before is served.
func (r *resolver) checkUnique(files []*file) {
	ranks := make(map[*file]int, len(files))
	for _, f := range files {
		ranks[f] = r.rank(f)
	}
	ordered := slices.Clone(files)
	slices.SortStableFunc(ordered, func(a, b *file) int { return ranks[a] - ranks[b] })
	ids, slugs := map[string]*file{}, map[string]*file{}
	for _, f := range ordered {
		r.claim(f, ids, "id: ", func(d *document) (string, int) { return d.insight.ID, d.idLine })
		r.claim(f, slugs, "the address "+insightsPath, func(d *document) (string, int) { return d.insight.Slug, d.slugLine })
	}
	for _, f := range files { // the newcomers among the losers may have been something else before
		if f.served != f.document || len(f.faults) == 0 {
			continue
		}
		f.served = r.standIn(f, files)
		if f.served == nil {
			continue
		}
		id, slug := f.served.insight.ID, f.served.insight.Slug
		if f.mayNot(ids[id]) || f.mayNot(slugs[slug]) {
			f.served = nil
			continue
		}
		ids[id], slugs[slug] = f, f
	}
}

// mayNot reports whether what a file would claim is served of another.
func (f *file) mayNot(holder *file) bool { return holder != nil && holder != f && holder.served != nil }

// rank says how early a file's claims to its id and address are heard: first what was
// served before, then what readers know by this address, then what is new, such as a copy,
// and last what isn't served.
func (r *resolver) rank(f *file) int {
	const incumbent, known, newcomer, out = 0, 1, 2, 3
	switch {
	case f.served == nil:
		return out
	case f.served != f.document:
		return incumbent
	case r.previous != nil:
		if in := r.previous.folder.byID[f.insight.ID]; in != nil && in.Slug == f.insight.Slug && in.File == f.insight.File {
			return incumbent
		}
	}
	if slices.Contains(r.known[f.insight.Slug], f.insight.ID) {
		return known
	}
	return newcomer
}

// claim notes a fault of the file if another has the value already.
func (r *resolver) claim(f *file, taken map[string]*file, what string, value func(*document) (string, int)) {
	d := f.document
	if f.served != nil {
		d = f.served
	}
	v, line := value(d)
	if v == "" { // at fault already
		return
	}
	other := taken[v]
	if other == nil {
		taken[v] = f
		return
	}
	holder := other.document
	if other.served != nil {
		holder = other.served
	}
	_, otherLine := value(holder)
	f.faults = append(f.faults, Fault{f.insight.File, line, fmt.Sprintf(
		"%s%s is also that of %s:%d; give one of the two files another", what, v, other.insight.File, otherLine)})
	if f.served != f.document {
		f.served = nil
	}
}

// checkMentions notes links and pictures that lead nowhere.
func (r *resolver) checkMentions(f *file) {
	for _, m := range f.mentions {
		switch m.kind {
		case toInsight:
			if r.files[m.file] == nil {
				r.fault(f, m.line, "link to "+m.file+": no such file", m.file, slices.Collect(maps.Keys(r.files)))
			}
		case toImage:
			if found := r.picture(m.file); found.problem != "" {
				r.fault(f, m.line, "image "+m.file+": "+found.problem, m.file, r.imageNames())
			}
		}
	}
}

func (r *resolver) picture(name string) picture {
	found, known := r.pictures[name]
	if !known {
		found.image, found.problem = imageProblem(r.fsys, name, r.spelling)
		r.pictures[name] = found
	}
	return found
}

// connect makes the insight of a document, with its links and pictures resolved. A link
// to an insight that can't be seen is a link like any other: its address is known and
// will be good when it is published. What has gone since a document was valid is shown
// without a link.
func (r *resolver) connect(d *document) *Insight {
	in := d.insight
	for _, m := range d.mentions {
		switch m.kind {
		case toInsight:
			if slug := r.slugOf(m.file); slug != "" {
				if in.links == nil {
					in.links = map[string]string{}
				}
				in.links[m.file] = slug
			}
		case toImage:
			if found := r.picture(m.file); found.problem == "" {
				if in.shown == nil {
					in.shown = map[string]image{}
				}
				in.shown[m.file] = found.image
			}
		}
	}
	in.digest = in.resolvedSum(d.insight.digest)
	return &in
}

// slugOf returns the slug of what a file holds; "" when nobody knows.
func (r *resolver) slugOf(name string) string {
	switch f := r.files[name]; {
	case f == nil:
		return ""
	case f.served != nil:
		return f.served.insight.Slug
	default:
		return f.insight.Slug
	}
}

// fault notes a name that leads nowhere, with the name most likely meant. The
// search is slow in a large folder with many faults, so only the first get one.
func (r *resolver) fault(f *file, line int, message, name string, candidates []string) {
	if r.hints++; r.hints <= 20 {
		slices.Sort(candidates)
		if near := Nearest(name, candidates); near != "" && near != name {
			message += "; did you mean " + near + "?"
		}
	}
	f.faults = append(f.faults, Fault{f.insight.File, line, message})
}

func (r *resolver) imageNames() []string {
	entries, err := fs.ReadDir(r.fsys, imagesFolder)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, path.Join(imagesFolder, e.Name()))
	}
	return names
}
