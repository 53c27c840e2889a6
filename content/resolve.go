package content

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// resolve turns documents into insights: it checks what only all files together
// can tell (ids and addresses given twice, links and pictures that lead nowhere)
// and connects links with the insights they name. The faults of the documents
// themselves come first.
func resolve(fsys fs.FS, documents []*document) ([]*Insight, Faults) {
	r := &resolver{fsys: fsys, files: byFile(documents), pictures: map[string]picture{}}
	for _, d := range documents {
		r.faults = append(r.faults, d.faults...)
	}
	r.checkUnique(documents, "id: ", func(d *document) (string, int) { return d.insight.ID, d.idLine })
	r.checkUnique(documents, "the address "+insightsPath, func(d *document) (string, int) { return d.insight.Slug, d.slugLine })
	insights := make([]*Insight, len(documents))
	for i, d := range documents {
		insights[i] = r.connect(d)
	}
	return insights, r.faults
}

type resolver struct {
	fsys     fs.FS
	files    map[string]*document
	pictures map[string]picture
	faults   Faults
	hints    int // given so far
}

// picture is a file of the images folder as it was found.
type picture struct {
	image   image
	problem string
}

// checkUnique notes each file that has the same value as an earlier one.
func (r *resolver) checkUnique(documents []*document, what string, value func(*document) (string, int)) {
	first := make(map[string]*document, len(documents))
	for _, d := range documents {
		v, line := value(d)
		if v == "" { // at fault already
			continue
		}
		if other := first[v]; other != nil {
			_, otherLine := value(other)
			r.faults = append(r.faults, Fault{d.insight.File, line, fmt.Sprintf(
				"%s%s is also that of %s:%d; give one of the two files another", what, v, other.insight.File, otherLine)})
			continue
		}
		first[v] = d
	}
}

// connect makes the insight of a document, with its links and pictures resolved.
// A link to a draft or a future insight is a link like any other: its address is
// known and will be good when it is published.
func (r *resolver) connect(d *document) *Insight {
	in := d.insight
	for _, m := range d.mentions {
		switch m.kind {
		case toInsight:
			target, ok := r.files[m.file]
			if !ok {
				r.fault(d, m.line, "link to "+m.file+": no such file", m.file, slices.Collect(maps.Keys(r.files)))
				continue
			}
			if in.links == nil {
				in.links = map[string]string{}
			}
			in.links[m.file] = target.insight.Slug
		case toImage:
			found, known := r.pictures[m.file]
			if !known {
				found.image, found.problem = imageProblem(r.fsys, m.file)
				r.pictures[m.file] = found
			}
			if found.problem != "" {
				r.fault(d, m.line, "image "+m.file+": "+found.problem, m.file, r.imageNames())
				continue
			}
			if in.shown == nil {
				in.shown = map[string]image{}
			}
			in.shown[m.file] = found.image
		}
	}
	in.digest = in.resolvedSum(d.insight.digest)
	return &in
}

// fault notes a name that leads nowhere, with the name most likely meant. The
// search is slow in a large folder with many faults, so only the first get one.
func (r *resolver) fault(d *document, line int, message, name string, candidates []string) {
	if r.hints++; r.hints <= 20 {
		slices.Sort(candidates)
		if near := Nearest(name, candidates); near != "" && near != name {
			message += "; did you mean " + near + "?"
		}
	}
	r.faults = append(r.faults, Fault{d.insight.File, line, message})
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
