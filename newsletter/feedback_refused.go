package newsletter

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

func (r *Feedback) judgement() *Judgement {
	if r.Judgement == (Judgement{}) {
		j := DefaultJudgement()
		return &j
	}
	return &r.Judgement
}

// NoteAttempt records that the first attempt at an email of a digest was not refused for
// good.
func (r *Feedback) NoteAttempt(ref Ref, to string) {
	r.pauses.note(ref.Digest, ref.Subscriber, ownerOf(to), r.judgement())
}

// domainOf is the domain of an address, in lower case.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// refused records a hard refusal, which suppresses nobody at once.
func (r *Feedback) refused(ctx context.Context, b Bounce, reader subscribers.Subscriber) (string, error) {
	j := r.judgement()
	domain := domainOf(reader.Address.String())
	recorded, known, err := r.Store.RecordRefusal(ctx, Refusal{
		Ref: b.Ref, Reader: reader.ID, Domain: domain, Words: RefusalWords(b.Text), Said: b.said(), At: b.At, Due: j.dueAfter(b.At), Named: b.CameBack && !b.proven,
	}, *j)
	if err != nil {
		return "", fmt.Errorf("record refusal: %w", err)
	}
	if known {
		return "hard bounce of an email that was refused before", nil
	}
	if b.Ref.Digest != 0 {
		r.watch(ctx, b, watched{reader: reader.ID, owner: ownerOf(domain), class: bounce.Hard, proven: recorded.Proven, passedOn: b.passedOn()})
	}
	r.Log.InfoContext(ctx, "address refused; it is judged later", "subscriber", reader.ID, "ref", b.Ref, "judge_at", recorded.Due)
	return "hard bounce, to be judged on " + recorded.Due.UTC().Format(time.DateTime) + " UTC", nil
}

// watch counts a refused email, and pauses its digest when there are too many.
func (r *Feedback) watch(ctx context.Context, b Bounce, w watched) {
	reason, hard := r.pauses.refused(b.Ref.Digest, w, b.first, r.judgement())
	if reason == "" || r.Pause == nil {
		return
	}
	paused, err := r.Pause(ctx, b.Ref.Digest, reason+Reason(": "+b.said()), hard)
	switch {
	case err != nil:
		r.Log.ErrorContext(ctx, "cannot pause refused digest", "digest", b.Ref.Digest, "error", err)
	case paused:
		r.Log.ErrorContext(ctx, "digest paused: its messages are refused", "digest", b.Ref.Digest, "reason", reason, "said", b.said())
	}
}
