package newsletter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// PresenceStore is what a Presence reads and writes.
type PresenceStore interface {
	ReportStore
	// Known returns all insights that are stored, by id.
	Known(ctx context.Context) (map[string]Known, error)
	// LibrarySeen returns when a version of the library was first seen: at, if it was not
	// before.
	LibrarySeen(ctx context.Context, version string, at time.Time) (time.Time, error)
}

// Presence reports that a daemon runs and what it shows, and sees the others. Its exported
// fields are set once; it is safe for concurrent use.
type Presence struct {
	Store   PresenceStore
	ID      string // random
	Host    string
	Version string // of the program
	Roles   []Role // none = all
	Started time.Time

	behind atomic.Bool // at the last look
	notes  atomic.Pointer[[]string]

	mu          sync.Mutex
	version     string    // of the library at the last look
	changed     time.Time // when that was first seen
	since       time.Time // when it was first seen here
	lacks       map[string]time.Time
	elsewhere   map[string]time.Time // when another daemon last showed one of them
	behindSince time.Time
	behindLast  time.Time
	first, last time.Time // of looks without a break
}

// lookWithin bounds a look: the database may not answer.
const lookWithin = 5 * time.Second

// Note sets what the following reports say that somebody should attend to.
func (p *Presence) Note(notes []string) { p.notes.Store(&notes) }

// Behind reports whether another daemon that serves pages had a newer library at the last
// Look.
func (p *Presence) Behind() bool { return p.behind.Load() }

// Look reports what this daemon shows and returns what runs beside it.
//
// Where the database was away, all have been silent. So who has only just begun to look
// counts everybody whose report is there, and forgets nobody.
func (p *Presence) Look(ctx context.Context, lib *content.Library) (*Peers, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) > ReportFor/2 {
		p.first = now
	}
	reports, err := p.Store.Reports(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what daemons report: %w", err)
	}
	var silent time.Time
	if now.Sub(p.first) > ReportFor {
		silent, reports = now.Add(-ReportFor), Running(reports, now)
	}
	var known map[string]Known // needed by others only, or once they have been there
	alone := !slices.ContainsFunc(reports, func(r DaemonReport) bool { return r.ID != p.ID })
	if !alone || len(p.elsewhere) > 0 || now.Sub(p.behindLast) < leaveFor {
		if known, err = p.Store.Known(ctx); err != nil {
			return nil, fmt.Errorf("read the insights that are known: %w", err)
		}
	}
	if version := lib.Version(); version != p.version {
		if p.changed, err = p.Store.LibrarySeen(ctx, version, now); err != nil {
			return nil, fmt.Errorf("note the version of the library: %w", err)
		}
		p.version, p.since = version, now
	}
	peers := &Peers{Own: DaemonReport{ID: p.ID, Host: p.Host, Version: p.Version, Roles: p.Roles, Started: p.Started, At: now, Library: p.library(lib, known, now)}}
	if notes := p.notes.Load(); notes != nil {
		peers.Own.Notes = *notes
	}
	for _, r := range reports {
		if r.ID != p.ID {
			peers.Others = append(peers.Others, r)
		}
	}
	p.compare(peers, now)
	p.behind.Store(peers.behindIn(RoleWeb, &peers.Own.Library))
	if err := p.Store.SaveReport(ctx, peers.Own, silent); err != nil {
		return nil, fmt.Errorf("report what this daemon shows: %w", err)
	}
	p.last = now
	return peers, nil
}

// compare says whether this daemon is behind. It stays so for a while after the others have
// gone: one that restarts, as when machines are updated one by one, is soon back.
func (p *Presence) compare(peers *Peers, now time.Time) {
	own := &peers.Own.Library
	switch {
	case peers.behind(own):
		if p.behindSince.IsZero() {
			p.behindSince = now
		}
		p.behindLast = now
	case len(own.Lacks) == 0 || now.Sub(p.behindLast) >= leaveFor:
		p.behindSince = time.Time{}
	}
	elsewhere := make(map[string]time.Time)
	for id := range own.Lacks {
		if shown, known := p.elsewhere[id]; known {
			elsewhere[id] = shown
		}
		for _, other := range peers.Others {
			if _, lacks := other.Library.Lacks[id]; !lacks {
				elsewhere[id] = now
			}
		}
	}
	p.elsewhere = elsewhere
	peers.BehindSince, peers.Elsewhere = p.behindSince, elsewhere
}

// End forgets this daemon's report: it has stopped.
func (p *Presence) End(ctx context.Context) error { return p.Store.EndReport(ctx, p.ID) }

// library compares what lib shows with what is known.
func (p *Presence) library(lib *content.Library, known map[string]Known, now time.Time) LibraryReport {
	r := LibraryReport{Version: p.version, Changed: p.changed, Since: p.since, Lacks: make(map[string]time.Time)}
	if known == nil {
		p.lacks = nil
		return r
	}
	numbering := NumberingOf(lib, 0, true)
	shown := make(map[string]bool)
	for _, v := range VisibleIn(lib) {
		shown[v.InsightID] = v.Email
	}
	for id, k := range known {
		_, there := shown[id]
		kept := !there && (numbering.Incomplete || numbering.Kept(id))
		switch {
		case k.Withdrawal.Is():
			if shown[id] || kept && k.Withdrawal.How == WithdrawnByStaff {
				r.Has = append(r.Has, id)
			}
		case !shown[id]:
			since, lacked := p.lacks[id]
			if !lacked {
				since = now
			}
			if r.Lacks[id] = since; kept {
				r.Kept = append(r.Kept, id)
			}
		}
	}
	slices.Sort(r.Has)
	slices.Sort(r.Kept)
	p.lacks = maps.Clone(r.Lacks)
	return r
}
