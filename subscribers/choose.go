package subscribers

import (
	"context"
	"errors"
	"time"
)

// What readers do with the links in their mails, besides confirming, leaving and
// choosing categories.

// undoWithin is how long a reader can take back that they left.
const undoWithin = 24 * time.Hour

// longestPause is how far ahead a pause may end.
const longestPause = 366 * 24 * time.Hour

// Undo takes back an unsubscription of the last day, which is how long its page
// offers it. Nothing was sent meanwhile, so all that is unread comes with the next
// digest. Others get ErrExpired: a sign-up of theirs is needed.
func (r *Registry) Undo(ctx context.Context, token string) (Subscriber, error) {
	return r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber) (Change, error) {
		now := time.Now()
		switch {
		case sub.Status == Confirmed:
			return Change{}, nil
		case !sub.CanUndo(now):
			return Change{}, ErrExpired
		}
		sub.Status, sub.UnsubscribedAt = Confirmed, time.Time{}
		return Change{Event: Event{At: now, What: "undone", Source: "link", Detail: "the unsubscription was taken back"}, StartWith: everything}, nil
	})
}

// CanUndo reports whether Undo is possible.
func (s *Subscriber) CanUndo(now time.Time) bool {
	return s.Status == Unsubscribed && !s.ConfirmedAt.IsZero() && now.Sub(s.UnsubscribedAt) < undoWithin
}

// Less is what the owner of an unsubscribe token may choose instead of leaving: a
// digest less often, or a pause. It applies to confirmed subscribers; others get
// ErrExpired.
func (r *Registry) Less(ctx context.Context, token string, cadence Cadence, pauseUntil time.Time) (Subscriber, error) {
	return r.choose(ctx, UnsubscribeToken, token, cadence, pauseUntil)
}

// Pause keeps digests back until a time; the zero time ends a pause. What appears
// meanwhile stays unread.
func (r *Registry) Pause(ctx context.Context, token string, until time.Time) (Subscriber, error) {
	return r.choose(ctx, PreferencesToken, token, "", until)
}

// choose changes the cadence, unless it is "", or the pause.
func (r *Registry) choose(ctx context.Context, p Purpose, token string, cadence Cadence, until time.Time) (Subscriber, error) {
	if cadence != "" {
		if _, err := ParseCadence(string(cadence)); err != nil {
			return Subscriber{}, err
		}
	}
	return r.edit(ctx, p, token, func(sub *Subscriber) (Change, error) {
		now := time.Now()
		switch {
		case sub.Status != Confirmed:
			return Change{}, ErrExpired
		case until.After(now.Add(longestPause)):
			return Change{}, errors.New("a pause can last a year at most")
		}
		event := Event{At: now, What: "paused", Source: "link", Detail: "until " + until.UTC().Format(time.RFC3339)}
		switch {
		case cadence != "":
			event.What, event.Detail = "preferences", string(cadence)
			sub.Cadence = cadence
		case until.After(now):
			sub.PausedUntil = until
		case sub.PausedUntil.IsZero():
			return Change{}, nil
		default:
			event.What, event.Detail = "resumed", ""
			sub.PausedUntil = time.Time{}
		}
		return Change{Event: event}, nil
	})
}
