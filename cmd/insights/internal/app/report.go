package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
)

// newPresence is how a daemon shows itself to others.
func (d *Daemon) newPresence(store newsletter.PresenceStore) *newsletter.Presence {
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	return &newsletter.Presence{Store: store, ID: strings.ToLower(rand.Text()[:16]), Host: host, Version: Version, Roles: d.roles, Started: time.Now()}
}

// notesEvery is how often what somebody should attend to is looked for.
const notesEvery = 10 * time.Second

// reporting tells other daemons what this one shows, and staff in status, and once in the
// log, what they should attend to.
func (d *Daemon) reporting(ctx context.Context) error {
	var told []string
	var noted time.Time
	tick := time.NewTicker(newsletter.ReportEvery)
	defer tick.Stop()
	for {
		changed := d.live.Changed()
		if time.Since(noted) >= notesEvery {
			notes := d.notes(ctx)
			for _, note := range notes {
				if !slices.Contains(told, note) {
					d.log.Warn("attention needed", "note", note)
				}
			}
			told, noted = notes, time.Now()
			d.presence.Note(notes)
		}
		if _, err := d.presence.Look(ctx, d.live.Current()); err != nil && ctx.Err() == nil {
			d.log.Error("cannot report to status", "error", err)
		}
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if err := d.presence.End(ctx); err != nil {
				d.log.Warn("status shows this daemon for a while after its end", "error", err)
			}
			return nil
		case <-tick.C:
		case <-changed:
		}
	}
}

// notes are what this daemon alone knows of.
func (d *Daemon) notes(ctx context.Context) (notes []string) {
	note := func(text string) {
		if text != "" {
			notes = append(notes, text)
		}
	}
	note(d.app.Config.Stale())
	if noted := d.noted.Load(); noted != nil {
		notes = append(notes, *noted...)
	}
	if err := d.live.Err(); err != nil {
		note(fmt.Sprintf("the insights could not be read: %v; the last ones are served", err))
	}
	if path, ok := database.FilePath(d.app.Config.Database.URL); ok {
		note(lowDisk(filepath.Dir(path)))
	}
	daemons, sessions, allowed, err := d.app.db.Sessions(ctx)
	if err == nil { // else there is more to say than this
		note(crowded(daemons, sessions, allowed))
	}
	if reports, err := d.app.db.Reports(ctx); err == nil {
		note(newsletter.Disagreement(newsletter.Running(reports, time.Now()), time.Now()))
	}
	for _, text := range d.site.Notes() {
		note(text)
	}
	return notes
}

// crowded says that the daemons open nearly as many sessions as a server allows, so that
// commands, and another daemon, may get none, or nothing.
func crowded(daemons, sessions, allowed int) string {
	if allowed == 0 || 10*sessions <= 9*allowed {
		return ""
	}
	return fmt.Sprintf("PostgreSQL allows %d connections, and running daemons (%d) open up to %d: raise max_connections, or run fewer", allowed, daemons, sessions)
}

// Disks are called nearly full below both.
const (
	lowBytes = 1 << 30
	lowShare = 0.05
	// emptyBytes is too little for any database.
	emptyBytes = 100 << 20
)

// lowDisk says that the disk of a folder is nearly full, or nothing.
func lowDisk(dir string) string {
	free, total, ok := diskSpace(dir)
	if !ok || total == 0 || free >= emptyBytes && (free >= lowBytes || float64(free) >= lowShare*float64(total)) {
		return ""
	}
	return fmt.Sprintf("the disk of %s is nearly full: %d MB are free; make room, or nothing can be stored", dir, free>>20)
}
