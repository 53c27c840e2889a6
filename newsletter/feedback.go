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
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

// ErrNotOurs says that a mail which came in is about none that was sent from here.
var ErrNotOurs = errors.New("it is about no mail that was sent from here")

// ErrTooLarge says that a mail which came in has more than MaxInbound bytes. It is not
// acted upon: what is cut may say something else than the whole.
var ErrTooLarge = fmt.Errorf("it is larger than %d MB", MaxInbound>>20)

// Bounce is a mail that came back, a refusal by a mail server, or a complaint.
type Bounce struct {
	ID         int64
	At         time.Time
	Ref        Ref   // the mail it is about
	Subscriber int64 // 0 = forgotten since
	Email      string
	Kind       bounce.Kind
	Class      bounce.Class
	Code       int    // of the SMTP reply, 0 = none
	Status     string // RFC 3463
	Text       string
	Hash       string // tells the same one again
}

// SoftCount are a reader's soft bounces since a mail last arrived.
type SoftCount struct {
	Mails int // that came back
	Since time.Time
}

// FeedbackStore keeps what came back.
type FeedbackStore interface {
	// SentMail returns a mail with the address that it was sent to and its reader,
	// who is the zero Subscriber if they are gone. ErrNotFound.
	SentMail(ctx context.Context, ref Ref) (to string, reader subscribers.Subscriber, err error)
	// ByMessageID finds a mail that was sent. ErrNotFound.
	ByMessageID(ctx context.Context, id string) (Ref, error)
	// RecordBounce records one, unless it is on record: then known is true, and past
	// says that its reader confirmed, moved or had a suppression lifted since.
	RecordBounce(ctx context.Context, b Bounce) (known, past bool, err error)
	// SoftBounces counts those of a reader since they last confirmed, moved or had a
	// suppression lifted. A mail arrived if none came back of it for settled.
	SoftBounces(ctx context.Context, subscriber int64, settled time.Duration) (SoftCount, error)
	// Bounces yields them, the newest first.
	Bounces(ctx context.Context) iter.Seq2[Bounce, error]
}

// Feedback handles what comes back of mails, and what readers write to the addresses
// made for that. Its fields are set once; it is safe for concurrent use.
type Feedback struct {
	Store    FeedbackStore
	Registry *subscribers.Registry
	Log      *slog.Logger
	// Complaints is an address that providers report complaints to; "" = none.
	Complaints string
	// Pause, when set, stops a digest whose mails are blocked.
	Pause func(ctx context.Context, digest int64, reason Reason) (changed bool, err error)

	blocks blockWatch
}

// What it takes for soft bounces to end a subscription: so many mails in a row that
// came back, over so long. A mail has arrived when none came back for a while.
const (
	softMails   = 5
	softOver    = 14 * 24 * time.Hour
	softSettles = 3 * 24 * time.Hour
)

// FreshStarts are the three events after which what came back of a reader's emails
// before says nothing any more: they have confirmed, or moved to another address, or
// staff have lifted their suppression.
func FreshStarts() [3]string { return [3]string{"confirmed", "lifted", "moved"} }

// MaxInbound bounds a mail that comes in, in bytes.
const MaxInbound = 1 << 20

// Takes reports whether mail to an address is for here: the return path of a mail,
// or an unsubscription, which nobody else can make, or the address for complaints.
func (r *Feedback) Takes(address string) bool {
	if r.Complaints != "" && strings.EqualFold(address, r.Complaints) {
		return true
	}
	if token, ok := unsubscribeToken(address); ok {
		_, err := r.Registry.Keys.Check(subscribers.UnsubscribeToken, token, "")
		return err == nil
	}
	_, ok := r.ofReturnPath(address)
	return ok
}

// HandleMessage acts on a mail that came in for the addresses in to, which may be empty
// where they are not known. It returns what it did in a few words, fit for staff.
// ErrNotOurs: nothing is known of it. ErrTooLarge: it is larger than MaxInbound. Any
// other error is the message's, or the store's, and the mail should be kept.
func (r *Feedback) HandleMessage(ctx context.Context, to []string, message io.Reader) (did string, err error) {
	raw, err := io.ReadAll(io.LimitReader(message, MaxInbound+1))
	if err != nil {
		return "", fmt.Errorf("read a mail that came back: %w", err)
	}
	if len(raw) > MaxInbound {
		return "", ErrTooLarge
	}
	var all []string
	var failed error // the first: the mail is kept, and what was done is harmless to repeat
	note := func(did string, err error) {
		switch {
		case err == nil:
			all = append(all, did)
		case failed == nil && !errors.Is(err, ErrNotOurs): // what else it is about may be ours
			failed = err
		}
	}
	var others []string
	for _, address := range to {
		if token, ok := unsubscribeToken(address); ok {
			note(r.unsubscribe(ctx, token))
		} else {
			others = append(others, address)
		}
	}
	if len(others) > 0 || len(to) == 0 {
		note(r.report(ctx, others, raw))
	}
	switch {
	case failed != nil:
		return "", failed
	case len(all) == 0:
		return "", ErrNotOurs
	}
	return strings.Join(all, "; "), nil
}

// report acts on what a mail reports of each mail that it came back for.
func (r *Feedback) report(ctx context.Context, to []string, raw []byte) (did string, err error) {
	report, err := bounce.Parse(bytes.NewReader(raw))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	refs, err := r.refsOf(ctx, to, report)
	if err != nil {
		return "", err
	}
	var all []string
	for _, ref := range refs {
		sum := sha256.New()
		fmt.Fprint(sum, ref, "\x00")
		sum.Write(raw)
		b := Bounce{At: time.Now(), Ref: ref, Kind: report.Kind, Class: report.Class, Text: report.Text, Hash: hex.EncodeToString(sum.Sum(nil)[:16])}
		for _, recipient := range report.Recipients {
			if recipient.Class == report.Class {
				b.Code, b.Status = recipient.Code, recipient.Status
				break
			}
		}
		did, err := r.act(ctx, b, report.Feedback)
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

// HandleRefusal acts on a refusal in our own session with a mail server, which counts as a
// bounce does.
func (r *Feedback) HandleRefusal(ctx context.Context, ref Ref, o Outcome) error {
	sum := sha256.Sum256([]byte(ref.String() + "\x00" + o.Text))
	b := Bounce{
		At: time.Now(), Ref: ref, Kind: bounce.Failure, Class: bounce.Classify(o.Code, o.Status, o.Text), Code: o.Code, Status: o.Status,
		Text: oneLine(o.Text), Hash: "s" + hex.EncodeToString(sum[:16]),
	}
	_, err := r.act(ctx, b, "")
	if errors.Is(err, ErrNotOurs) { // it was a test mail, or its reader is gone
		return nil
	}
	return err
}

// NoteDelivered takes note that a mail server took a mail of a digest.
func (r *Feedback) NoteDelivered(digest int64) { r.blocks.note(digest, false) }

// mailsOf finds the mails that a report is about: by the addresses it came back to,
// which prove it, else by the Message-ID in it.
func (r *Feedback) refsOf(ctx context.Context, to []string, report bounce.Report) (refs []Ref, err error) {
	for _, address := range to {
		if ref, ok := r.ofReturnPath(address); ok && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	if len(refs) > 0 {
		return refs, nil
	}
	for _, address := range report.To {
		if ref, ok := r.ofReturnPath(address); ok {
			return []Ref{ref}, nil
		}
	}
	if report.MessageID == "" {
		return nil, ErrNotOurs
	}
	ref, err := r.Store.ByMessageID(ctx, report.MessageID)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrNotOurs
	}
	return []Ref{ref}, err
}

func (r *Feedback) unsubscribe(ctx context.Context, token string) (string, error) {
	_, err := r.Registry.Unsubscribe(ctx, token, "mail")
	if errors.Is(err, subscribers.ErrToken) {
		return "", ErrNotOurs
	}
	if err != nil {
		return "", err
	}
	return "unsubscribed, as they asked by mail", nil
}

// act records a bounce and does what it asks for.
func (r *Feedback) act(ctx context.Context, b Bounce, feedback string) (string, error) {
	if b.Kind == bounce.Unsubscribe {
		return r.optOut(ctx, b.Ref)
	}
	if b.Kind != bounce.Failure && b.Kind != bounce.Complaint || b.Kind == bounce.Failure && b.Class == bounce.None {
		return fmt.Sprintf("%s: nothing to do", b.Kind), nil
	}
	to, reader, err := r.Store.SentMail(ctx, b.Ref)
	if errors.Is(err, ErrNotFound) {
		return "", ErrNotOurs
	}
	if err != nil {
		return "", err
	}
	moved := reader.ID != 0 && to != "" && !sameMailbox(to, reader.Address)
	if !moved {
		b.Subscriber = reader.ID
	}
	if b.Subscriber == 0 {
		b.Text = "" // words may hold the address that was forgotten, or left
	}
	known, past, err := r.Store.RecordBounce(ctx, b)
	if err != nil {
		return "", fmt.Errorf("record a bounce: %w", err)
	}
	if b.Class == bounce.Blocked && !known && b.Ref.Digest != 0 {
		r.blocked(ctx, b)
	}
	switch {
	case moved && b.Kind == bounce.Complaint:
		return r.suppressFormer(ctx, b, to, reader, feedback)
	case b.Subscriber == 0:
		what := string(b.Kind)
		if b.Class != bounce.None {
			what = string(b.Class) + " bounce"
		}
		return what + " of an address that nobody has any more", nil
	case past:
		return "known already, and taken back since", nil
	}
	return r.suppress(ctx, b, reader, feedback)
}

// optOut unsubscribes the reader of a mail: they, or their provider, say so.
func (r *Feedback) optOut(ctx context.Context, ref Ref) (string, error) {
	_, reader, err := r.Store.SentMail(ctx, ref)
	if errors.Is(err, ErrNotFound) || err == nil && reader.ID == 0 {
		return "", ErrNotOurs
	}
	if err != nil {
		return "", err
	}
	return r.unsubscribe(ctx, r.Registry.Token(subscribers.UnsubscribeToken, reader))
}

// suspend suppresses a reader if a bounce asks for it.
func (r *Feedback) suppress(ctx context.Context, b Bounce, reader subscribers.Subscriber, feedback string) (string, error) {
	cause, words := subscribers.Bounced, ""
	switch {
	case b.Kind == bounce.Complaint:
		cause, words = subscribers.Complained, "reported as "+feedback
	case b.Class == bounce.Hard:
		words = "hard bounce: " + b.said()
	case b.Class == bounce.Soft:
		count, err := r.Store.SoftBounces(ctx, reader.ID, softSettles)
		if err != nil {
			return "", fmt.Errorf("count soft bounces: %w", err)
		}
		if count.Mails < softMails || b.At.Sub(count.Since) < softOver {
			return fmt.Sprintf("soft bounce, %d in a row", count.Mails), nil
		}
		words = fmt.Sprintf("%d soft bounces since %s, the last: %s", count.Mails, count.Since.UTC().Format(time.DateOnly), b.said())
	default:
		return "blocked: our sending is refused, the address is not at fault", nil
	}
	changed, err := r.Registry.Suppress(ctx, reader.Address, cause, words, string(cause))
	if err != nil {
		return "", fmt.Errorf("suppress a reader: %w", err)
	}
	if changed {
		r.Log.InfoContext(ctx, "reader suppressed", "subscriber", reader.ID, "cause", cause, "mail", b.Ref)
		return fmt.Sprintf("suppressed over a %s", cause), nil
	}
	return fmt.Sprintf("%s of a reader who is suppressed already", cause), nil
}

// suspendLeft suppresses an address that its reader has left. Whoever complains there may
// be them, so no more mail goes to them either, until they sign up again.
func (r *Feedback) suppressFormer(ctx context.Context, b Bounce, to string, reader subscribers.Subscriber, feedback string) (string, error) {
	if _, err := r.unsubscribe(ctx, r.Registry.Token(subscribers.UnsubscribeToken, reader)); err != nil && !errors.Is(err, ErrNotOurs) {
		return "", err
	}
	left, err := subscribers.ParseAddress(to)
	if err != nil {
		return "unsubscribed over a complaint about an older mail", nil
	}
	if _, err := r.Registry.Suppress(ctx, left, subscribers.Complained, "reported as "+feedback, string(subscribers.Complained)); err != nil {
		return "", fmt.Errorf("suppress an address that was left: %w", err)
	}
	r.Log.InfoContext(ctx, "reader unsubscribed, and the address suppressed that they have left", "subscriber", reader.ID, "cause", subscribers.Complained, "mail", b.Ref)
	return "unsubscribed over a complaint, and the address suppressed that was left", nil
}

// said is a bounce in short. It never holds an address.
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

// blocked counts a mail that was blocked, and stops its digest when they are many.
func (r *Feedback) blocked(ctx context.Context, b Bounce) {
	share, many := r.blocks.note(b.Ref.Digest, true)
	if !many || r.Pause == nil {
		return
	}
	reason := Reason(fmt.Sprintf("%.0f %% of the last mails were blocked, the last with: %s", 100*share, b.said()))
	paused, err := r.Pause(ctx, b.Ref.Digest, reason)
	switch {
	case err != nil:
		r.Log.ErrorContext(ctx, "pausing a digest that is blocked failed", "digest", b.Ref.Digest, "error", err)
	case paused:
		r.Log.ErrorContext(ctx, "digest paused: its mails are blocked", "digest", b.Ref.Digest, "said", b.said())
	}
}
