package subscribers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What staff do for a reader who asked for it.

// StaffUnsubscribe ends mail to an address. changed is false when there was none.
func (r *Registry) StaffUnsubscribe(ctx context.Context, a Address) (sub Subscriber, changed bool, err error) {
	sub, err = r.known(ctx, a, func(s *Subscriber) (Change, error) {
		change := unsubscribe(s, "staff")
		changed = change.Event.What != ""
		return change, nil
	})
	return sub, changed, err
}

// StaffPrefer changes what a reader receives: a cadence unless it is "", categories
// unless there are none, the pause unless until is nil.
func (r *Registry) StaffPrefer(ctx context.Context, a Address, p Preferences, until *time.Time) (sub Subscriber, changed bool, err error) {
	sub, err = r.known(ctx, a, func(s *Subscriber) (Change, error) {
		changed = false
		wanted := Preferences{Cadence: s.Cadence, Categories: s.Categories}
		if p.Cadence != "" {
			wanted.Cadence = p.Cadence
		}
		if len(p.Categories) > 0 {
			wanted.Categories = p.Categories
		}
		wanted, err := wanted.normalise(r.Categories)
		if err != nil {
			return Change{}, err
		}
		changed = wanted.Cadence != s.Cadence || !slices.Equal(wanted.Categories, s.Categories)
		s.Cadence, s.Categories = wanted.Cadence, wanted.Categories
		detail := wanted.String()
		if until != nil && !until.Equal(s.PausedUntil) {
			s.PausedUntil, changed = *until, true
			detail += "; not paused"
			if !until.IsZero() {
				detail = wanted.String() + "; paused until " + until.UTC().Format(time.RFC3339)
			}
		}
		if !changed {
			return Change{}, nil
		}
		return Change{Event: Event{At: time.Now(), What: "preferences", Source: "staff", Detail: detail}}, nil
	})
	return sub, changed, err
}

// Resend queues a confirmation mail with a new link, whatever the limits say.
func (r *Registry) Resend(ctx context.Context, a Address) (Subscriber, error) {
	return r.known(ctx, a, func(s *Subscriber) (Change, error) {
		if s.Status != Pending {
			return Change{}, fmt.Errorf("%s is %s: there is nothing to confirm", a, s.Status)
		}
		now := time.Now()
		r.begin(s, s.Address, now)
		return Change{Event: Event{At: now, What: "asked_again", Source: "staff"}, Notice: ConfirmNotice}, nil
	})
}

// known edits a subscriber that there is.
func (r *Registry) known(ctx context.Context, a Address, change func(*Subscriber) (Change, error)) (Subscriber, error) {
	if a == (Address{}) {
		return Subscriber{}, errors.New("there is no address")
	}
	return r.Store.Edit(ctx, a.Key(), func(s *Subscriber) (Change, error) {
		if s.PublicID == "" {
			return Change{}, ErrNotFound
		}
		return change(s)
	})
}
