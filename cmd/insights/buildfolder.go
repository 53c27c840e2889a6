package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

// buildFolder is the folder that `insights build` writes. Everything is written
// into a fresh folder beside it, which then takes its place in one step: whoever
// looks sees the old site or the new one. A build that is killed leaves the old one
// and its fresh folder, which the next build removes.
//
// What others put into the folder stays: the fresh one gets a hard link to it. A
// symbolic link in the folder is one of those, and is never followed.
type buildFolder struct {
	dir    string   // the folder, without symbolic links
	parent *os.Root // the folder that it is in
	name   string   // its name there
	old    *os.Root // the folder as it is; nil: there is none
	before map[string]bool

	fresh string   // name of the fresh folder in parent; "" in a dry run
	site  *os.Root // the fresh folder
	lock  *os.File // says while it is held that somebody writes the fresh folder
	began time.Time

	mu      sync.Mutex
	written map[string]bool
	report  buildReport
}

// buildReport is what a build came to. A file with its .gz and .br is three files.
type buildReport struct {
	Files     int   `json:"files"`
	Bytes     int64 `json:"bytes"`
	New       int   `json:"new"`
	Changed   int   `json:"changed"`
	Unchanged int   `json:"unchanged"`
	Removed   int   `json:"removed"`
	Kept      int   `json:"kept"` // put there by others
}

// marker is the file by which a build knows its folder, and the files of its own
// in it.
const marker = ".insights-build"

type markerFile struct {
	Format int      `json:"insights_build"` // 1
	Files  []string `json:"files"`
}

// openBuildFolder looks at a folder, which need not exist, and unless dry makes the
// fresh one.
func openBuildFolder(dir string, dry bool) (*buildFolder, error) {
	dir, err := withoutLinks(dir)
	if err != nil {
		return nil, err
	}
	b := &buildFolder{dir: dir, name: filepath.Base(dir), began: time.Now().Truncate(time.Second), written: map[string]bool{marker: true}}
	if b.parent, err = os.OpenRoot(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	if err := b.open(dry); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *buildFolder) open(dry bool) error {
	if dry {
		return b.openOld()
	}
	if err := b.mend(); err != nil {
		return err
	}
	if err := b.openOld(); err != nil {
		return err
	}
	return b.makeFresh()
}

// withoutLinks is the absolute path of a folder, or of one to be made, with
// symbolic links resolved: the folder is replaced, not a link to it.
func withoutLinks(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if filepath.Dir(dir) == dir {
		return "", usageError("%s can't be replaced: name a folder in it", dir)
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
		if err != nil {
			return "", fmt.Errorf("%w: create the folder first", err)
		}
		return filepath.Join(parent, filepath.Base(dir)), nil
	}
	return filepath.EvalSymlinks(dir)
}

// prefix is how names of fresh folders begin.
func (b *buildFolder) prefix() string { return "." + b.name + ".insights-build-" }

// aside is where the old folder waits while a file system that can't exchange two
// names gives its name to the fresh one.
func (b *buildFolder) aside() string { return "." + b.name + ".insights-old" }

// mend puts right what a build that was killed has left.
func (b *buildFolder) mend() error {
	if _, err := b.parent.Lstat(b.name); errors.Is(err, fs.ErrNotExist) {
		if _, err := b.parent.Lstat(b.aside()); err == nil {
			if err := b.parent.Rename(b.aside(), b.name); err != nil {
				return err
			}
		}
	}
	siblings, err := fs.ReadDir(b.parent.FS(), ".")
	if err != nil {
		return err
	}
	for _, s := range siblings {
		if s.IsDir() && (s.Name() == b.aside() || strings.HasPrefix(s.Name(), b.prefix())) {
			if err := b.removeLeftover(s.Name()); err != nil {
				return fmt.Errorf("remove what a build that was stopped has left: %w", err)
			}
		}
	}
	return nil
}

// removeLeftover removes a folder that is a build's and that nobody writes now.
func (b *buildFolder) removeLeftover(name string) error {
	lock, err := b.parent.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	entries, err := fs.ReadDir(b.parent.FS(), name)
	if err != nil {
		return err
	}
	ours := len(entries) == 0 // killed before it wrote the marker
	for _, e := range entries {
		ours = ours || e.Name() == marker && e.Type().IsRegular()
	}
	if !ours {
		return nil
	}
	return b.remove(name)
}

// remove removes a folder of builds, its marker last: should it be stopped, the
// folder is still known for one.
func (b *buildFolder) remove(name string) error {
	entries, err := fs.ReadDir(b.parent.FS(), name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != marker {
			if err := b.parent.RemoveAll(path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	return b.parent.RemoveAll(name)
}

// openOld opens the folder that is there, if a build may write to it.
func (b *buildFolder) openOld() error {
	info, err := b.parent.Lstat(b.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return usageError("%s is no folder: name one, or one to be created", b.dir)
	}
	if b.old, err = b.parent.OpenRoot(b.name); err != nil {
		return err
	}
	var made bool
	if b.before, made, err = readMarker(b.old); err != nil {
		return fmt.Errorf("%s: %w", b.dir, err)
	}
	if made {
		return nil
	}
	entries, err := fs.ReadDir(b.old.FS(), ".")
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return usageError("%s is not empty and was not made by insights build, which would replace it: name another folder, or empty this one", b.dir)
	}
	return nil
}

// readMarker returns the files that a build wrote into a folder, and whether one
// made the folder at all.
func readMarker(folder *os.Root) (files map[string]bool, made bool, err error) {
	info, err := folder.Lstat(marker)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	text, err := folder.ReadFile(marker)
	if err != nil {
		return nil, false, err
	}
	var m markerFile
	if err := json.Unmarshal(text, &m); err != nil || m.Format != 1 {
		return nil, false, fmt.Errorf("the file %s in it is no list of files as this version writes it: empty the folder, or name another", marker)
	}
	files = map[string]bool{marker: true}
	for _, name := range m.Files {
		files[name] = true
	}
	return files, true, nil
}

// makeFresh makes the fresh folder, held by a lock from the start and with a
// marker by which it is known.
func (b *buildFolder) makeFresh() error {
	name := b.prefix() + rand.Text()
	if err := b.parent.Mkdir(name, 0o755); err != nil {
		return fmt.Errorf("%w: the new folder is written beside the old one", err)
	}
	b.fresh = name
	var err error
	if b.lock, err = b.parent.Open(name); err != nil {
		return err
	}
	if err := unix.Flock(int(b.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	if b.site, err = b.parent.OpenRoot(name); err != nil {
		return err
	}
	if err := b.site.Chmod(".", 0o755); err != nil {
		return err
	}
	return b.create(marker, []byte(`{"insights_build": 1}`), time.Time{})
}

// add writes a file of the site with its encodings. When they are what they were,
// they keep their time of modification; else they get that of the site's answer,
// or the present one where there is none or it would not be later than before: web
// servers and rsync tell by the time that a file has changed. It may be called by
// several goroutines at once.
func (b *buildFolder) add(f web.StaticFile) error {
	variants := map[string][]byte{f.Name: f.Body}
	if f.Gzip != nil {
		variants[f.Name+".gz"] = f.Gzip
	}
	if f.Brotli != nil {
		variants[f.Name+".br"] = f.Brotli
	}
	modified, same := b.unchanged(f.Name, variants)
	if before := modified; !same {
		modified = f.Modified
		if modified.IsZero() || !modified.After(before) {
			modified = b.began
		}
		if !modified.After(before) {
			modified = before.Add(time.Second)
		}
	}
	for name, body := range variants {
		if !fs.ValidPath(name) {
			return fmt.Errorf("%q is no name for a file", name)
		}
		if b.site != nil {
			if err := b.create(name, body, modified); err != nil {
				return err
			}
		}
		b.count(name, len(body), same)
	}
	return nil
}

// unchanged reports whether the files are there with these bytes, and when the
// first of them was modified.
func (b *buildFolder) unchanged(first string, variants map[string][]byte) (modified time.Time, same bool) {
	same = true
	for name, body := range variants {
		if b.old == nil || !b.before[name] {
			same = false
			continue
		}
		info, err := b.old.Lstat(name)
		if err != nil || !info.Mode().IsRegular() {
			same = false
			continue
		}
		if name == first {
			modified = info.ModTime()
		}
		if info.Size() != int64(len(body)) {
			same = false
			continue
		}
		text, err := b.old.ReadFile(name)
		same = same && err == nil && bytes.Equal(text, body)
	}
	return modified, same
}

func (b *buildFolder) count(name string, size int, same bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written[name] = true
	b.report.Files++
	b.report.Bytes += int64(size)
	switch {
	case same:
		b.report.Unchanged++
	case b.before[name]:
		b.report.Changed++
	default:
		b.report.New++
	}
}

// create writes one file of the fresh folder. Modes are those that a web server
// needs, whatever the umask.
func (b *buildFolder) create(name string, body []byte, modified time.Time) error {
	if err := b.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	f, err := b.site.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil || modified.IsZero() {
		return err
	}
	return b.site.Chtimes(name, modified, modified)
}

func (b *buildFolder) makeDirs(dir string) error {
	err := b.site.Mkdir(dir, 0o755)
	switch {
	case dir == "." || errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := b.makeDirs(path.Dir(dir)); err != nil {
			return err
		}
		return b.makeDirs(dir)
	case err != nil:
		return err
	}
	return b.site.Chmod(dir, 0o755)
}

// finish puts the fresh folder in the place of the old one. A folder in which
// nothing has changed stays as it is.
func (b *buildFolder) finish() error {
	if err := b.keepOthers(); err != nil {
		return err
	}
	for name := range b.before {
		if !b.written[name] {
			b.report.Removed++
		}
	}
	if b.site == nil || b.before != nil && b.report.New+b.report.Changed+b.report.Removed == 0 {
		return nil
	}
	files := slices.Sorted(maps.Keys(b.written))
	list, err := json.MarshalIndent(markerFile{1, slices.DeleteFunc(files, func(name string) bool { return name == marker })}, "", " ")
	if err != nil {
		return err
	}
	if err := b.create(marker, append(list, '\n'), time.Time{}); err != nil {
		return err
	}
	// Else the names could be on the disk before the files are, when power fails.
	if err := unix.Syncfs(int(b.lock.Fd())); err != nil {
		return &fs.PathError{Op: "sync", Path: b.dir, Err: err}
	}
	return b.swap()
}

// keepOthers links into the fresh folder what others put into the old one.
func (b *buildFolder) keepOthers() error {
	if b.old == nil {
		return nil
	}
	folders := map[string]bool{".": true}
	for _, names := range []map[string]bool{b.before, b.written} {
		for name := range names {
			for dir := path.Dir(name); !folders[dir]; dir = path.Dir(dir) {
				folders[dir] = true
			}
		}
	}
	return fs.WalkDir(b.old.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && folders[name] || !entry.IsDir() && b.before[name]:
			return nil
		case b.written[name] || folders[name]:
			return fmt.Errorf("%s is not what insights build wrote, and the site needs its name: move it away", filepath.Join(b.dir, name))
		case entry.IsDir():
			if b.site == nil {
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			return errors.Join(b.makeDirs(name), b.site.Chmod(name, info.Mode().Perm()))
		}
		b.report.Kept++
		if b.site == nil {
			return nil
		}
		if err := b.makeDirs(path.Dir(name)); err != nil {
			return err
		}
		if err := b.parent.Link(path.Join(b.name, name), path.Join(b.fresh, name)); err != nil {
			return fmt.Errorf("%s was put there by somebody else and can't be kept: %w; move it away", filepath.Join(b.dir, name), err)
		}
		return nil
	})
}

func (b *buildFolder) swap() error {
	if b.old == nil {
		if err := b.parent.Rename(b.fresh, b.name); err != nil {
			return err
		}
		b.fresh = ""
		return nil
	}
	parent, err := b.parent.Open(".")
	if err != nil {
		return err
	}
	defer parent.Close()
	fd := int(parent.Fd())
	err = unix.Renameat2(fd, b.fresh, fd, b.name, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system can
		return b.swapInTwoSteps()
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: b.fresh, New: b.dir, Err: err}
	}
	return nil // the old folder has the fresh one's name now: close removes it
}

// swapInTwoSteps leaves a moment without the folder. When it is killed in that
// moment, the next build puts the old one back.
func (b *buildFolder) swapInTwoSteps() error {
	if err := b.parent.Rename(b.name, b.aside()); err != nil {
		return err
	}
	if err := b.parent.Rename(b.fresh, b.name); err != nil {
		return errors.Join(err, b.parent.Rename(b.aside(), b.name))
	}
	b.fresh = b.aside()
	return nil
}

// close removes the fresh folder or, when it has taken the old one's place, the old.
func (b *buildFolder) close() error {
	var err error
	if b.fresh != "" {
		err = b.remove(b.fresh)
	}
	for _, root := range []*os.Root{b.old, b.site, b.parent} {
		if root != nil {
			root.Close()
		}
	}
	if b.lock != nil {
		b.lock.Close()
	}
	return err
}

// unwritable says of an error while a folder was written what to do next.
func unwritable(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is full: free some space; %s is as it was: %w", dir, err)
	}
	return err
}
