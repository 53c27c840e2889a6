package newsletter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Retry says how often and how long a mail is tried that the server put off.
type Retry struct {
	First    time.Duration // before the second attempt, doubling from there; 0 = 10 s
	Most     time.Duration // between two attempts; 0 = 1 hour
	Deadline time.Duration // after the mail was queued or approved; 0 = 72 hours
}

// next is when to try again after the given number of attempts. Up to half as
// much again is added at random, so that what was put off together does not come
// back together. ok is false when that is past the deadline.
func (r Retry) next(now, created time.Time, attempts int) (at time.Time, ok bool) {
	first, most, deadline := r.First, r.Most, r.Deadline
	if first <= 0 {
		first = 10 * time.Second
	}
	if most <= 0 {
		most = time.Hour
	}
	if deadline <= 0 {
		deadline = 72 * time.Hour
	}
	wait := min(first<<min(max(attempts-1, 0), 20), most)
	wait += rand.N(wait/2 + 1)
	at = now.Add(wait)
	return at, at.Before(created.Add(deadline))
}

// send is one connection: it takes mails one by one, and opens a session when it
// has one to send.
func (r *run) send(ctx context.Context) {
	var session Session
	defer func() {
		if session != nil {
			session.Close()
		}
	}()
	idle := time.NewTimer(sessionIdle)
	defer idle.Stop()
	failures := 0
	for {
		idle.Reset(sessionIdle)
		var t Task
		var ok bool
		select {
		case t, ok = <-r.tasks:
		case <-idle.C: // servers end idle sessions; be first
			if session != nil {
				session.Close()
				session = nil
			}
			continue
		}
		if !ok {
			return
		}
		if session == nil {
			opened, err := r.Transport.Open(ctx)
			if err != nil {
				failures++
				r.giveBack(ctx, t, failures, err)
				continue
			}
			session, failures = opened, 0
		}
		if broken := r.sendOne(ctx, session, t); broken {
			session.Close()
			session = nil
		}
	}
}

const sessionIdle = 20 * time.Second

// giveBack returns a mail unattempted because the server can't be reached, and
// keeps this connection from trying again for a while.
func (r *run) giveBack(ctx context.Context, t Task, failures int, cause error) {
	wait := min(time.Second<<min(failures-1, 6), time.Minute)
	if failures == 1 || wait == time.Minute {
		r.Log.WarnContext(ctx, "mail server can't be reached", "error", cause, "again_in", wait)
	}
	r.settle(ctx, Settlement{Ref: t.Ref, State: Waiting, NextAt: time.Now().Add(wait), Reason: oneLine(cause.Error())})
	select {
	case <-ctx.Done():
	case <-r.stopping:
	case <-time.After(wait):
	}
}

// sendOne makes one mail, marks it, transmits it and settles it.
func (r *run) sendOne(ctx context.Context, session Session, t Task) (broken bool) {
	if t.Subscriber.Address == (subscribers.Address{}) {
		r.settle(ctx, Settlement{Ref: t.Ref, State: Skipped, Reason: "the subscriber is gone"})
		return false
	}
	letter, err := r.letter(ctx, t)
	if err != nil {
		r.unmade(ctx, t, err)
		return false
	}
	if t.To != "" { // frozen by an earlier attempt
		letter.To = t.To
	}
	message, err := r.Composer.Compose(letter)
	if err != nil {
		r.unmade(ctx, t, &renderError{err})
		return false
	}
	verdict, err := r.ledger.mark(Mark{Ref: t.Ref, To: letter.To, MessageID: letter.MessageID})
	if err != nil {
		r.Log.ErrorContext(ctx, "marking a mail failed", "mail", t.Ref, "error", err)
		return false
	}
	if verdict != Go {
		return false
	}
	outcome := session.Send(ctx, Envelope{From: bare(letter.From), To: letter.To}, message)
	r.settle(ctx, r.settlement(t, outcome, time.Now()))
	return outcome.Broken
}

// settlement is what an outcome means for a mail.
func (r *run) settlement(t Task, o Outcome, now time.Time) Settlement {
	s := Settlement{Ref: t.Ref, Code: o.Code, Reason: answerText(o)}
	switch o.Result {
	case Accepted:
		s.State, s.Received = Sent, true
	case Permanent:
		s.State = Failed
	case Unknown:
		s.State, s.Uncertain = Uncertain, true
		switch r.onUncertain() {
		case Resend:
			r.retryOrFail(&s, t, now, Uncertain)
		case Skip:
			s.Received = true
		}
	default:
		r.retryOrFail(&s, t, now, Failed)
	}
	return s
}

// retryOrFail defers a mail, or ends it in the given state after its deadline.
func (r *run) retryOrFail(s *Settlement, t Task, now time.Time, end DeliveryState) {
	at, ok := r.Retry.next(now, t.Created, t.Attempts+1)
	if !ok {
		s.State = end
		s.Reason = fmt.Sprintf("given up after %d attempts: %s", t.Attempts+1, s.Reason)
		return
	}
	s.State, s.NextAt = Deferred, at
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
