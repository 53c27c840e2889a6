package subscribers

import (
	"context"
	"iter"
	"time"
)

// Event is one line of a subscriber's history, and the evidence of consent.
type Event struct {
	At      time.Time
	What    string // signed_up, confirmed, preferences, unsubscribed, added …
	Source  string // form, link, one_click, staff, import
	Client  string // salted hash of the client's address, or empty
	Version string // of the form's text
	Detail  string // what was chosen, or the basis staff gave
}

// Change is what a function given to [Store.Edit] decided beside the subscriber
// itself.
type Change struct {
	Event  Event         // recorded unless What is empty
	Notice Notice        // queued unless empty
	Asks   *Confirmation // of a ConfirmNotice: what the email carries
	// Uses is the confirmation that brought a subscription back; the store notes that it did.
	Uses *Confirmation
	// Withheld is why the notice is not sent, for staff: it is stored all the same, with what
	// it asks. "" = it is sent.
	Withheld string
	// After is when the notice is sent at the earliest; zero = at once.
	After time.Time
	// To is where the notice goes; the zero Address is the subscriber's mailbox.
	To Address
	// StartWith is how many of the newest insights of their categories a reader
	// who has just been confirmed still has unread.
	StartWith int
}

// Filter chooses subscribers. Zero fields choose all.
type Filter struct {
	Status   Status
	Cadence  Cadence
	Category string
}

// Store keeps subscribers. Implementations pass subscriberstest.Test.
type Store interface {
	// Edit loads the subscriber whose Address.Key is key inside one write
	// transaction, lets change alter it, and stores it with its event and its
	// notice, all or nothing. An unknown key gives change a zero Subscriber,
	// stored if change leaves an address in it. An error of change is returned
	// as it is and stores nothing. change may run more than once.
	//
	// The store keeps the confirmation of a change with the message of its notice, and ends
	// confirmations when EndsConfirmations says so.
	//
	// The store keeps suppressions in step, as KeptAfter and KeptOfFormer say. A subscriber that becomes Suppressed is
	// entered there, one that becomes Confirmed, or loses its Cause, taken out; one that
	// is signed up again with its Cause stays. Where an unknown key is
	// among them, change is given a Subscriber with what is kept of it: Status,
	// Cause, Reason, SuppressedAt, and UnsubscribedAt of one who unsubscribed. One that
	// change leaves without a PublicID is kept as a suppression alone.
	//
	// A subscriber can be given another Address: ErrTaken where a confirmed one has it,
	// ErrSuppressed where it is suppressed (see MayTake); any other holder is erased.
	//
	// The store keeps reading positions in step: a subscriber that becomes
	// confirmed has all but the newest StartWith insights of their categories
	// behind them, and never one they already received ahead of them; a
	// category that a confirmed subscriber adds starts at now.
	Edit(ctx context.Context, key string, change func(*Subscriber) (Change, error)) (Subscriber, error)

	// EditAll is Edit for many in one transaction: change is called with the
	// place of each key, in order, and sees what it left of an earlier one with
	// the same key. With dry it is called, and nothing is stored.
	EditAll(ctx context.Context, keys []string, dry bool, change func(i int, s *Subscriber) (Change, error)) error

	// ByKey and ByPublicID return ErrNotFound for an unknown one. A public id may be a
	// former one.
	ByKey(ctx context.Context, key string) (Subscriber, error)
	ByPublicID(ctx context.Context, publicID string) (Subscriber, error)

	// List yields matching subscribers in the order they were created.
	List(ctx context.Context, f Filter) iter.Seq2[Subscriber, error]

	// History yields a subscriber's events, oldest first.
	History(ctx context.Context, id int64) iter.Seq2[Event, error]

	// Suppressions yields all of them, the newest first.
	Suppressions(ctx context.Context) iter.Seq2[Suppression, error]
	// Forget erases a subscriber, and the address wherever else it is kept, and leaves
	// the suppression of KeptOfErased. It returns ErrNotFound for an unknown address,
	// whose traces it removes all the same, and ErrTraces when all is erased but for
	// traces that somebody else still holds.
	Forget(ctx context.Context, key string, at time.Time) error
	// Tidy does what Tidied says to subscribers whose links ended before a time. Of
	// those it erases it leaves the suppression of KeptOfUnconfirmed.
	Tidy(ctx context.Context, before time.Time) (forgotten int, err error)

	// Ask stores what decide says of an attempt, by the facts. Attempts are judged one after
	// the other. A refused one stores nothing. decide may run more than once.
	Ask(ctx context.Context, a Attempt, decide func(Facts) Decision) error
	// ReleaseWaiting takes the first sign-up, by Rank, of those that wait at a domain that may have
	// one, if all may have one, and edits the subscriber of its address in the same
	// transaction, as Edit does. One of which may says no, by how many attempts to others with
	// its Inbox were let through since Attempt.MailboxSince, goes without a turn. may and change may run more than once.
	ReleaseWaiting(ctx context.Context, now time.Time, all, domain Pace, may func(w Waiting, others int) bool, change func(Waiting, *Subscriber) Change) (Released, error)
	// Rerank sets the places of those that wait to what rank makes of what their networks
	// asked for. It forgets what asked longer ago than AskedFor, what was let through to
	// mailboxes before the last day, and what was refused before QueueWithin.
	Rerank(ctx context.Context, now time.Time, rank func(network, wide, around Asked) Rank) error
	// TakeTurn lets next move up to when the turns of emails are taken, in all and at a
	// domain: see Turns. One turn is taken after the other.
	TakeTurn(ctx context.Context, domain string, next func(all, domain time.Time) (allThen, domainThen time.Time)) error
	// AskedBy returns of Facts what networks asked for, and how many sign-ups wait.
	AskedBy(ctx context.Context, by Asker) (Facts, error)
	// Line yields what waits, in the order of its ranks.
	Line(ctx context.Context) iter.Seq2[Place, error]
	// Queue returns what waits, and what was refused since a time.
	Queue(ctx context.Context, since time.Time) (Queue, error)
	// SaveRefused adds to what was refused.
	SaveRefused(ctx context.Context, at time.Time, refused map[Limit]int) error
}

// Notice is a single email that a change asks for.
type Notice string

const (
	NoNotice      Notice = ""
	ConfirmNotice Notice = "confirm" // "please confirm"
	LinkNotice    Notice = "link"    // "here is a fresh link"
	AlreadyNotice Notice = "already" // "you are subscribed already"
	MovedNotice   Notice = "moved"   // "your digests go elsewhere now"
)

// NoticeTo is where the notice of a change goes that a subscriber has been through.
func (c Change) NoticeTo(s Subscriber) Address {
	switch {
	case c.To != (Address{}):
		return c.To
	case c.Asks != nil:
		return c.Asks.To
	}
	return s.Address
}

// Replaces reports whether a notice takes the place of one to the same subscriber that
// waits. One of a kind is enough, since it is made from the subscriber when it is sent;
// but each address that was left is told, and each confirmation has choices of its own.
func (n Notice) Replaces(waiting Notice, to, waitingTo Address) bool {
	return n == waiting && n != ConfirmNotice && (n != MovedNotice || to == waitingTo)
}
