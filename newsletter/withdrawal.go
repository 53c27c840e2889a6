package newsletter

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Withdrawal says since when, and how, an insight is withdrawn: for digests, its file is
// absent, a draft, dated in the future or says email: false. The zero Withdrawal is none.
type Withdrawal struct {
	Since time.Time
	How   WithdrawnHow
}

// WithdrawnHow says who withdrew an insight.
type WithdrawnHow int

const (
	// WithdrawnFromFolder: the folder no longer shows it. That takes effect after a
	// while, since people also move files, and machines are updated one by one.
	WithdrawnFromFolder WithdrawnHow = iota
	// WithdrawnByStaff: at once, and even while its file is still there.
	WithdrawnByStaff
	// WithdrawnAndAway: by staff, and its file has been away since. If it comes back, so
	// does the insight.
	WithdrawnAndAway
)

// withdrawnAfter is how long an insight must have been away before it counts as
// withdrawn.
const withdrawnAfter = time.Minute

// Is reports whether the insight is withdrawn, in effect or not.
func (w Withdrawal) Is() bool { return !w.Since.IsZero() }

// EffectAt returns when the withdrawal takes effect: from then on emails that were planned
// leave the insight out, and its page says that it is gone. Until then it may be back any
// moment.
func (w Withdrawal) EffectAt() time.Time {
	if w.How != WithdrawnFromFolder {
		return w.Since
	}
	return w.Since.Add(withdrawnAfter)
}

// InEffect reports whether the withdrawal has taken effect.
func (w Withdrawal) InEffect(now time.Time) bool { return w.Is() && !w.EffectAt().After(now) }

// ErrUnknownInsight says that no daemon has seen an insight yet.
var ErrUnknownInsight = errors.New("no daemon has seen this insight yet")

// WithdrawalStore keeps withdrawals.
type WithdrawalStore interface {
	// Withdraw withdraws an insight at once, and for as long as its file is there. It may
	// come back when its file has been away. ErrUnknownInsight.
	Withdraw(ctx context.Context, insightID string) (changed bool, err error)
	// Withdrawals returns every insight that is withdrawn.
	Withdrawals(ctx context.Context) ([]Withdrawn, error)
}

// Withdrawn is an insight that is withdrawn.
type Withdrawn struct {
	InsightID string
	Slug      string // under which it was last seen
	Email     bool   // false: it may be on the site, without emails
	Withdrawal
}

// ReasonLookAgain is why a digest that staff had approved waits for their approval again.
const ReasonLookAgain Reason = "an insight was withdrawn since it was approved; it is left out"

// Looked is when staff approved a digest of a schedule that wants their approval; zero =
// it was approved by itself, or planned by staff.
func (d *Digest) Looked() time.Time {
	if d.Manual {
		return d.ApprovedAt
	}
	return time.Time{}
}

// NeedsAnotherLook reports whether a digest that staff had to approve has lost an insight
// since. gone are the withdrawn insights, by number.
func (d *Digest) NeedsAnotherLook(gone map[int64]Withdrawal, now time.Time) bool {
	looked := d.Looked()
	if looked.IsZero() || !d.State.Active() {
		return false
	}
	for _, item := range d.Items {
		if w := gone[item.Seq]; w.InEffect(now) && looked.Before(w.EffectAt()) {
			return true
		}
	}
	return false
}

// Public returns a digest as everybody may see it: without the insights that staff took
// down, of which it says how many they are. gone are the withdrawn insights, by number.
func (d Digest) Public(gone map[int64]Withdrawal) Digest {
	left := slices.DeleteFunc(slices.Clone(d.Items), func(i Item) bool { return gone[i.Seq].How != WithdrawnFromFolder })
	d.TakenDown = len(d.Items) - len(left)
	d.Items = left
	return d
}

// WithdrawnItems are the insights of a digest that are withdrawn now. Emails that are not
// sent yet leave them out.
func (d *Digest) WithdrawnItems() (items []Item) {
	for _, item := range d.Items {
		if slices.Contains(d.Withdrawn, item.Seq) {
			items = append(items, item)
		}
	}
	return items
}
