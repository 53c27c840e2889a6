package newsletter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

// ErrNotOurs says that an incoming message is not about an email that we sent.
var ErrNotOurs = errors.New("it is not about an email sent from here")

// ErrTooLarge says that an incoming message exceeds MaxInbound. It is not acted on: a
// truncated message may mean something else.
var ErrTooLarge = fmt.Errorf("it is larger than %d MB", MaxInbound>>20)

// Bounce is an email that came back, a refusal by a mail server, or a complaint.
type Bounce struct {
	ID         int64
	At         time.Time
	Ref        Ref   // the email it is about
	Subscriber int64 // 0 = erased since
	Email      string
	Kind       bounce.Kind
	Class      bounce.Class
	Code       int    // of the SMTP reply, 0 = none
	Status     string // RFC 3463
	Text       string
	Hash       string // identifies repeats

	// Refusal is, of a hard one, when it is judged and what came of it.
	Refusal *Refusal

	// CameBack says that the email was accepted before: it is marked. Lost says that it was
	// refused at the reader's address, and not at one to which that forwards: what it
	// carried is unread again.
	CameBack, Lost bool

	first  bool  // a first attempt was refused, in the session
	stage  Stage // of that
	proven bool  // the reporter has the email's return path, or is our relay
}

// passedOn reports whether a refusal may be the words of others than our relay: of the
// recipient's mail server, or of anybody who writes a bounce.
func (b *Bounce) passedOn() bool { return b.CameBack || b.stage == RcptStage }

// BounceFilter selects bounces. A zero field matches all.
type BounceFilter struct {
	Email  string // an Address key
	Class  string // a bounce.Class, or complaint
	Digest int64
	Since  time.Time
}

// SoftCount counts a reader's soft bounces since an email last arrived.
type SoftCount struct {
	Emails int // that bounced
	Since  time.Time
}

// MostReports is how many bounces and complaints are kept of one email. Mail servers send a
// few at most; anybody who has its return path can make up more.
const MostReports = 20

// FeedbackStore stores bounces and complaints.
type FeedbackStore interface {
	// SentEmail returns the address that an email was sent to and its reader, who is
	// the zero Subscriber if they are gone. ErrNotFound.
	SentEmail(ctx context.Context, ref Ref) (to string, reader subscribers.Subscriber, err error)
	// ByMessageID finds an email that was sent. ErrNotFound.
	ByMessageID(ctx context.Context, id string) (Ref, error)
	// RecordBounce records a bounce, and what it means for its email, unless it is already
	// recorded: then known is true, and past says that its reader has since confirmed,
	// moved or had a suppression lifted. marked says that it is the first of its email that
	// came back.
	RecordBounce(ctx context.Context, b Bounce) (known, past, marked bool, err error)
	// SoftBounces counts a reader's soft bounces since they last confirmed, moved or had
	// a suppression lifted. An email that has not bounced within settled has arrived.
	SoftBounces(ctx context.Context, subscriber int64, settled time.Duration) (SoftCount, error)
	// RecordRefusal records a hard refusal, to be judged when it is due. It fills in when the
	// email was first sent and whether its reader is proven. known says that a refusal of
	// this email was recorded before: that one counts, unless it was Named and this one is not.
	RecordRefusal(ctx context.Context, r Refusal, j Judgement) (recorded Refusal, known bool, err error)
	// Bounces yields bounces, newest first.
	Bounces(ctx context.Context, f BounceFilter) iter.Seq2[Bounce, error]
	// BouncesOf returns the bounces of a reader's emails and their complaints, oldest first.
	BouncesOf(ctx context.Context, subscriber int64) iter.Seq2[Bounce, error]
}

// Feedback handles bounces, complaints and unsubscribe emails. Its fields are set once;
// it is safe for concurrent use.
type Feedback struct {
	Store    FeedbackStore
	Registry *subscribers.Registry
	Log      *slog.Logger
	// Complaints is the address that providers report complaints to; "" = none.
	Complaints string
	// Domain is where bounces go; mail to its postmaster or abuse address is kept for staff
	// (RFC 2142). "" = none is taken.
	Domain string
	// Pause, when set, pauses a digest of which too much is refused; hard says that it is
	// for hard refusals, for which staff may have told it not to.
	Pause func(ctx context.Context, digest int64, reason Reason, hard bool) (changed bool, err error)
	// Judgement is the numbers by which that is found; the zero one is DefaultJudgement.
	Judgement Judgement

	staffMail hourly // messages to staff
	pauses    pauseWatch
	// handling holds a token while a message is handled, one at a time: that takes a
	// processor, and a place in the line of those who write, of which strangers must not have
	// many.
	handling turn
}

// Soft bounces suppress a reader when softEmails emails in a row bounced over at least
// softOver. An email that has not bounced within settledAfter has arrived.
const (
	softEmails   = 5
	softOver     = 14 * 24 * time.Hour
	settledAfter = 3 * 24 * time.Hour
)

// FreshStarts returns the three events after which a reader's earlier bounces no longer
// count: they confirmed, they moved to another address, or staff lifted their
// suppression.
func FreshStarts() [3]string { return [3]string{"confirmed", "lifted", "moved"} }

// MaxInbound is the largest accepted incoming message, in bytes.
const MaxInbound = 1 << 20

// Takes reports whether messages to an address are for us: a return path or an
// unsubscribe address, which only we can make, the address for complaints, or one that
// leads to staff.
func (r *Feedback) Takes(address string) bool {
	if r.Complaints != "" && strings.EqualFold(address, r.Complaints) {
		return true
	}
	if r.toStaff(address) != "" {
		return true
	}
	if _, ok, err := r.unsubscribeToken(address); ok {
		return err == nil
	}
	_, ok := r.ofReturnPath(address)
	return ok
}

// HandleMessage acts on an incoming message for the addresses in to, which may be empty
// if they are unknown. It returns a short summary of what it did, for staff.
// ErrNotOurs: it is not about an email that we sent. ErrTooLarge: it exceeds MaxInbound.
// After any other error, the message's or the store's, the message should be kept.
func (r *Feedback) HandleMessage(ctx context.Context, to []string, message io.Reader) (did string, err error) {
	raw, err := io.ReadAll(io.LimitReader(message, MaxInbound+1))
	if err != nil {
		return "", fmt.Errorf("read incoming message: %w", err)
	}
	if len(raw) > MaxInbound {
		return "", ErrTooLarge
	}
	done, err := r.handling.take(ctx)
	if err != nil {
		return "", fmt.Errorf("wait for other incoming messages: %w", err)
	}
	defer done()
	var all []string
	var failed error // the first: the message is kept, and repeating what succeeded is harmless
	note := func(did string, err error) {
		switch {
		case err == nil:
			all = append(all, did)
		case failed == nil && !errors.Is(err, ErrNotOurs): // another address may be ours
			failed = err
		}
	}
	var others []string
	for _, address := range to {
		switch token, ok, err := r.unsubscribeToken(address); {
		case !ok:
			others = append(others, address)
		case err == nil:
			note(r.unsubscribe(ctx, token, "mail"))
		}
	}
	if len(others) > 0 || len(to) == 0 {
		did, err := r.report(ctx, others, raw)
		if errors.Is(err, ErrNotOurs) {
			did, err = r.keep(ctx, others, raw, err)
		}
		note(did, err)
	}
	switch {
	case failed != nil:
		return "", failed
	case len(all) == 0:
		return "", ErrNotOurs
	}
	return strings.Join(all, "; "), nil
}

// report acts on a bounce or complaint message, for each email that it is about.
func (r *Feedback) report(ctx context.Context, to []string, raw []byte) (did string, err error) {
	report, err := bounce.Parse(bytes.NewReader(raw))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	refs, proven, err := r.refsOf(ctx, to, report)
	if err != nil {
		return "", err
	}
	var all []string
	for _, ref := range refs {
		sum := sha256.New()
		fmt.Fprint(sum, ref, "\x00")
		sum.Write(raw)
		b := Bounce{At: time.Now(), Ref: ref, Kind: report.Kind, Class: report.Class, Text: report.Text, Hash: hex.EncodeToString(sum.Sum(nil)[:16]), proven: proven}
		for _, recipient := range report.Recipients {
			if recipient.Class == report.Class {
				b.Code, b.Status = recipient.Code, recipient.Status
				break
			}
		}
		did, err := r.act(ctx, b, &report)
		switch {
		case errors.Is(err, ErrNotOurs):
			continue
		case err != nil:
			return "", err
		}
		all = append(all, did)
	}
	if len(all) == 0 {
		return "", ErrNotOurs
	}
	return strings.Join(all, "; "), nil
}

// HandleRefusal acts on a refusal in our own session with a mail server, which counts as
// a bounce. first says that it was the first attempt at the email.
func (r *Feedback) HandleRefusal(ctx context.Context, ref Ref, to string, o Outcome, first bool) error {
	sum := sha256.Sum256([]byte(ref.String() + "\x00" + o.Text))
	b := Bounce{
		At: time.Now(), Ref: ref, Kind: bounce.Failure, Class: o.class(to), Code: o.Code, Status: o.Status,
		Text: oneLine(o.Text), Hash: "s" + hex.EncodeToString(sum[:16]), first: first, stage: o.Stage,
	}
	_, err := r.act(ctx, b, nil)
	if errors.Is(err, ErrNotOurs) { // it was a test email, or its reader is gone
		return nil
	}
	return err
}

// turn is what one holder has at a time. The zero turn is free.
type turn struct {
	once sync.Once
	c    chan struct{}
}

func (t *turn) take(ctx context.Context) (done func(), err error) {
	t.once.Do(func() { t.c = make(chan struct{}, 1) })
	select {
	case t.c <- struct{}{}:
		return func() { <-t.c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// class is what an outcome means for the address.
func (o Outcome) class(to string) bounce.Class {
	return bounce.Reply{Code: o.Code, Status: o.Status, Text: o.Text, Stage: o.Stage, To: to}.Class()
}

// refsOf finds the emails that a report is about: by the return paths that it was sent to
// or names, which only we can make, else by the Message-ID in it. proven says which.
func (r *Feedback) refsOf(ctx context.Context, to []string, report bounce.Report) (refs []Ref, proven bool, err error) {
	for _, address := range to {
		if ref, ok := r.ofReturnPath(address); ok && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	if len(refs) > 0 {
		return refs, true, nil
	}
	for _, address := range report.To {
		if ref, ok := r.ofReturnPath(address); ok {
			return []Ref{ref}, true, nil
		}
	}
	if report.MessageID == "" {
		return nil, false, ErrNotOurs
	}
	ref, err := r.Store.ByMessageID(ctx, report.MessageID)
	if errors.Is(err, ErrNotFound) {
		return nil, false, ErrNotOurs
	}
	return []Ref{ref}, false, err
}

func (r *Feedback) unsubscribe(ctx context.Context, token, source string) (string, error) {
	_, err := r.Registry.Unsubscribe(ctx, token, source)
	if errors.Is(err, subscribers.ErrToken) {
		return "", ErrNotOurs
	}
	if err != nil {
		return "", err
	}
	return "unsubscribed by email", nil
}

// act records a bounce and carries out what follows from it. report is what came back;
// nil = a mail server refused the email in our own session.
func (r *Feedback) act(ctx context.Context, b Bounce, report *bounce.Report) (string, error) {
	feedback := ""
	if report != nil {
		feedback = report.Feedback
	}
	if b.Kind == bounce.Unsubscribe {
		return r.optOut(ctx, b.Ref)
	}
	if b.Kind != bounce.Failure && b.Kind != bounce.Complaint || b.Kind == bounce.Failure && b.Class == bounce.None {
		return fmt.Sprintf("%s: nothing to do", b.Kind), nil
	}
	to, reader, err := r.Store.SentEmail(ctx, b.Ref)
	if errors.Is(err, ErrNotFound) {
		return "", ErrNotOurs
	}
	if err != nil {
		return "", err
	}
	if report != nil {
		b.CameBack, b.Lost = true, b.Kind == bounce.Failure && report.CameFrom(to)
	}
	moved := reader.ID != 0 && to != "" && !sameMailbox(to, reader.Address)
	if !moved {
		b.Subscriber = reader.ID
	}
	if b.Subscriber == 0 {
		b.Text = "" // the text may contain the erased or former address
	}
	known, past, marked, err := r.Store.RecordBounce(ctx, b)
	if err != nil {
		return "", fmt.Errorf("record bounce: %w", err)
	}
	if b.Class == bounce.Blocked && !known && b.Ref.Digest != 0 && (!b.CameBack || marked) { // each email that came back counts once
		r.watch(ctx, b, watched{reader: b.Ref.Subscriber, owner: ownerOf(to), class: b.Class, passedOn: b.passedOn()})
	}
	switch {
	case moved && b.Kind == bounce.Complaint && b.suppresses(to):
		return r.suppressFormer(ctx, b, to, reader, feedback)
	case b.Kind == bounce.Complaint && reader.ID != 0 && !past && !b.suppresses(to):
		return r.endAfterComplaint(ctx, b, reader)
	case b.Subscriber == 0:
		what := string(b.Kind)
		if b.Class != bounce.None {
			what = string(b.Class) + " bounce"
		}
		return what + " for an address that no longer has a subscriber", nil
	case past:
		return "already known, and superseded since", nil
	case b.CameBack && !b.Lost && b.Kind == bounce.Failure:
		return "a copy that was forwarded came back; the address is not at fault", nil
	}
	return r.suppress(ctx, b, reader, feedback)
}

// optOut unsubscribes the reader of an email, as they or their provider asked.
func (r *Feedback) optOut(ctx context.Context, ref Ref) (string, error) {
	_, reader, err := r.Store.SentEmail(ctx, ref)
	if errors.Is(err, ErrNotFound) || err == nil && reader.ID == 0 {
		return "", ErrNotOurs
	}
	if err != nil {
		return "", err
	}
	return r.unsubscribe(ctx, r.Registry.Token(subscribers.UnsubscribeToken, reader), "mail")
}

// suppresses reports whether a complaint may keep an address from all emails, given where
// the email went: whoever knows of an email, such as one that was forwarded, can complain
// about it, and only who has its return path proves that a mailbox got it.
func (b *Bounce) suppresses(to string) bool {
	_, err := subscribers.ParseAddress(to)
	return b.proven && err == nil
}

// endAfterComplaint unsubscribes the reader of an email about which somebody complains
// who does not prove that they received it. They can sign up again.
func (r *Feedback) endAfterComplaint(ctx context.Context, b Bounce, reader subscribers.Subscriber) (string, error) {
	_, err := r.unsubscribe(ctx, r.Registry.Token(subscribers.UnsubscribeToken, reader), string(subscribers.Complained))
	if err != nil {
		return "", err
	}
	r.Log.InfoContext(ctx, "complaint without a return path: reader unsubscribed", "subscriber", reader.ID, "ref", b.Ref)
	return "unsubscribed after a complaint that does not prove that the email was received", nil
}

// suppress suppresses a reader if a bounce is grave enough.
func (r *Feedback) suppress(ctx context.Context, b Bounce, reader subscribers.Subscriber, feedback string) (string, error) {
	cause, detail := subscribers.Bounced, ""
	switch {
	case b.Kind == bounce.Complaint:
		cause, detail = subscribers.Complained, "reported as "+feedback
	case b.Class == bounce.Hard && reader.Status != subscribers.Pending:
		return r.refused(ctx, b, reader)
	case b.Class == bounce.Hard && b.Ref.Message == 0:
		return "hard bounce of an email from before they signed up again; the confirmation will tell", nil
	case b.Class == bounce.Hard: // of a sign-up, which may be repeated
		detail = "hard bounce: " + b.said()
	case b.Class == bounce.Soft:
		count, err := r.Store.SoftBounces(ctx, reader.ID, settledAfter)
		if err != nil {
			return "", fmt.Errorf("count soft bounces: %w", err)
		}
		if count.Emails < softEmails || b.At.Sub(count.Since) < softOver {
			return fmt.Sprintf("soft bounce, %d in a row", count.Emails), nil
		}
		detail = fmt.Sprintf("%d soft bounces since %s, the last: %s", count.Emails, count.Since.UTC().Format(time.DateOnly), b.said())
	default:
		return "blocked: the server refuses our sending; the address is not at fault", nil
	}
	changed, err := r.Registry.Suppress(ctx, reader.Address, cause, detail, string(cause))
	if err != nil {
		return "", fmt.Errorf("suppress reader: %w", err)
	}
	if changed {
		r.Log.InfoContext(ctx, "reader suppressed", "subscriber", reader.ID, "cause", cause, "ref", b.Ref)
		return fmt.Sprintf("suppressed after a %s", cause), nil
	}
	return fmt.Sprintf("%s from a reader who is already suppressed", cause), nil
}

// suppressFormer suppresses a reader's former address. The complaint may still be theirs,
// so they are unsubscribed too, until they sign up again.
func (r *Feedback) suppressFormer(ctx context.Context, b Bounce, to string, reader subscribers.Subscriber, feedback string) (string, error) {
	if _, err := r.unsubscribe(ctx, r.Registry.Token(subscribers.UnsubscribeToken, reader), string(subscribers.Complained)); err != nil && !errors.Is(err, ErrNotOurs) {
		return "", err
	}
	left, err := subscribers.ParseAddress(to)
	if err != nil {
		return "unsubscribed after a complaint about an older email", nil
	}
	if _, err := r.Registry.Suppress(ctx, left, subscribers.Complained, "reported as "+feedback, string(subscribers.Complained)); err != nil {
		return "", fmt.Errorf("suppress former address: %w", err)
	}
	r.Log.InfoContext(ctx, "complaint: reader unsubscribed; their former address suppressed", "subscriber", reader.ID, "cause", subscribers.Complained, "ref", b.Ref)
	return "unsubscribed after a complaint; their former address suppressed", nil
}

// said summarises a bounce, without addresses.
func (b Bounce) said() string {
	text := withoutAddresses(b.Text)
	if b.Status != "" && !strings.Contains(text, b.Status) {
		text = b.Status + " " + text
	}
	if code := itoa(b.Code); b.Code != 0 && !strings.HasPrefix(text, code) {
		text = code + " " + text
	}
	return text
}

func sameMailbox(to string, a subscribers.Address) bool {
	sent, err := subscribers.ParseAddress(to)
	return err == nil && sent.Key() == a.Key()
}
