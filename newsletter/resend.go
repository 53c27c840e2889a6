package newsletter

import (
	"context"
	"errors"
	"time"
)

// Errors of QueueResend.
var (
	ErrNotAccepted = errors.New("only a digest's email that a mail server accepted can be sent again")
	ErrNotReader   = errors.New("the reader is not confirmed any more")
	ErrTakenDown   = errors.New("it carries an insight that was withdrawn since")
	ErrOnItsWay    = errors.New("it is being sent again already")
)

// ResendStore queues emails of digests to be sent once more.
type ResendStore interface {
	// QueueResend queues an accepted email of a digest as a single email, with what it said
	// before and links that are valid now. When it is accepted, what it brings is received.
	// ErrNotAccepted, ErrNotReader, ErrTakenDown, ErrOnItsWay.
	QueueResend(ctx context.Context, ref Ref) (Ref, error)
}

// SentAgain is what an email of a digest that is sent once more says.
type SentAgain struct {
	Digest  Digest
	Variant int
	Body    StoredBody
}

// ReasonTakenDown is why an email is not sent again.
const ReasonTakenDown Reason = "an insight it carries was withdrawn"

// resend builds an email of a digest again, as a message of its own.
func (w *Writer) resend(t Task) Message {
	own := w.Copy(t.Again.Digest.ID, t.Again.Digest.UID, t.Subscriber, t.Created)
	own.MessageID = w.singleID(t, t.Subscriber.Address)
	message := w.Message(t.Again.Digest, t.Again.Variant, t.Again.Body).With(own)
	message.Date = t.Created.UTC().Truncate(time.Second)
	message.Boundary = singleBoundary(t)
	return message
}
