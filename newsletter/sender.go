package newsletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// connection is one of a worker's connections: it takes emails one by one, and opens a
// session when it has one to send.
type connection struct {
	*attachment
	session  Session
	answered bool    // the server has answered on this session
	failures int     // to open a session, consecutive
	turns    int     // at emails of digests and postponed ones
	reserved bool    // for digests, while one goes out
	result   *Result // of the last email, until it is stored
	buffer   []byte  // of the message being sent
}

// sessionIdle is how long an idle session is kept: servers close idle ones; close
// first.
const sessionIdle = 20 * time.Second

// againEvery is which turn single emails have that were postponed, while there are digests.
const againEvery = 4

// send takes emails until there are no more. Half of the connections are reserved for digests
// while one goes out: anybody can have single emails sent to where each takes long.
func (r *attachment) send(ctx context.Context, reserved bool) {
	c := &connection{attachment: r, reserved: reserved}
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

// digesting is for how long after an email of a digest the next one is expected.
const digesting = 2 * time.Second

// nextOfDigest waits for an email of a digest, as long as one goes out.
func (c *connection) nextOfDigest(ctx context.Context) (t Task, ok bool) {
	for {
		select {
		case t = <-c.digests:
			return t, true
		default:
		}
		left := digesting - time.Since(time.Unix(0, c.handed.Load()))
		if left <= 0 {
			return t, false
		}
		c.store(ctx)
		select {
		case <-c.stopping:
			return t, false
		case t = <-c.digests:
			return t, true
		case <-time.After(left):
		}
	}
}

// next waits for an email; single ones go first. ok is false when no new email may be
// started.
func (c *connection) next(ctx context.Context) (t Task, ok bool) {
	select {
	case <-c.stopping:
		return t, false
	default:
	}
	if c.reserved {
		if t, ok := c.nextOfDigest(ctx); ok {
			return t, true
		}
		select {
		case <-c.stopping:
			return t, false
		default:
		}
	}
	select {
	case t = <-c.single:
		return t, true
	default:
	}
	// Of what was postponed, one after some emails of digests.
	c.turns++
	first, second := c.digests, c.again
	if c.turns%againEvery == 0 {
		first, second = second, first
	}
	select {
	case t = <-first:
		return t, true
	default:
	}
	select {
	case t = <-second:
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
		case t = <-c.again:
			return t, true
		case <-idle.C:
			c.close()
		}
	}
}

// handle builds one message, begins it, transmits it and keeps its result. The result is
// stored with the Begin of the next email, in one entry of the recorder, unless there
// is something to wait for before that.
func (c *connection) handle(ctx context.Context, t Task) {
	if t.Subscriber.Address == (subscribers.Address{}) {
		c.keep(ctx, Result{Ref: t.Ref, State: Skipped, Reason: ReasonGone})
		return
	}
	if t.Kind != DigestEmail && t.overdue(time.Now()) {
		c.keep(ctx, Result{Ref: t.Ref, State: Failed, Reason: Reason(fmt.Sprintf("given up after %d attempts: its deadline was %s", t.Attempts, t.Deadline.UTC().Format(time.DateTime+" UTC")))})
		return
	}
	if trouble, isOpen, _ := c.breaker.state(time.Now()); isOpen {
		c.giveBack(ctx, t, trouble.Until, trouble.Reason)
		return
	}
	envelope, begin, message, err := c.build(ctx, t)
	if err != nil {
		c.buildFailed(ctx, t, err)
		return
	}
	if !c.awaitTurn(ctx, t, envelope.To) || !c.open(ctx, t) {
		return
	}
	action, err := c.record(ctx, &begin)
	if err != nil {
		c.Log.ErrorContext(ctx, "cannot begin email", "ref", t.Ref, "error", err)
		return
	}
	if action != ActionSend {
		return
	}
	outcome := c.session.Send(ctx, envelope, message)
	now := time.Now()
	result := c.resultOf(t, outcome, now)
	c.keep(ctx, result)
	if ctx.Err() == nil { // else the failure may be of our own making
		c.learn(outcome, now, ownerOf(envelope.To), t.Attempts == 0)
	}
	refused := outcome.Kind == Permanent || outcome.Kind == Temporary && result.State == Failed
	switch {
	case c.Feedback == nil:
	case refused:
		c.refusals.Add(1)
		c.store(ctx) // before acting on it
		if err := c.Feedback.HandleRefusal(ctx, t.Ref, envelope.To, outcome, t.Attempts == 0); err != nil {
			c.Feedback.Log.ErrorContext(ctx, "cannot record refusal", "ref", t.Ref, "error", err)
		}
		if c.refusals.Add(-1) == 0 {
			c.ring()
		}
	case outcome.Kind != NotSent && t.Attempts == 0 && t.Ref.Digest != 0:
		c.Feedback.NoteAttempt(t.Ref, envelope.To)
	}
	if outcome.Broken {
		c.close()
	}
}

// build builds a task's message. Retrying does not help against a renderError.
func (c *connection) build(ctx context.Context, t Task) (e Envelope, m Begin, message []byte, err error) {
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
	prepared, shared, err := c.prepared.of(ctx, t.Ref.Digest, t.Variant)
	if err != nil {
		return e, m, nil, err
	}
	if t.To != "" { // frozen by an earlier attempt; its links belong to that address
		if t.Subscriber.Address, err = subscribers.ParseAddress(t.To); err != nil {
			return e, m, nil, &renderError{err}
		}
	}
	own := c.Writer.Copy(t.Ref.Digest, shared.uid, t.Subscriber, shared.date)
	own.MessageID = cmp.Or(t.MessageID, own.MessageID)
	if message, err = prepared.Append(c.buffer[:0], own); err != nil {
		return e, m, nil, &renderError{err}
	}
	c.buffer = message
	m.To, m.MessageID = own.To, own.MessageID
	return c.Writer.Envelope(shared.from, own.To, t.Ref), m, message, nil
}

// awaitTurn keeps to the rates. It returns false when the email has to wait for long, or
// when no new email may be started.
func (c *connection) awaitTurn(ctx context.Context, t Task, to string) bool {
	domain := strings.ToLower(to[strings.LastIndexByte(to, '@')+1:])
	if t.hasTurn() && c.throttle.take(time.Now(), domain) {
		return true
	}
	wait, back := c.throttle.next(time.Now(), domain)
	if !back.IsZero() {
		c.giveBack(ctx, t, back, "waiting: the rate to its domain is limited")
		return false
	}
	if wait <= 0 {
		return true
	}
	c.store(ctx)
	select {
	case <-c.stopping:
		return false // Detach releases it
	case <-time.After(wait):
		return true
	}
}

// hasTurn reports whether an email has a turn of the pace already, since a stranger asked for
// it (subscribers.Turns). Were it to wait once more, the time at which it comes would tell
// what else the same worker sends.
func (t *Task) hasTurn() bool {
	return t.Attempts == 0 && t.Turn
}

// open makes sure that there is a session, or gives the email back and blocks this
// connection for a while.
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
	if ctx.Err() == nil {
		c.breaker.failure(time.Now(), reason)
	}
	next := time.Now()
	if trouble, isOpen, _ := c.breaker.state(next); isOpen {
		c.failures, wait, next = 0, 0, trouble.Until // the breaker holds all connections back
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

// learn tells the throttle and the breaker how the server is doing, by the outcome of an
// email to an owner's mail server. first says that it was its first attempt.
func (c *connection) learn(o Outcome, now time.Time, owner string, first bool) {
	switch {
	case o.Slow && o.Stage == RcptStage && o.Code != 421:
		c.throttle.recipientSlower(now, owner, first)
	case o.Slow:
		c.throttle.slower(now)
	}
	switch {
	case o.Kind == NotSent, o.Kind == Unknown, o.Code == 421:
		c.breaker.failure(now, Reason(withoutAddresses(answerText(o))))
		return
	case o.Kind == Accepted:
		c.throttle.accepted(now, owner)
	}
	c.breaker.success()
	if !c.answered {
		c.answered = true
		c.breaker.connected(1)
	}
}

// resultOf returns what an outcome means for an email.
func (c *connection) resultOf(t Task, o Outcome, now time.Time) Result {
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

// retryOrFail defers an email, or ends it in the given state after its deadline.
func (c *connection) retryOrFail(s *Result, t Task, now time.Time, end DeliveryState) {
	at, ok := c.Retry.next(now, t.Deadline, t.Attempts+1)
	if !ok {
		s.State = end
		s.Reason = Reason(fmt.Sprintf("given up after %d attempts: %s", t.Attempts+1, s.Reason))
		return
	}
	s.State, s.NextAt = Deferred, at
}

// giveBack returns an email unattempted.
func (c *connection) giveBack(ctx context.Context, t Task, next time.Time, reason Reason) {
	c.keep(ctx, Result{Ref: t.Ref, State: Pending, NextAt: next, Reason: reason})
}

// buildFailed fails an email whose message could not be built if its content is at
// fault; otherwise the email is tried again.
func (c *connection) buildFailed(ctx context.Context, t Task, err error) {
	s := Result{Ref: t.Ref, State: Failed, Reason: Reason(oneLine(err.Error()))}
	if _, broken := errors.AsType[*renderError](err); !broken {
		s.State, s.NextAt = Pending, time.Now().Add(buildRetryAfter)
	}
	c.Log.ErrorContext(ctx, "cannot build message", "ref", t.Ref, "state", s.State, "error", err)
	c.keep(ctx, s)
}

// buildRetryAfter is how long an email waits when the store could not be read.
const buildRetryAfter = 10 * time.Second

// keep keeps a result, to be stored with the next entry.
func (c *connection) keep(ctx context.Context, s Result) {
	c.store(ctx)
	c.result = &s
}

// store waits until the last result is durable.
func (c *connection) store(ctx context.Context) {
	if c.result != nil {
		c.record(ctx, nil)
	}
}

// record waits until an email's Begin, if there is one, and the result of the previous
// email are durable.
func (c *connection) record(ctx context.Context, m *Begin) (Action, error) {
	result := c.result
	c.result = nil
	a := <-c.recorder.submit(Entry{Result: result, Begin: m})
	if a.err != nil && result != nil {
		// The email stays in flight and becomes uncertain later: listed, not lost.
		c.Log.ErrorContext(ctx, "cannot record result", "ref", result.Ref, "state", result.State, "error", a.err)
	}
	return a.action, a.err
}

// withoutAddresses returns a server's answer in a form fit for logs.
func withoutAddresses(text string) string {
	fields := strings.Fields(text)
	for i, field := range fields {
		if strings.Contains(field, "@") {
			fields[i] = "…"
		}
	}
	return strings.Join(fields, " ")
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
