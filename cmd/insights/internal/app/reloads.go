package app

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"

	"github.com/scaledbydesign/insights/content"
)

// reloads reads the insights again and again, for content.NewLive. A folder that is empty
// by now is believed only if it is the one that held insights when it was last read:
// another one in its place is more likely a folder that is not mounted than an abandoned
// site.
type reloads struct {
	publication *Publication
	last        *content.Library // in place of no previous one, at first
	folder      fs.FileInfo      // that held insights last
}

func (r *reloads) load(previous *content.Library) (*content.Library, error) {
	previous = cmp.Or(previous, r.last)
	lib, err := r.publication.load(previous)
	if err != nil {
		return nil, err
	}
	dir := r.publication.Config.Content.Dir
	if dir == "" {
		return lib, nil
	}
	now, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("content.dir: %w", err)
	}
	empty := func(l *content.Library) bool { return len(l.All()) == 0 && len(l.Faults()) == 0 }
	switch {
	case !empty(lib):
		r.folder = now
	case previous == nil || empty(previous): // it was before
	case r.folder == nil || !os.SameFile(r.folder, now):
		return nil, fmt.Errorf("%s contains no *.md files and is not the folder that held them, as when it is not mounted; restart if that is intended", dir)
	}
	r.last = nil
	return lib, nil
}
