package subscribers

import (
	"testing"
	"time"
)

// What is on record is never weakened: neither a no nor a reader's own choice.
func TestImportRule(t *testing.T) {
	row := func(status Status, edits ...func(*Imported)) Imported {
		in := Imported{Address: ada, Name: "Ada L", Status: status, Preferences: Preferences{Monthly, []string{"architecture"}}, Source: "shop"}
		for _, edit := range edits {
			edit(&in)
		}
		return in
	}
	imported := func(status string) Change {
		return Change{Event: event("imported", "import", status+"; monthly: architecture")}
	}
	confirms := imported("confirmed")
	confirms.StartWith = 3
	filled := func(s *Subscriber) {
		s.PublicID, s.CreatedAt, s.Address, s.NonceExpires = "fresh", now, ada, now.Add(72*time.Hour)
		s.Name, s.Source, s.Cadence, s.Categories = "Ada L", "shop", Monthly, []string{"architecture"}
	}
	status := func(st Status) func(*Subscriber) { return func(s *Subscriber) { s.Status = st } }
	suppressed := func(c Cause, reason string) func(*Subscriber) {
		return func(s *Subscriber) { s.Status, s.Cause, s.Reason, s.SuppressedAt = Suppressed, c, reason, now }
	}
	once := now.Add(-50 * day)
	confirmedAt := func(at time.Time) func(*Subscriber) { return func(s *Subscriber) { s.ConfirmedAt = at } }
	complaint := func(in *Imported) { in.Cause, in.Reason = Complained, "spam" }
	const bySystem = "imported as suppressed"
	for _, test := range []struct {
		ruled
		in      Imported
		outcome Outcome
	}{
		{ruled{"unknown, pending", Subscriber{}, all(filled, status(Pending)), imported("pending"), ""}, row(Pending), Added},
		{ruled{"unknown, pending, once confirmed", Subscriber{}, all(filled, status(Pending), confirmedAt(once), refused(now)), imported("pending"), ""}, row(Pending, func(in *Imported) { in.ConfirmedAt = once }), Added},
		{ruled{"unknown, pending, said no", Subscriber{}, all(filled, status(Pending), confirmedAt(once), refused(once)), imported("pending"), ""}, row(Pending, func(in *Imported) { in.ConfirmedAt, in.UnsubscribedAt = once, once }), Added},
		{ruled{"unknown, confirmed", Subscriber{}, all(filled, status(Confirmed), confirmedAt(now)), confirms, ""}, row(Confirmed), Added},
		{ruled{"unknown, confirmed then, and said no before", Subscriber{}, all(filled, status(Confirmed), confirmedAt(once)), confirms, ""}, row(Confirmed, func(in *Imported) { in.ConfirmedAt, in.UnsubscribedAt = once, once }), Added},
		{ruled{"unknown, unsubscribed", Subscriber{}, all(filled, status(Unsubscribed), refused(now)), imported("unsubscribed"), ""}, row(Unsubscribed), Added},
		{ruled{"unknown, unsubscribed then", Subscriber{}, all(filled, status(Unsubscribed), refused(once)), imported("unsubscribed"), ""}, row(Unsubscribed, func(in *Imported) { in.UnsubscribedAt = once }), Added},
		{ruled{"unknown, suppressed", Subscriber{}, all(filled, suppressed(BlockedHere, bySystem)), imported("suppressed"), ""}, row(Suppressed), Added},
		{ruled{"unknown, complained", Subscriber{}, all(filled, suppressed(Complained, "spam"), refused(now)), imported("suppressed"), ""}, row(Suppressed, complaint), Added},
		{ruled{"unknown, with a basis and evidence", Subscriber{}, all(filled, status(Pending)), Change{Event: event("imported", "import", "pending; monthly: architecture; basis: fair; row 7")}, ""}, row(Pending, func(in *Imported) { in.Basis, in.Evidence = "fair", "row 7" }), Added},

		{ruled{"forgotten, pending", kept(Unsubscribed), nil, Change{}, ""}, row(Pending), Kept},
		{ruled{"forgotten, confirmed", kept(Unsubscribed), nil, Change{}, ""}, row(Confirmed), Kept},
		{ruled{"forgotten, suppressed", kept(Unsubscribed), all(filled, suppressed(BlockedHere, bySystem)), imported("suppressed"), ""}, row(Suppressed), Added},
		{ruled{"suppressed alone, confirmed", kept(Suppressed), nil, Change{}, ""}, row(Confirmed), Kept},
		{ruled{"suppressed alone, unsubscribed", kept(Suppressed), nil, Change{}, ""}, row(Unsubscribed), Kept},
		{ruled{"suppressed alone, the same", kept(Suppressed, caused(BlockedHere)), nil, Change{}, ""}, row(Suppressed), Unchanged},
		{ruled{"suppressed alone, graver", kept(Suppressed), all(suppressed(Complained, ReasonForgotten), refused(now), func(s *Subscriber) { s.Address = ada }), imported("suppressed"), ""}, row(Suppressed, complaint), Changed},

		{ruled{"pending, pending", subscriber(Pending), nil, Change{}, ""}, row(Pending), Unchanged},
		{ruled{"pending, confirmed", subscriber(Pending), func(s *Subscriber) {
			s.Status, s.ConfirmedAt, s.Cadence, s.Categories = Confirmed, now, Monthly, []string{"architecture"}
		}, confirms, ""}, row(Confirmed), Changed},
		{ruled{"said no and signed up again, confirmed", subscriber(Pending, refused(once)), nil, Change{}, ""}, row(Confirmed), Kept},
		{ruled{"signed up after a bounce, confirmed", subscriber(Pending, caused(Bounced)), nil, Change{}, ""}, row(Confirmed), Kept},
		{ruled{"pending, unsubscribed then", subscriber(Pending), all(status(Unsubscribed), refused(once)), imported("unsubscribed"), ""}, row(Unsubscribed, func(in *Imported) { in.UnsubscribedAt = once }), Changed},
		{ruled{"pending, suppressed", subscriber(Pending), suppressed(BlockedHere, bySystem), imported("suppressed"), ""}, row(Suppressed), Changed},

		{ruled{"confirmed, pending", subscriber(Confirmed), nil, Change{}, ""}, row(Pending), Kept},
		{ruled{"confirmed, confirmed", subscriber(Confirmed), nil, Change{}, ""}, row(Confirmed), Unchanged},
		{ruled{"confirmed, unsubscribed", subscriber(Confirmed), all(status(Unsubscribed), refused(now)), imported("unsubscribed"), ""}, row(Unsubscribed), Changed},
		{ruled{"confirmed, suppressed", subscriber(Confirmed), suppressed(BlockedHere, bySystem), imported("suppressed"), ""}, row(Suppressed), Changed},

		{ruled{"unsubscribed, pending", subscriber(Unsubscribed), nil, Change{}, ""}, row(Pending), Kept},
		{ruled{"unsubscribed, confirmed", subscriber(Unsubscribed), nil, Change{}, ""}, row(Confirmed), Kept},
		{ruled{"unsubscribed, suppressed", subscriber(Unsubscribed), suppressed(BlockedHere, bySystem), imported("suppressed"), ""}, row(Suppressed), Changed},

		{ruled{"suppressed, confirmed", subscriber(Suppressed), nil, Change{}, ""}, row(Confirmed), Kept},
		{ruled{"suppressed, unsubscribed", subscriber(Suppressed), refused(now), imported("unsubscribed"), ""}, row(Unsubscribed), Changed},
		{ruled{"suppressed and said no, unsubscribed", subscriber(Suppressed, refused(once)), nil, Change{}, ""}, row(Unsubscribed), Kept},
		{ruled{"suppressed, graver", subscriber(Suppressed), all(suppressed(Complained, "spam"), refused(now)), imported("suppressed"), ""}, row(Suppressed, complaint), Changed},
		{ruled{"complained, suppressed", subscriber(Suppressed, caused(Complained)), nil, Change{}, ""}, row(Suppressed), Unchanged},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			change, outcome := testRules.importRow(sub, test.in, now)
			if outcome != test.outcome {
				t.Errorf("%s: %s, want %s", test.name, outcome, test.outcome)
			}
			return change, nil
		})
	}
}
