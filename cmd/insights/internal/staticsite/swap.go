package staticsite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// waitForOthers waits until no other build writes into the parent. Two at once would
// take each other's folders for leftovers.
func (b *folder) waitForOthers(ctx context.Context, note func(format string, args ...any)) error {
	var err error
	if b.lock, err = b.parent.Open("."); err != nil {
		return err
	}
	for said := false; ; said = true {
		err := unix.Flock(int(b.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil // locked, or on a file system that can't lock folders
		}
		if !said {
			note("waiting for another build in %s", b.parent.Name())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// swap gives the fresh folder the name of the old one.
func (b *folder) swap() error {
	if b.old == nil {
		if err := b.parent.Rename(b.fresh, b.name); err != nil {
			return err
		}
		b.fresh = ""
		return nil
	}
	fd := int(b.lock.Fd())
	err := unix.Renameat2(fd, b.fresh, fd, b.name, unix.RENAME_EXCHANGE)
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
func (b *folder) swapInTwoSteps() error {
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
func (b *folder) close() error {
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

// prefix is how names of fresh folders begin.
func (b *folder) prefix() string { return "." + b.name + ".insights-build-" }

// aside is where the old folder waits while a file system that can't exchange two
// names gives its name to the fresh one.
func (b *folder) aside() string { return "." + b.name + ".insights-old" }

// repair undoes and removes what a killed build has left.
func (b *folder) repair() error {
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
				return fmt.Errorf("remove the leftovers of a stopped build: %w", err)
			}
		}
	}
	return nil
}

// removeLeftover removes a folder that is a build's.
func (b *folder) removeLeftover(name string) error {
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
func (b *folder) remove(name string) error {
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
