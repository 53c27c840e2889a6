package newsletter

import (
	"context"
	"iter"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Numbered is an insight with its place in the order of publication.
type Numbered struct {
	InsightID  string
	Seq        int64  // > 0; never changes, never reused
	Category   string // slug, frozen with the number
	Slug       string // under which it was last seen
	Returns    int    // how often it was withdrawn and came back
	Withdrawal Withdrawal
}

// Visible is an insight that the library shows now, to be numbered.
type Visible struct {
	InsightID string
	Category  string
	Slug      string // identifies it should its file get another id
	Date      time.Time
	Order     int
	Email     bool
}

// Numbering says how insights are numbered.
type Numbering struct {
	Grace time.Duration // an insight waits this long after it was first seen
	// Authority says that the caller's library is the site's: what it does not show
	// is withdrawn. Without it, the library must contain everything that is not
	// withdrawn, else ErrOtherLibrary, so that a command run in the wrong folder
	// numbers nothing.
	Authority bool
	// Kept, when set, reports whether an insight is not shown although its file is there,
	// faulty or withheld: that does not withdraw it.
	Kept func(id string) bool
	// Peers are the daemons beside this one: nothing is withdrawn that one of them shows,
	// and what they know better is left to them. Nil: there are none.
	Peers *Peers
	// Incomplete says that the ids of some faulty files can't be read, so that an insight
	// that seems to be missing may be one of them.
	Incomplete bool
}

// LibraryStore numbers insights. All its methods are safe for concurrent use by
// several processes.
type LibraryStore interface {
	// Number records what is visible and numbers what is due, oldest first. It
	// returns how many it numbered and, if some are within their grace, when the
	// next is due. The very first library is numbered without grace.
	Number(ctx context.Context, visible []Visible, how Numbering) (numbered int, next time.Time, err error)
	// Sequence returns every numbered insight, by number.
	Sequence(ctx context.Context) ([]Numbered, error)
}

// GroupKey is the store's own key for "same categories, same position, same insights
// on their way".
type GroupKey struct {
	Mask, Position int64
	OnTheWay       string // "" = nothing
}

// Group is the readers of an audience who have the same categories and position, and
// nothing on its way to them.
type Group struct {
	Key        GroupKey
	Categories []string
	Position   Position
	Readers    int
}

// BusyReader is a reader to whom an earlier email is still on its way: its insights
// must not be planned again.
type BusyReader struct {
	Subscriber int64
	Key        GroupKey
	Categories []string
	Position   Position
	Then       Position // their position when those emails have arrived
}

// PlannedGroup says what a group receives.
type PlannedGroup struct {
	Key     GroupKey
	Variant int
	Base    Position // its readers' position now
	Target  Position // their position afterwards
}

// PlannedReaders says what busy readers with the same key receive. Their Base is
// their position when what is on its way has arrived.
type PlannedReaders struct {
	PlannedGroup
	Subscribers []int64
}

// PlanStore keeps digests while they are planned.
type PlanStore interface {
	LibraryStore
	Groups(ctx context.Context, a Audience) ([]Group, error)
	BusyReaders(ctx context.Context, a Audience) iter.Seq2[BusyReader, error]

	// Begin stores a digest in state planning and returns its id.
	Begin(ctx context.Context, d Digest) (int64, error)
	// AddGroups writes a delivery for each reader of the audience that still
	// belongs to one of the groups and has nothing on its way, in chunks.
	AddGroups(ctx context.Context, digest int64, a Audience, groups []PlannedGroup) error
	AddReaders(ctx context.Context, digest int64, readers PlannedReaders) error
	// Freeze makes a planning digest planned (or approved, as d.State says) with
	// its items and variants and counts its readers; the slot is recorded in the
	// same transaction. If the slot is on record, or another daemon plans it, the digest is
	// discarded and ErrSlotTaken returned. Variants left without readers are dropped.
	Freeze(ctx context.Context, d Digest, slot *SlotRecord) (Digest, error)
	// Discard removes a digest in state planning, with its rows.
	Discard(ctx context.Context, digest int64) error
}

// SlotRecord is the stored outcome of a slot.
type SlotRecord struct {
	Schedule string
	Key      string // local wall time without offset, or "seq:N" for instant ones
	Due      time.Time
	Outcome  SlotOutcome
	Reason   Reason
	Digest   int64  // 0 = none
	Planner  string // the daemon that plans it; "" = none that runs
	At       time.Time
}

// After returns what is kept of a slot that was already recorded: only one that is not on
// record yet is replaced, and not by others while a daemon plans it. One that ends without
// having been planned has failed. ok is false if nothing changes.
func (r SlotRecord) After(before SlotRecord) (kept SlotRecord, ok bool) {
	if !before.Outcome.Open() || before.Planner != "" && before.Planner != r.Planner {
		return before, false
	}
	r.Due = before.Due
	switch r.Outcome {
	case SlotPlanning:
		r.Reason = before.Reason
	case SlotMissed, SlotLate:
		reason := before.Reason
		if reason == "" {
			reason = "the daemon that planned it stopped"
		}
		r.Outcome, r.Reason = SlotFailed, reason+"; "+r.Reason
	}
	return r, true
}

// SlotOutcome is what became of a slot.
type SlotOutcome string

const (
	SlotPlanning SlotOutcome = "planning" // a daemon is at it
	SlotPlanned  SlotOutcome = "planned"  // its digest's state says the rest
	SlotSkipped  SlotOutcome = "skipped"  // nothing new for anybody
	SlotMissed   SlotOutcome = "missed"   // no daemon was running to plan it
	SlotLate     SlotOutcome = "late"     // too late to be sent
	SlotFailing  SlotOutcome = "failing"  // planning failed so far, and is retried
	SlotFailed   SlotOutcome = "failed"   // it could not be planned in time
)

// Open reports whether a slot is still to be planned: it does not count as on record.
func (o SlotOutcome) Open() bool { return o == SlotPlanning || o == SlotFailing }

// SlotStore keeps slots.
type SlotStore interface {
	// Define records a schedule that is new or whose times have changed: it starts
	// from now, and no slot before counts as missed.
	Define(ctx context.Context, schedule, times string, now time.Time) (changed bool, err error)
	// Since returns the due time of the schedule's newest recorded slot that is not open,
	// or when the schedule started, whichever is later; one that was never
	// defined starts now.
	Since(ctx context.Context, schedule string, now time.Time) (time.Time, error)
	// RecordSlots stores slots without a digest, as SlotRecord.After says for those
	// that are already recorded.
	RecordSlots(ctx context.Context, slots ...SlotRecord) error
	// ClaimSlot records that a daemon plans a slot, as SlotRecord.After says, and discards
	// what one that stopped has begun of it. claimed is false if nothing changed, or another
	// daemon plans another slot of the schedule: that is for the same readers.
	ClaimSlot(ctx context.Context, slot SlotRecord) (claimed bool, err error)
	// Slot returns one slot; ok is false when it is not recorded.
	Slot(ctx context.Context, schedule, key string) (r SlotRecord, ok bool, err error)
	// Slots returns the newest slots first.
	Slots(ctx context.Context, limit int) ([]SlotRecord, error)
	// EndPaused ends the paused digests that ends reports: what was not sent is skipped and
	// stays unread. It returns their ids.
	EndPaused(ctx context.Context, ends func(Digest) bool) ([]int64, error)
}

// DigestStore is how staff see and steer digests.
type DigestStore interface {
	Digest(ctx context.Context, id int64) (Digest, error) // ErrNotFound
	Digests(ctx context.Context, limit int) ([]Digest, error)
	// Approve lets a planned digest be sent. changed is false when it already was.
	Approve(ctx context.Context, id int64) (changed bool, err error)
	// Pause stops an approved or sending digest: no delivery starts until Resume.
	Pause(ctx context.Context, id int64, reason Reason) (changed bool, err error)
	// PauseRefused pauses a digest of which too much is refused; hard says that it is for
	// hard refusals, for which a digest may have been told not to pause.
	PauseRefused(ctx context.Context, id int64, reason Reason, hard bool) (changed bool, err error)
	// Resume lets a paused digest go on. Its emails that were blocked, which was not their
	// readers' fault, become pending again: again counts them. With countRefusals it does
	// not pause for hard refusals any more, also if it was not paused now.
	Resume(ctx context.Context, id int64, countRefusals bool) (changed bool, again int, err error)
	// Blocked counts a digest's emails that Resume sends again.
	Blocked(ctx context.Context, id int64) (int, error)
	// Cancel ends a digest that is not done: what has not been started is
	// skipped and stays unread; what is in flight is left to finish.
	Cancel(ctx context.Context, id int64) (changed bool, err error)
	// Retry makes a digest's failed or uncertain deliveries pending again and
	// returns how many. A reader who has received their insights meanwhile, or no
	// longer wants them, gets nothing. ErrState: the digest was never sent.
	// With the failed ones it includes those that were skipped because their reader was
	// suppressed, and is not any more, or because a refusal was not judged: see Retriable.
	Retry(ctx context.Context, id int64, failed, uncertain bool) (int, error)
	// Retriable counts a digest's skipped emails that Retry includes with the failed ones.
	Retriable(ctx context.Context, id int64) (int, error)

	// Hold keeps every worker from starting an email until Release. A hold that is
	// already in place keeps its reason.
	Hold(ctx context.Context, reason Reason) error
	// Held returns why sending is held, "" if it is not, and since when.
	Held(ctx context.Context) (reason Reason, since time.Time, err error)
	Release(ctx context.Context) (released bool, err error)

	Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error]
	Delivery(ctx context.Context, ref Ref) (Delivery, error) // ErrNotFound
}

// DeliveryFilter selects emails in the outbox. A zero field matches all.
type DeliveryFilter struct {
	Digest int64
	State  DeliveryState
	Email  string // an Address key
	Mark   Mark
}

// Task is one claimed email with what is needed to build it.
type Task struct {
	Ref      Ref
	Kind     MessageKind
	Attempts int       // before this one
	Turn     bool      // a single email goes out at a time of its own, by subscribers.Turns
	Variant  int       // of a digest
	Created  time.Time // when a single email was queued; zero for a delivery
	Deadline time.Time // when it is given up; set by the worker
	// Subscriber is the recipient; of a test email, only the address is set.
	Subscriber subscribers.Subscriber
	// To is the frozen address: set once the email has been started.
	To string
	// MessageID is what the email has had since its first attempt; "" = none yet.
	MessageID string
	Asks      subscribers.Confirmation // of a ConfirmEmail
	Payload   string                   // of a test email: its Body as JSON
	Again     *SentAgain               // of a ResendEmail
	// Change is how the email moves its reader, in the store's own terms; its Result
	// returns it.
	Change PositionChange
}

// overdue reports whether it is too late to start an email.
func (t *Task) overdue(now time.Time) bool { return !t.Deadline.IsZero() && now.After(t.Deadline) }

// PositionChange is a reader's position before and after an email, as the store refers
// to the two.
type PositionChange struct{ Base, Target int64 }

// Begin is the durable record that an email is about to be sent.
type Begin struct {
	Ref       Ref
	To        string
	MessageID string
}

// Result is the durable record of what became of an email.
type Result struct {
	Ref    Ref
	Change PositionChange // of its Task
	State  DeliveryState  // Sent, Deferred, Failed, Skipped, Uncertain; Pending = given back unattempted
	NextAt time.Time      // of Deferred and Pending
	Code   int
	Reason Reason
	// Uncertain says that this attempt's final dot was never answered, whatever State is.
	Uncertain bool
	// Received says that the email counts as received, so the reader's position moves.
	Received bool
}

// Entry is one entry of the recorder: a Result, a Begin, or the Result of one email and
// the Begin of the next.
type Entry struct {
	Begin  *Begin
	Result *Result
}

// OnUncertain is what happens to an email that was in flight during a crash, or whose
// final dot was never answered.
type OnUncertain string

const (
	Resend OnUncertain = "resend" // same bytes again; some servers drop repeats
	Hold   OnUncertain = "hold"   // staff decide
	Skip   OnUncertain = "skip"   // never again
)

// OutboxStore is the outbox as workers use it.
type OutboxStore interface {
	// Attach registers a worker, or is its heartbeat, and recovers the emails of dead
	// workers: claimed ones become pending, those in flight uncertain or, under
	// Resend, deferred until now. A worker is dead when it has sent no heartbeat for
	// ttl.
	Attach(ctx context.Context, worker string, ttl time.Duration, policy OnUncertain) (Recovered, error)
	// Unclaim gives back what worker has claimed and not started.
	Unclaim(ctx context.Context, worker string) error
	// MessageKey is the key that Message-IDs are made with. It never changes.
	MessageKey(ctx context.Context) ([]byte, error)
	// Detach is Unclaim for a worker that ends.
	Detach(ctx context.Context, worker string) error
	// Touch records that emails of a digest are going out.
	Touch(ctx context.Context, digest int64) error
	// PauseLate pauses every approved or sending digest of which nothing went
	// out (see Touch) for longer than after returns for its schedule ("" = planned by
	// staff), and returns their ids. They stay paused until staff have looked at them.
	PauseLate(ctx context.Context, after func(schedule string) time.Duration) ([]int64, error)
	// Share returns a worker's share of the rates of all that have been heard of within ttl,
	// and tells the others to what rate a mail server has slowed it; 0 = it has not.
	Share(ctx context.Context, worker string, ttl time.Duration, slowed float64) (Share, error)
	// Trouble records, for staff, why an attached worker can't send now. The zero
	// Trouble says that it can.
	Trouble(ctx context.Context, worker string, t Trouble) error

	// Ready returns the approved and sending digests that may go out, oldest first.
	Ready(ctx context.Context) ([]Digest, error)
	// LookAgain makes a digest planned again if Digest.NeedsAnotherLook.
	LookAgain(ctx context.Context, digest int64) (changed bool, err error)
	// Start moves an approved digest to sending.
	Start(ctx context.Context, digest int64) error
	// Body returns a variant as it was first rendered; ok is false if it never was.
	Body(ctx context.Context, digest int64, variant int) (r StoredBody, ok bool, err error)
	// SaveBody keeps the first body of a variant and returns the one kept.
	SaveBody(ctx context.Context, digest int64, variant int, r StoredBody) (StoredBody, error)
	// Variant reads one variant of a digest.
	Variant(ctx context.Context, digest int64, number int) (Variant, error)
	// FailDigest ends a digest that can't be rendered.
	FailDigest(ctx context.Context, digest int64, reason Reason) error

	// ClaimMessages and ClaimDeliveries claim up to limit emails that are due; none
	// while sending is held. Of single emails it claims those that have not been postponed
	// yet, or, with again, those that have: the ones that were tried seldom come first.
	ClaimMessages(ctx context.Context, worker string, again bool, limit int) ([]Task, error)
	ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]Task, error)
	// Record stores entries in one durable transaction and returns for each what
	// happens to the email that it begins, as Decide or DecideMessage says. Only
	// after ActionSend may it be sent. Without a Begin the Action means nothing.
	//
	// Results are stored first: what one email brought a reader is known when the
	// next one to them is decided.
	Record(ctx context.Context, worker string, entries []Entry) ([]Action, error)
	// Finish makes a sending digest done if all its deliveries are terminal.
	Finish(ctx context.Context, digest int64) (bool, error)
	// NextDue returns when the next email or digest that waits for its time is due;
	// zero = none.
	NextDue(ctx context.Context) (time.Time, error)
}

// StoredBody is a variant's body, stored so that the same bytes can be built again
// after a restart or an upgrade.
type StoredBody struct {
	Body
	Date    time.Time
	BaseURL string
}

// Trouble is why a worker sends nothing now.
type Trouble struct {
	Reason Reason
	Since  time.Time
	Until  time.Time // when it tries again
}

// Share is what a worker may have of the rates that all workers keep to together.
type Share struct {
	Workers int     // that run, this one included
	Slowest float64 // emails a second to which a mail server has slowed another one; 0 = none
}

// Recovered counts the emails that Attach recovered.
type Recovered struct{ Claimed, Uncertain int }
