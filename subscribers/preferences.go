package subscribers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxCategories is how many categories readers can choose from.
const MaxCategories = 62

// CategoryEnded is the event of a category that a reader had chosen, and that was taken out
// of the configuration and gave its place to another one.
const CategoryEnded = "category_ended"

// Preferences are what a subscriber chooses.
type Preferences struct {
	Cadence    Cadence
	Categories []string // slugs
}

// String is the choice in one line: "weekly: architecture, leadership".
func (p Preferences) String() string {
	return string(p.Cadence) + ": " + strings.Join(p.Categories, ", ")
}

// normalise sorts and checks preferences against the known category slugs.
func (p Preferences) normalise(known []string) (Preferences, error) {
	cadence, err := ParseCadence(string(p.Cadence))
	if err != nil {
		return p, err
	}
	categories := slices.Compact(slices.Sorted(slices.Values(p.Categories)))
	if len(categories) == 0 {
		return p, errors.New("choose at least one category")
	}
	for _, c := range categories {
		if !slices.Contains(known, c) {
			return p, fmt.Errorf("unknown category %q: one of %s", c, strings.Join(known, ", "))
		}
	}
	return Preferences{Cadence: cadence, Categories: categories}, nil
}

// longestPause is how far ahead a pause may end.
const longestPause = 366 * 24 * time.Hour

// Prefer changes what the token's owner receives. It applies to confirmed
// subscribers; others get ErrExpired, since a sign-up of theirs would be needed.
func (r *Registry) Prefer(ctx context.Context, token string, p Preferences) (Subscriber, error) {
	p, err := p.normalise(r.Categories)
	if err != nil {
		return Subscriber{}, err
	}
	return r.edit(ctx, PreferencesToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return prefer(sub, p, now)
	})
}

// prefer is a reader's new choice of cadence and categories.
func prefer(sub *Subscriber, p Preferences, now time.Time) (Change, error) {
	switch {
	case sub.Status != Confirmed:
		return Change{}, ErrExpired
	case sub.Cadence == p.Cadence && slices.Equal(sub.Categories, p.Categories):
		return Change{}, nil
	}
	sub.Cadence, sub.Categories = p.Cadence, p.Categories
	return Change{Event: Event{At: now, What: "preferences", Source: "link", Detail: p.String()}}, nil
}

// Less is what the owner of an unsubscribe token may choose instead of leaving: a
// digest less often, or a longer pause; never more: the token never lapses, and may be
// anybody's. It applies to confirmed subscribers; others get
// ErrExpired.
func (r *Registry) Less(ctx context.Context, token string, cadence Cadence, pauseUntil time.Time) (Subscriber, error) {
	if cadence == "" {
		return r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
			if sub.Status == Confirmed && pauseUntil.Sub(sub.PausedUntil) < 24*time.Hour { // it lasts about as long already
				return Change{}, nil
			}
			return pause(sub, pauseUntil, now)
		})
	}
	cadence, err := ParseCadence(string(cadence))
	if err != nil {
		return Subscriber{}, err
	}
	return r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return slowDown(sub, cadence, now)
	})
}

// slowDown is a reader's choice of another cadence alone.
func slowDown(sub *Subscriber, cadence Cadence, now time.Time) (Change, error) {
	switch {
	case sub.Status != Confirmed:
		return Change{}, ErrExpired
	case slices.Index(Cadences[:], cadence) <= slices.Index(Cadences[:], sub.Cadence): // as seldom already
		return Change{}, nil
	}
	sub.Cadence = cadence
	return Change{Event: Event{At: now, What: "preferences", Source: "link", Detail: string(cadence)}}, nil
}

// Pause keeps digests back until a time; the zero time ends a pause. What appears
// meanwhile stays unread.
func (r *Registry) Pause(ctx context.Context, token string, until time.Time) (Subscriber, error) {
	return r.pause(ctx, PreferencesToken, token, until)
}

func (r *Registry) pause(ctx context.Context, p Purpose, token string, until time.Time) (Subscriber, error) {
	return r.edit(ctx, p, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return pause(sub, until, now)
	})
}

// pause keeps a reader's digests back until a time. One that has passed ends a pause.
func pause(sub *Subscriber, until, now time.Time) (Change, error) {
	switch {
	case sub.Status != Confirmed:
		return Change{}, ErrExpired
	case until.After(now.Add(longestPause)):
		return Change{}, errors.New("a pause can last a year at most")
	case until.After(now):
		sub.PausedUntil = until
		return Change{Event: Event{At: now, What: "paused", Source: "link", Detail: "until " + until.UTC().Format(time.RFC3339)}}, nil
	case sub.PausedUntil.IsZero():
		return Change{}, nil
	}
	sub.PausedUntil = time.Time{}
	return Change{Event: Event{At: now, What: "resumed", Source: "link"}}, nil
}

// StaffPrefer changes what a reader receives: a cadence unless it is "", categories
// unless there are none, the pause unless until is nil.
func (r *Registry) StaffPrefer(ctx context.Context, a Address, p Preferences, until *time.Time) (sub Subscriber, changed bool, err error) {
	return r.editKnown(ctx, a, func(sub *Subscriber, now time.Time) (Change, error) {
		return staffPrefer(sub, p, r.Categories, until, now)
	})
}

// staffPrefer is what staff choose for a reader, of the known categories.
func staffPrefer(sub *Subscriber, p Preferences, known []string, until *time.Time, now time.Time) (Change, error) {
	wanted := Preferences{Cadence: sub.Cadence, Categories: sub.Categories}
	if p.Cadence != "" {
		wanted.Cadence = p.Cadence
	}
	if len(p.Categories) > 0 {
		wanted.Categories = p.Categories
	}
	wanted, err := wanted.normalise(known)
	if err != nil {
		return Change{}, err
	}
	changed := wanted.Cadence != sub.Cadence || !slices.Equal(wanted.Categories, sub.Categories)
	sub.Cadence, sub.Categories = wanted.Cadence, wanted.Categories
	detail := wanted.String()
	if until != nil && !until.Equal(sub.PausedUntil) {
		sub.PausedUntil, changed = *until, true
		detail += "; not paused"
		if !until.IsZero() {
			detail = wanted.String() + "; paused until " + until.UTC().Format(time.RFC3339)
		}
	}
	if !changed {
		return Change{}, nil
	}
	return Change{Event: Event{At: now, What: "preferences", Source: "staff", Detail: detail}}, nil
}
