package staticsite

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// finish replaces the old folder with the fresh one, unless nothing has changed.
func (b *folder) finish() error {
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

// keepOthers links files that no build wrote from the old folder into the fresh one.
func (b *folder) keepOthers() error {
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
			return fmt.Errorf("%s was not written by insights build, but the site needs its name: move it away", filepath.Join(b.dir, name))
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
			return fmt.Errorf("%s was not written by insights build and can't be kept: %w; move it away", filepath.Join(b.dir, name), err)
		}
		return nil
	})
}
