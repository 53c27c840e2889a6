package staticsite

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// folder is the folder that `insights build` writes. Everything is written
// into a fresh folder next to it, which then replaces it in one step: readers see
// the old site or the new one. A build that is killed leaves the old one
// and its fresh folder, which the next build removes.
//
// What others put into the folder stays: the fresh one gets a hard link to it. A
// symbolic link in the folder is one of those, and is never followed.
type folder struct {
	dir    string   // the folder, without symbolic links
	parent *os.Root // the folder that it is in
	name   string   // its name there
	lock   *os.File // the parent while a build writes there; nil in a dry run
	old    *os.Root // the folder as it is; nil: there is none
	before map[string]bool

	fresh string   // name of the fresh folder in parent; "" in a dry run
	site  *os.Root // the fresh folder
	began time.Time

	mu      sync.Mutex
	written map[string]bool
	report  Report
}

// marker is the file by which a build knows its folder, and the files of its own
// in it.
const marker = ".insights-build"

type markerFile struct {
	Format int      `json:"insights_build"` // 1
	Files  []string `json:"files"`
}

// openFolder looks at a folder, which need not exist, and unless dry makes the
// fresh one. It waits while another build writes next to it, and notes that.
func openFolder(ctx context.Context, dir string, dry bool, note func(format string, args ...any)) (*folder, error) {
	dir, err := withoutLinks(dir)
	if err != nil {
		return nil, err
	}
	b := &folder{dir: dir, name: filepath.Base(dir), began: time.Now().Truncate(time.Second), written: map[string]bool{marker: true}}
	if b.parent, err = os.OpenRoot(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	if !dry {
		err = b.waitForOthers(ctx, note)
	}
	if err == nil {
		err = b.open(dry)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *folder) open(dry bool) error {
	if dry {
		return b.openOld()
	}
	if err := b.repair(); err != nil {
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
		return "", unfit("%s can't be replaced: choose a folder inside it", dir)
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

// openOld opens the folder that is there, if a build may write to it.
func (b *folder) openOld() error {
	info, err := b.parent.Lstat(b.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return unfit("%s is not a folder: choose a folder, or a name that does not exist", b.dir)
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
		return unfit("%s is not empty and was not made by insights build, which would replace it: choose another folder, or empty this one", b.dir)
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
		return nil, false, fmt.Errorf("this version can't read its %s file: empty the folder, or choose another", marker)
	}
	files = map[string]bool{marker: true}
	for _, name := range m.Files {
		files[name] = true
	}
	return files, true, nil
}

// makeFresh makes the fresh folder with a marker by which it is known.
func (b *folder) makeFresh() error {
	name := b.prefix() + rand.Text()
	if err := b.parent.Mkdir(name, 0o755); err != nil {
		return fmt.Errorf("%w: the new folder is created next to the old one", err)
	}
	b.fresh = name
	var err error
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
func (b *folder) add(f File) error {
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
			return fmt.Errorf("%q is not a file name", name)
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
func (b *folder) unchanged(first string, variants map[string][]byte) (modified time.Time, same bool) {
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

func (b *folder) count(name string, size int, same bool) {
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
func (b *folder) create(name string, body []byte, modified time.Time) error {
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

func (b *folder) makeDirs(dir string) error {
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
