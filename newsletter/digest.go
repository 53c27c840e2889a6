// Package newsletter owns digests: when one is due, which unread insights it carries
// to whom, and how it reaches each mailbox. Every decision is stored, so that it
// survives a crash: a [Planner] freezes a [Digest] with one [Delivery] per reader, a
// [Worker] sends what the outbox holds, a [Scheduler] plans each slot. It knows
// nothing about SQL, templates or SMTP: the stores, the [Renderer], the [Composer]
// and the [Transport] are its ports.
package newsletter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Errors that callers tell apart.
var (
	ErrNotFound  = errors.New("no such digest")
	ErrSlotTaken = errors.New("this slot is already recorded")
	ErrState     = errors.New("the digest's state does not allow this")
)

// DigestState is the state of a digest.
type DigestState string

const (
	DigestPlanning  DigestState = "planning"  // rows are being written; discarded if abandoned
	DigestPlanned   DigestState = "planned"   // frozen, waiting for approval
	DigestApproved  DigestState = "approved"  // a worker may start
	DigestSending   DigestState = "sending"   // a worker has started
	DigestPaused    DigestState = "paused"    // no delivery starts
	DigestDone      DigestState = "done"      // every delivery is terminal
	DigestCancelled DigestState = "cancelled" // what was not sent stays unread
	DigestFailed    DigestState = "failed"    // could not be rendered; nothing was sent
)

// Item is an insight as a digest carries it, frozen when the digest is planned.
type Item struct {
	Seq          int64     `json:"sequence"`
	InsightID    string    `json:"id"`
	Slug         string    `json:"slug"`
	Title        string    `json:"title"`
	Summary      string    `json:"summary"`
	Category     string    `json:"category"` // slug, frozen with the sequence number
	CategoryName string    `json:"category_name"`
	Date         time.Time `json:"date"`
	Minutes      int       `json:"minutes"`
}

// Digest is one edition, made for one slot or by staff.
type Digest struct {
	ID       int64
	UID      string // random; the Message-IDs are made from it
	State    DigestState
	Reason   Reason              // of a failed, paused or cancelled one
	Cadence  subscribers.Cadence // whom it is for; "" = every cadence
	Category string              // its scope; "" = all the reader's categories
	Only     int64               // made for this one subscriber; 0 = for all
	Schedule string              // "" = planned by staff
	Manual   bool                // its schedule wants that staff approve each digest
	Slot     string              // the key of its slot, "" = none
	Subject  string              // chosen by staff; "" = made from the first title
	Intro    string              // Markdown: see content.ParseNote
	Cutoff   int64               // highest sequence number considered
	MaxItems int                 // insights that an email shows in full; 0 = all
	Hash     string              // of the plan, for the person who approves it
	Items    []Item              // every insight that any variant carries, newest first
	// TakenDown is how many insights Public left out of Items.
	TakenDown int
	// Withdrawn are the numbers of those of Items that are withdrawn now.
	Withdrawn []int64
	Variants  []Variant
	Readers   int
	Counts    map[DeliveryState]int // deliveries by state
	Marks     map[Mark]int          // accepted emails that came back or drew a complaint

	// NotBefore is when it may go out at the earliest; zero = as soon as it is approved.
	NotBefore time.Time

	CreatedAt, PlannedAt, ApprovedAt, DoneAt time.Time
	PausedAt                                 time.Time // of one that is paused
}

// Opens is when the first email of an approved digest may go out.
func (d *Digest) Opens() time.Time {
	if d.NotBefore.After(d.ApprovedAt) {
		return d.NotBefore
	}
	return d.ApprovedAt
}

// Variant is what readers with the same unread insights receive.
type Variant struct {
	Number  int
	Seqs    []int64 // of its insights, newest first
	Readers int
}

// ItemsOf returns the variant's insights in the digest's order.
func (d *Digest) ItemsOf(v Variant) []Item {
	bySeq := make(map[int64]Item, len(d.Items))
	for _, item := range d.Items {
		bySeq[item.Seq] = item
	}
	items := make([]Item, 0, len(v.Seqs))
	for _, seq := range v.Seqs {
		if item, ok := bySeq[seq]; ok {
			items = append(items, item)
		}
	}
	return items
}

// DeliveryState is the state of one email.
type DeliveryState string

const (
	Pending   DeliveryState = "pending"
	Claimed   DeliveryState = "claimed"   // by a worker that has not started it
	Sending   DeliveryState = "sending"   // durable before MAIL FROM
	Sent      DeliveryState = "sent"      // accepted by the mail server
	Deferred  DeliveryState = "deferred"  // to be tried again
	Failed    DeliveryState = "failed"    // refused for good, or too late
	Skipped   DeliveryState = "skipped"   // no longer wanted; still unread
	Uncertain DeliveryState = "uncertain" // the server never answered the final dot
)

// DeliveryStates lists every DeliveryState, in the order of an email's life.
var DeliveryStates = [...]DeliveryState{Pending, Claimed, Sending, Deferred, Sent, Failed, Skipped, Uncertain}

// Terminal reports whether nothing more happens automatically.
func (s DeliveryState) Terminal() bool {
	return s == Sent || s == Failed || s == Skipped || s == Uncertain
}

// Ref identifies one email in the outbox: a delivery of a digest, or a single email.
type Ref struct {
	Digest, Subscriber int64
	Message            int64
}

// String is the form that staff see: "12.345" for a delivery, "m7" for a single email.
func (r Ref) String() string {
	if r.Message != 0 {
		return "m" + strconv.FormatInt(r.Message, 10)
	}
	return strconv.FormatInt(r.Digest, 10) + "." + strconv.FormatInt(r.Subscriber, 10)
}

// Delivery is one email in the outbox as staff see it.
type Delivery struct {
	Ref       Ref
	Kind      MessageKind
	Email     string
	State     DeliveryState
	Attempts  int
	Variant   int    // of a digest
	Code      int    // of the last SMTP reply, 0 = none
	Reason    Reason // the last answer, or why it was skipped
	MessageID string // without angle brackets
	NextAt    time.Time
	UpdatedAt time.Time
	// UncertainAt is when an attempt at this email last went unanswered, even if it was
	// sent again afterwards; zero = never.
	UncertainAt time.Time
	// Mark says what came of an accepted email later, since MarkedAt; Said is what the
	// bounce or complaint says.
	Mark     Mark
	MarkedAt time.Time
	Said     string
}

// Mark says what came of an email after a mail server had accepted it.
type Mark string

const (
	Bounced    Mark = "bounced"    // it came back
	Complained Mark = "complained" // its reader reported it as spam
)

// MessageKind says what an email is for.
type MessageKind string

const (
	DigestEmail  MessageKind = "digest"
	ConfirmEmail MessageKind = "confirm"
	AlreadyEmail MessageKind = "already"
	MovedEmail   MessageKind = "moved"
	LinkEmail    MessageKind = "link"   // a fresh link, as its reader asked
	ResendEmail  MessageKind = "resend" // an email of a digest, sent once more
	TestEmail    MessageKind = "test"
)

// SubjectFor returns the subject chosen by staff, or one that starts with the first
// title, since phones show about 40 characters.
func SubjectFor(items []Item, staff string) string {
	if staff != "" || len(items) == 0 {
		return staff
	}
	more := ""
	switch n := len(items) - 1; {
	case n == 1:
		more = " and 1 more"
	case n > 1:
		more = " and " + itoa(n) + " more"
	}
	return shorten(items[0].Title, 90-len(more)) + more
}

// shorten cuts text longer than limit characters, at a word if it can.
func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := string(runes[:limit-1])
	if i := strings.LastIndexByte(cut, ' '); i > limit/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:—–-") + "…"
}

// ParseRef reads what Ref.String wrote.
func ParseRef(s string) (Ref, error) {
	bad := fmt.Errorf("%q is not the id of an email: write it like 12.345 or m7", s)
	number := func(digits string) int64 {
		if strings.Trim(digits, "0123456789") != "" { // ParseInt would accept a sign
			return 0
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	if digits, ok := strings.CutPrefix(s, "m"); ok {
		if n := number(digits); n > 0 {
			return Ref{Message: n}, nil
		}
		return Ref{}, bad
	}
	digest, subscriber, _ := strings.Cut(s, ".")
	ref := Ref{Digest: number(digest), Subscriber: number(subscriber)}
	if ref.Digest <= 0 || ref.Subscriber <= 0 {
		return Ref{}, bad
	}
	return ref, nil
}
