package content

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxFile bounds an insight's file, in bytes.
const maxFile = 1 << 20

// Options say how to read a folder.
type Options struct {
	Categories []Category       // in the order they are shown; names and slugs unique
	Location   *time.Location   // the site's zone: of dates without a time, and of all dates shown; nil means UTC
	Now        func() time.Time // nil means time.Now
	Previous   *Library         // spares the parsing of files that haven't changed since, and stands in for those that have faults now; may be nil

	// Known are the ids of the insights that readers know, by slug: a file that gives
	// another id to one of them is at fault, and of two files that share an id or an
	// address, the one that is known is served.
	Known map[string][]string
	// Withheld are the ids of insights that are not to be seen although their files are
	// there: staff have withdrawn them.
	Withheld map[string]bool
}

// reading is what the parsing of a file depends on besides the file.
type reading struct {
	categories []Category
	location   *time.Location
}

// Load reads the insights of a folder: the *.md and *.markdown files at its root,
// README.md, hidden and editors' temporary files excluded, and the pictures in images/.
// What looks like an insight but isn't read is named: see [Library.Notes]. The files are
// read in parallel. A file that has faults is left out, or stays as it was
// in the previous library; [Library.Faults] names it. An error means that the folder
// or the options can't be used. An empty folder is an empty library.
func Load(fsys fs.FS, opts Options) (*Library, error) {
	if err := checkCategories(opts.Categories); err != nil {
		return nil, err
	}
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	read := &reading{categories: slices.Clone(opts.Categories), location: opts.Location}
	if read.location == nil {
		read.location = time.UTC
	}
	listed, err := list(fsys)
	if err != nil {
		return nil, fmt.Errorf("read the folder of insights: %w", err)
	}
	documents := append(parseAll(fsys, listed.names, read, opts.Previous.unchanged(read)), listed.unusable...)
	r := &resolver{fsys: fsys, reading: read, previous: opts.Previous, known: opts.Known, spelling: spell(fsys), pictures: map[string]picture{}}
	return newLibrary(&folder{fsys: fsys, reading: read, now: now, held: r.resolve(documents), notes: listed.notes, spelling: r.spelling, withheld: opts.Withheld}), nil
}

// checkCategories refuses what could not be told apart.
func checkCategories(categories []Category) error {
	var errs []error
	for i, c := range categories {
		switch {
		case !slugForm.MatchString(c.Slug):
			errs = append(errs, fmt.Errorf("category %q: slug %q must consist of a-z, 0-9 and single hyphens between them", c.Name, c.Slug))
		case strings.TrimSpace(c.Name) == "":
			errs = append(errs, fmt.Errorf("category %q: name is empty", c.Slug))
		}
		for _, other := range categories[:i] {
			if c.Slug == other.Slug || strings.EqualFold(c.Name, other.Name) {
				errs = append(errs, fmt.Errorf("categories %q and %q: slug or name is the same; give each its own", other.Name, c.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// parseAll reads and parses the files in parallel. Files that vanish meanwhile
// are skipped: editors replace a file by renaming another.
func parseAll(fsys fs.FS, names []string, read *reading, previous map[string]*document) []*document {
	documents := make([]*document, len(names))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		workers.Go(func() {
			buffer := make([]byte, maxFile+1)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(names) {
					return
				}
				documents[i] = readDocument(fsys, names[i], read, previous[names[i]], buffer)
			}
		})
	}
	workers.Wait()
	return slices.DeleteFunc(documents, func(d *document) bool { return d == nil })
}

// readDocument reads one file into buffer and parses it, unless it is still what
// it was; nil when it doesn't exist.
func readDocument(fsys fs.FS, name string, read *reading, before *document, buffer []byte) *document {
	n, err := readInto(fsys, name, buffer)
	d := &document{insight: Insight{File: name}}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		d.fault(0, "can't be read: %v", err)
		return d
	case n > maxFile:
		d.fault(0, "larger than 1 MiB; move pictures to the folder images/ and link to them")
		d.salvageID(string(buffer[:maxSalvage]))
		return d
	case before != nil && before.source == string(buffer[:n]): // compares without a copy
		return before
	}
	return parseDocument(name, string(buffer[:n]), read)
}

func readInto(fsys fs.FS, name string, buffer []byte) (int, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.ReadFull(f, buffer)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

//go:embed insights
var embedded embed.FS

// Embedded returns the insights compiled into the program: a file system whose
// root holds the Markdown files and the images folder.
func Embedded() fs.FS {
	sub, err := fs.Sub(embedded, "insights")
	if err != nil {
		panic("content: embedded insights: " + err.Error()) // the name is a constant; fs.Sub fails only on a malformed one
	}
	return sub
}
