package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// listing is what a folder holds.
type listing struct {
	names    []string    // of insights, sorted
	unusable []*document // that would be insights, each with its fault
	notes    Faults      // about what isn't read
}

// isInsight reports the name of a file that holds an insight.
func isInsight(name string) bool {
	if name == "" || strings.ContainsRune(".#~", rune(name[0])) || strings.EqualFold(name, "README.md") || strings.EqualFold(name, "README.markdown") {
		return false
	}
	return isMarkdown(name)
}

func isMarkdown(name string) bool {
	ending := strings.ToLower(path.Ext(name))
	return ending == ".md" || ending == ".markdown"
}

// bare returns the name of an insight's file without its ending.
func bare(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// textTypes are endings of files that may be meant as insights.
var textTypes = map[string]bool{".mdown": true, ".mkd": true, ".mkdn": true, ".mdwn": true, ".mdtxt": true, ".mdx": true, ".rmd": true, ".qmd": true,
	".txt": true, ".text": true, ".rst": true, ".adoc": true, ".org": true, ".html": true, ".htm": true, ".docx": true, ".doc": true, ".odt": true, ".rtf": true}

// list lists a folder. What is there and can't be an insight is told, as far as its author
// may take it for one.
func list(fsys fs.FS) (listing, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, entry := range entries {
		l.add(fsys, entry)
	}
	return l, nil
}

func (l *listing) add(fsys fs.FS, entry fs.DirEntry) {
	name, mode := entry.Name(), entry.Type()
	if strings.ContainsRune(".#~", rune(name[0])) || strings.HasSuffix(name, "~") {
		return
	}
	if mode&fs.ModeSymlink != 0 {
		info, err := fs.Stat(fsys, name)
		if err != nil {
			switch {
			case isInsight(name):
				l.refuse(name, linkProblem(fsys, name, err))
			case name == imagesFolder:
				l.note(name, "%s", linkProblem(fsys, name, err))
			}
			return
		}
		mode = info.Mode().Type()
	}
	switch {
	case mode.IsDir():
		l.addFolder(fsys, name)
	case isInsight(name) && mode.IsRegular():
		l.names = append(l.names, name)
	case isInsight(name):
		l.refuse(name, "not a file that can be read, but a pipe or a device")
	case textTypes[strings.ToLower(path.Ext(name))]:
		l.note(name, "not read: the name of an insight ends in .md or .markdown")
	}
}

func (l *listing) refuse(name, problem string) {
	d := &document{insight: Insight{File: name}}
	d.fault(0, "%s", problem)
	l.unusable = append(l.unusable, d)
}

func (l *listing) note(name, format string, args ...any) {
	l.notes = append(l.notes, Fault{File: name, Message: fmt.Sprintf(format, args...)})
}

// linkProblem says why a symbolic link can't be followed.
func linkProblem(fsys fs.FS, name string, err error) string {
	target := "another file"
	if to, err := fs.ReadLink(fsys, name); err == nil {
		target = shorten(to)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "a link to " + target + ", which does not exist; put a copy here"
	}
	if errors.Is(err, syscall.ELOOP) {
		return "a link to " + target + ", which leads in a circle; put a copy here"
	}
	return "a link to " + target + ", which leads out of the folder; put a copy here"
}

// maxLooked bounds how many entries of a folder are looked at to find out whether it holds
// insights.
const maxLooked = 1000

// addFolder notes a folder that holds what would be insights here.
func (l *listing) addFolder(fsys fs.FS, name string) {
	if name == imagesFolder {
		return
	}
	if isInsight(name) {
		l.note(name, "a folder with the name of an insight, which is not read")
		return
	}
	found, looked := 0, 0
	_ = fs.WalkDir(fsys, name, func(_ string, entry fs.DirEntry, err error) error {
		looked++
		switch {
		case err != nil:
			return fs.SkipDir
		case looked > maxLooked:
			return fs.SkipAll
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && isInsight(entry.Name()):
			found++
		}
		return nil
	})
	switch {
	case found == 1:
		l.note(name, "a folder, which is not read: move its insight next to the others")
	case found > 1:
		l.note(name, "a folder, which is not read: move its %d insights next to the others", found)
	}
}
