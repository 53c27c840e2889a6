package newsletter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// connection is one of a worker's connections: it takes mails one by one, and
// opens a session when it has one to send.
type connection struct {
	*attachment
	session  Session
	answered bool    // a mail was answered on this session
	failures int     // to open a session, in a row
	outcome  *Result // of the last mail, until it is stored
	buffer   []byte  // of the message that is sent
}

// sessionIdle is how long a session is kept without a mail: servers end idle ones;
// be first.
const sessionIdle = 20 * time.Second

func (r *attachment) send(ctx context.Context) {
	c := &connection{attachment: r}
	defer func() {
		c.store(ctx)
		c.close()
	}()
	for {
		t, ok := c.next(ctx)
		if !ok {
			return
		}
		c.handle(ctx, t)
	}
}

// next waits for a mail; one that stands alone goes first. ok is false when no new
// mail is to be started.
func (c *connection) next(ctx context.Context) (t Task, ok bool) {
	select {
	case <-c.stopping:
		return t, false
	default:
	}
	select {
	case t = <-c.single:
		return t, true
	default:
	}
	select {
	case t = <-c.digests:
		return t, true
	default:
	}
	c.store(ctx)
	idle := time.NewTimer(sessionIdle)
	defer idle.Stop()
	for {
		select {
		case <-c.stopping:
			return t, false
		case t = <-c.single:
			return t, true
		case t = <-c.digests:
			return t, true
		case <-idle.C:
			c.close()
		}
	}
}

// handle makes one mail, marks it, transmits it and settles it. An outcome is stored
// with the mark of the next mail, in one entry of the recorder, unless there is
// something to wait for before that.
func (c *connection) handle(ctx context.Context, t Task) {
	if t.Subscriber.Address == (subscribers.Address{}) {
		c.settle(ctx, Result{Ref: t.Ref, State: Skipped, Reason: ReasonGone})
		return
	}
	if t.Kind != DigestEmail && t.overdue(time.Now()) {
		c.settle(ctx, Result{Ref: t.Ref, State: Failed, Reason: Reason(fmt.Sprintf("given up after %d attempts: it was to be sent by %s", t.Attempts, t.Deadline.UTC().Format(time.DateTime+" UTC")))})
		return
	}
	if trouble, shut, _ := c.breaker.open(time.Now()); shut {
		c.giveBack(ctx, t, trouble.Until, trouble.Reason)
		return
	}
	envelope, begin, message, err := c.mail(ctx, t)
	if err != nil {
		c.unmade(ctx, t, err)
		return
	}
	if !c.awaitTurn(ctx, t, envelope.To) || !c.open(ctx, t) {
		return
	}
	action, err := c.record(ctx, &begin)
	if err != nil {
		c.Log.ErrorContext(ctx, "marking a mail failed", "mail", t.Ref, "error", err)
		return
	}
	if action != ActionSend {
		return
	}
	outcome := c.session.Send(ctx, envelope, message)
	now := time.Now()
	result := c.settlement(t, outcome, now)
	c.settle(ctx, result)
	c.learn(outcome, now)
	refused := outcome.Kind == Permanent || outcome.Kind == Temporary && result.State == Failed
	switch {
	case c.Feedback == nil:
	case refused:
		c.store(ctx) // before what it leads to
		if err := c.Feedback.HandleRefusal(ctx, t.Ref, outcome); err != nil {
			c.Feedback.Log.ErrorContext(ctx, "a refusal could not be recorded", "mail", t.Ref, "error", err)
		}
	case outcome.Kind == Accepted && t.Ref.Digest != 0:
		c.Feedback.NoteDelivered(t.Ref.Digest)
	}
	if outcome.Broken {
		c.close()
	}
}

// mail makes a task's mail. A renderError will not go away by trying again.
func (c *connection) mail(ctx context.Context, t Task) (e Envelope, m Begin, message []byte, err error) {
	m.Ref = t.Ref
	if t.Kind != DigestEmail {
		single, err := c.Writer.SingleMessage(t)
		if err == nil {
			message, err = c.Composer.Compose(single)
		}
		if err != nil {
			return e, m, nil, &renderError{err}
		}
		m.To, m.MessageID = single.To, single.MessageID
		return c.Writer.Envelope(bare(single.From), single.To, t.Ref), m, message, nil
	}
	prepared, from, uid, err := c.prepared.of(ctx, t.Ref.Digest, t.Variant)
	if err != nil {
		return e, m, nil, err
	}
	if t.To != "" { // frozen by an earlier attempt; its links go with the mailbox
		if t.Subscriber.Address, err = subscribers.ParseAddress(t.To); err != nil {
			return e, m, nil, &renderError{err}
		}
	}
	own := c.Writer.Copy(uid, t.Subscriber)
	if message, err = prepared.Append(c.buffer[:0], own); err != nil {
		return e, m, nil, &renderError{err}
	}
	c.buffer = message
	m.To, m.MessageID = own.To, own.MessageID
	return c.Writer.Envelope(from, own.To, t.Ref), m, message, nil
}

// awaitTurn keeps to the rates. It is false when the mail has to wait for long, or
// no new mail is to be started.
func (c *connection) awaitTurn(ctx context.Context, t Task, to string) bool {
	wait, back := c.throttle.next(time.Now(), strings.ToLower(to[strings.LastIndexByte(to, '@')+1:]))
	if !back.IsZero() {
		c.giveBack(ctx, t, back, "waits for its turn: the rate to its domain is limited")
		return false
	}
	if wait <= 0 {
		return true
	}
	c.store(ctx)
	select {
	case <-c.stopping:
		return false // Detach gives it back
	case <-time.After(wait):
		return true
	}
}

// open makes sure that there is a session, or gives the mail back and keeps this
// connection from trying again for a while.
func (c *connection) open(ctx context.Context, t Task) bool {
	if c.session != nil {
		return true
	}
	c.store(ctx)
	session, err := c.Transport.Open(ctx)
	if err == nil {
		c.session, c.failures = session, 0
		return true
	}
	c.failures++
	wait := min(time.Second<<min(c.failures-1, 6), maxOpen)
	reason := Reason(oneLine(err.Error()))
	c.breaker.failure(time.Now(), reason)
	next := time.Now()
	if trouble, shut, _ := c.breaker.open(next); shut {
		c.failures, wait, next = 0, 0, trouble.Until // the breaker keeps all of them
	}
	c.giveBack(ctx, t, next, reason)
	c.store(ctx)
	select {
	case <-ctx.Done():
	case <-c.stopping:
	case <-time.After(wait):
	}
	return false
}

func (c *connection) close() {
	if c.session == nil {
		return
	}
	if c.answered {
		c.breaker.connected(-1)
	}
	c.session.Close()
	c.session, c.answered = nil, false
}

// learn takes from an outcome how the server is.
func (c *connection) learn(o Outcome, now time.Time) {
	if o.Slow {
		c.throttle.slower(now)
	}
	switch {
	case o.Kind == NotSent, o.Kind == Unknown, o.Code == 421:
		c.breaker.failure(now, Reason(withoutAddresses(answerText(o))))
		return
	case o.Kind == Accepted:
		c.throttle.accepted(now)
	}
	c.breaker.success()
	if !c.answered {
		c.answered = true
		c.breaker.connected(1)
	}
}

// result is what an outcome means for a mail.
func (c *connection) settlement(t Task, o Outcome, now time.Time) Result {
	s := Result{Ref: t.Ref, Change: t.Change, Code: o.Code, Reason: Reason(answerText(o))}
	switch o.Kind {
	case Accepted:
		s.State, s.Received = Sent, true
	case Permanent:
		s.State = Failed
	case Unknown:
		s.State, s.Uncertain = Uncertain, true
		switch c.onUncertain() {
		case Resend:
			c.retryOrFail(&s, t, now, Uncertain)
		case Skip:
			s.Received = true
		}
	default:
		c.retryOrFail(&s, t, now, Failed)
	}
	return s
}

// retryOrFail defers a mail, or ends it in the given state after its deadline.
func (c *connection) retryOrFail(s *Result, t Task, now time.Time, end DeliveryState) {
	at, ok := c.Retry.next(now, t.Deadline, t.Attempts+1)
	if !ok {
		s.State = end
		s.Reason = Reason(fmt.Sprintf("given up after %d attempts: %s", t.Attempts+1, s.Reason))
		return
	}
	s.State, s.NextAt = Deferred, at
}

// giveBack returns a mail unattempted.
func (c *connection) giveBack(ctx context.Context, t Task, next time.Time, reason Reason) {
	c.settle(ctx, Result{Ref: t.Ref, State: Pending, NextAt: next, Reason: reason})
}

// unmade settles a mail that could not be made: for good if its words are at
// fault, else it is tried again.
func (c *connection) unmade(ctx context.Context, t Task, err error) {
	s := Result{Ref: t.Ref, State: Failed, Reason: Reason(oneLine(err.Error()))}
	if _, broken := errors.AsType[*renderError](err); !broken {
		s.State, s.NextAt = Pending, time.Now().Add(unmadeWaits)
	}
	c.Log.ErrorContext(ctx, "mail can't be made", "mail", t.Ref, "state", s.State, "error", err)
	c.settle(ctx, s)
}

// unmadeWaits is how long a mail waits when the store could not be read.
const unmadeWaits = 10 * time.Second

// settle keeps an outcome, to be stored with what comes next.
func (c *connection) settle(ctx context.Context, s Result) {
	c.store(ctx)
	c.outcome = &s
}

// store waits until the last outcome is durable.
func (c *connection) store(ctx context.Context) {
	if c.outcome != nil {
		c.record(ctx, nil)
	}
}

// record waits until a mail's mark, if there is one, and the outcome of the mail
// before are durable.
func (c *connection) record(ctx context.Context, m *Begin) (Action, error) {
	outcome := c.outcome
	c.outcome = nil
	a := <-c.recorder.submit(Entry{Result: outcome, Begin: m})
	if a.err != nil && outcome != nil {
		// The row stays in flight and is found uncertain later: listed, not lost.
		c.Log.ErrorContext(ctx, "recording an outcome failed", "mail", outcome.Ref, "state", outcome.State, "error", a.err)
	}
	return a.action, a.err
}

// withoutAddresses is a server's answer as logs may hold it.
func withoutAddresses(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if strings.Contains(word, "@") {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

func answerText(o Outcome) string {
	text := o.Text
	if o.Status != "" {
		text = o.Status + " " + text
	}
	if o.Code != 0 {
		text = itoa(o.Code) + " " + text
	}
	return oneLine(text)
}
