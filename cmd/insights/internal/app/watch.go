package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleFor lets an editor finish writing before the folder is read.
	settleFor = 50 * time.Millisecond
	// pollEvery finds changes on file systems that send no events.
	pollEvery = 2 * time.Second
)

// watch reloads the insights when a file of content.dir changes. A file that is invalid
// now stays as it was; its faults are reported once.
func (d *Daemon) watch(ctx context.Context) error {
	dir := d.app.Config.Content.Dir
	if dir == "" {
		return nil // inside the binary: they can't change
	}
	var events <-chan fsnotify.Event
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		d.log.Warn("no file events available; polling for changes", "error", err)
	} else {
		defer watcher.Close()
		if err := watcher.Add(dir); err != nil {
			d.log.Warn("no file events for content.dir; polling for changes", "error", err)
		}
		watchAlso(watcher, dir)
		events = watcher.Events
		go func() { // ends with Close
			for err := range watcher.Errors {
				d.log.Warn("file events were lost; the next poll finds the changes", "error", err)
			}
		}()
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var settled <-chan time.Time
	var seen string
	certain := false // an event was about the folder itself, not about where its links lead
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			certain = certain || within(dir, event.Name)
			settled = time.After(settleFor)
			continue
		case <-poll.C:
			now := folderState(dir)
			if now == seen {
				continue
			}
			seen = now
		case <-settled:
			now := folderState(dir)
			if settled = nil; now == seen && !certain {
				continue
			}
			seen, certain = now, false
		}
		d.reload()
		watchAlso(watcher, dir)
	}
}

// within reports whether a path is that of a folder's file or picture.
func within(dir, path string) bool {
	parent := filepath.Dir(path)
	return parent == filepath.Clean(dir) || parent == filepath.Join(dir, "images")
}

// reload reads the folder again, for whoever notices a change.
func (d *Daemon) reload() {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if err := d.live.Reload(); err != nil {
		if err.Error() != d.told {
			d.log.Error("cannot read the insights; still serving the last ones", "error", err)
		}
		d.told = err.Error()
		return
	}
	d.tellFaults()
}

// tellFaults reports what is wrong with the insights when that has changed.
func (d *Daemon) tellFaults() {
	lib := d.live.Current()
	faults, flaws := d.app.Faults(lib), d.app.Named(lib.Flaws())
	if len(faults) == 0 {
		d.reloaded.Store(time.Now().Unix())
	}
	text := append(slices.Clone(faults), flaws...).Error()
	if text == d.told {
		return
	}
	d.told = text
	if len(faults) > 0 {
		d.log.Error("files with faults are left out, or stay as they were", "files", faults.Files(), "faults", len(faults))
		d.report(faults)
	}
	if len(flaws) > 0 {
		d.log.Warn("parts of insights can't be shown as they are written", "files", flaws.Files(), "parts", len(flaws))
		d.report(flaws)
	}
	if text == "" {
		d.log.Info("all insights are valid again")
	}
}

// watchAlso watches what belongs to a folder and sends its events elsewhere: the pictures,
// and the files that links lead to. Where it can't, the next poll finds the changes.
func watchAlso(watcher *fsnotify.Watcher, dir string) {
	if watcher == nil {
		return
	}
	_ = watcher.Add(filepath.Join(dir, "images"))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		if target, err := filepath.EvalSymlinks(filepath.Join(dir, e.Name())); err == nil {
			_ = watcher.Add(filepath.Dir(target))
		}
	}
}

// folderState changes when a file of a folder, or of its images, is added,
// removed or written; of a link, when its target is.
func folderState(dir string) string {
	h := sha256.New()
	for _, d := range []string{dir, filepath.Join(dir, "images")} {
		entries, err := os.ReadDir(d)
		if err != nil {
			fmt.Fprintln(h, d, err)
			continue
		}
		for _, e := range entries {
			info, err := e.Info()
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				if target, err := os.Stat(filepath.Join(d, e.Name())); err == nil {
					info = target
				}
			}
			if err == nil {
				fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return string(h.Sum(nil))
}
