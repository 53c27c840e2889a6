package websub

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A request is verified a few times, some minutes in all: who is just starting
// gets a second chance, and who never asked is left alone soon.
const (
	verifyAttempts = 5
	verifyFirst    = 10 * time.Second
	verifyLongest  = 5 * time.Minute
)

// verify asks the callback whether it wants what was asked in its name
// (Recommendation, section 5.3).
func (h *Hub) verify(ctx context.Context, r Request) TriedRequest {
	content, err := h.Topics.Content(ctx, r.Topic)
	if err != nil && !errors.Is(err, ErrUnknownTopic) {
		h.trouble(ctx, "read a topic", err)
		return TriedRequest{r, Tried{Failed: true, At: time.Now().Add(verifyFirst)}}
	}
	if err != nil && r.Mode == Subscribe {
		return TriedRequest{r, Tried{Became: Dropped}} // it has gone since
	}
	standing := r.Standing.Renew(time.Now())
	lease := min(r.Lease, standing.Term)
	limited, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	began := time.Now()
	status, body, err := h.Client.Get(limited, r.verification(lease), len(r.Challenge)+1)
	tried := Tried{Called: true, Slow: time.Since(began) > slowAfter, At: time.Now()}
	switch {
	case err == nil && success(status) && r.confirmedBy(body):
		if r.Mode == Unsubscribe {
			tried.Became = Removed
			break
		}
		tried.Became, tried.Version, tried.Expires, tried.Standing = Granted, content.Version, time.Now().Add(lease), standing
		tried.Most = h.Limits.orDefault().Subscriptions
	case errors.Is(context.Cause(ctx), errCrowded):
		tried.Slow, tried.Failed = true, true // tried again, with more time, among others of the kind
	case ctx.Err() != nil:
		tried.Called = false // stopped in between: the next process asks again
	case r.Attempts+1 < verifyAttempts && temporary(status, err):
		tried.Slow, tried.Failed, tried.At = true, true, time.Now().Add(backoff(r.Attempts+1, verifyFirst, verifyLongest))
	default:
		tried.Became, tried.Slow = Dropped, true
		h.Log.InfoContext(ctx, "subscription not confirmed", "mode", r.Mode, "callback_host", r.Host, "status", status, "error", err)
	}
	return TriedRequest{r, tried}
}

// turnRequests records what became of requests, and claims others.
func (h *Hub) turnRequests(ctx context.Context, tried []TriedRequest, c Claim) ([]Request, error) {
	if len(tried) > 0 {
		if err := h.verified(ctx, tried); err != nil {
			return nil, err
		}
	}
	if c.Limit+c.Slow <= 0 {
		return nil, nil
	}
	return h.Store.ClaimRequests(ctx, c)
}

// verified records what became of requests.
func (h *Hub) verified(ctx context.Context, tried []TriedRequest) error {
	if err := h.Store.SettleRequests(ctx, time.Now(), tried); err != nil {
		return err
	}
	var faults []error
	marked := make(map[string]bool)
	for _, t := range tried {
		r := t.Request
		switch {
		case t.Became == Removed:
			h.Log.InfoContext(ctx, "push subscription ended", "topic", r.Topic, "callback_host", r.Host)
		case t.Became == Granted:
			h.Log.InfoContext(ctx, "push subscription confirmed", "topic", r.Topic, "callback_host", r.Host, "lease", time.Until(t.Expires).Round(time.Second))
			// The content may have changed since it was looked at, unseen by the marking
			// of those who were subscribed then.
			if !marked[r.Topic] {
				marked[r.Topic] = true
				faults = append(faults, h.mark(ctx, r.Topic))
				h.marked.ring()
			}
		}
	}
	return errors.Join(faults...)
}

// confirmedBy reports whether an answer repeats the challenge.
func (r Request) confirmedBy(answer []byte) bool {
	return subtle.ConstantTimeCompare(answer, []byte(r.Challenge)) == 1
}

// verification is the address to call: the callback with the parameters added to
// those it has.
func (r Request) verification(lease time.Duration) string {
	// In the order of the Recommendation, for people who read logs.
	query := "hub.mode=" + string(r.Mode) + "&hub.topic=" + url.QueryEscape(r.Topic) + "&hub.challenge=" + url.QueryEscape(r.Challenge)
	if r.Mode == Subscribe {
		query += "&hub.lease_seconds=" + strconv.FormatInt(int64(lease/time.Second), 10)
	}
	switch _, had, found := strings.Cut(r.Callback, "?"); {
	case !found:
		return r.Callback + "?" + query
	case had == "" || strings.HasSuffix(had, "&"):
		return r.Callback + query
	}
	return r.Callback + "&" + query
}

func success(status int) bool { return status >= 200 && status <= 299 }

// temporary reports whether another try may end otherwise. A wrong challenge and
// a 404 are answers, and so is a redirect, which is not followed.
func temporary(status int, err error) bool {
	if err != nil {
		return !errors.Is(err, ErrForbidden)
	}
	return status >= 500 || status == 408 || status == 429
}
