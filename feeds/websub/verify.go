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
// (Recommendation, section 5.3), and settles the request.
func (h *Hub) verify(ctx context.Context, r Request) {
	content, err := h.Topics.Content(ctx, r.Topic)
	if err != nil && !errors.Is(err, ErrUnknownTopic) {
		h.settled(ctx, h.Store.RetryRequest(ctx, r, time.Now().Add(verifyFirst)))
		h.trouble(ctx, "read a topic", err)
		return
	}
	if err != nil && r.Mode == Subscribe {
		h.settled(ctx, h.Store.Drop(ctx, r)) // it has gone since
		return
	}
	limited, cancel := context.WithTimeout(ctx, verifyWithin)
	status, body, err := h.Client.Get(limited, r.verification(), len(r.Challenge)+1)
	cancel()
	switch {
	case err == nil && success(status) && subtle.ConstantTimeCompare(body, []byte(r.Challenge)) == 1:
		h.verified(ctx, r, content.Version)
	case ctx.Err() != nil:
		// Stopped in between: the next process asks again.
		h.settled(context.WithoutCancel(ctx), h.Store.RetryRequest(context.WithoutCancel(ctx), r, time.Now()))
	case r.Attempts+1 < verifyAttempts && temporary(status, err):
		h.settled(ctx, h.Store.RetryRequest(ctx, r, time.Now().Add(backoff(r.Attempts+1, verifyFirst, verifyLongest))))
	default:
		h.settled(ctx, h.Store.Drop(ctx, r))
		h.Log.InfoContext(ctx, "subscription not confirmed", "mode", r.Mode, "callback_host", r.Host, "status", status, "error", err)
	}
}

func (h *Hub) verified(ctx context.Context, r Request, version string) {
	if r.Mode == Unsubscribe {
		h.settled(ctx, h.Store.Remove(ctx, r))
		h.Log.InfoContext(ctx, "push subscription ended", "topic", r.Topic, "callback_host", r.Host)
		return
	}
	now := time.Now()
	if err := h.Store.Grant(ctx, r, version, now, now.Add(r.Lease)); err != nil {
		h.trouble(ctx, "store a subscription", err)
		return
	}
	h.Log.InfoContext(ctx, "push subscription confirmed", "topic", r.Topic, "callback_host", r.Host, "lease", r.Lease)
	// The content may have changed since it was looked at, unseen by the marking
	// of those who were subscribed then.
	h.settled(ctx, h.mark(ctx, r.Topic))
	h.marked.ring()
}

// verification is the address to call: the callback with the parameters added to
// those it has.
func (r Request) verification() string {
	// In the order of the Recommendation, for people who read logs.
	query := "hub.mode=" + string(r.Mode) + "&hub.topic=" + url.QueryEscape(r.Topic) + "&hub.challenge=" + url.QueryEscape(r.Challenge)
	if r.Mode == Subscribe {
		query += "&hub.lease_seconds=" + strconv.FormatInt(int64(r.Lease/time.Second), 10)
	}
	switch _, had, found := strings.Cut(r.Callback, "?"); {
	case !found:
		return r.Callback + "?" + query
	case had == "" || strings.HasSuffix(had, "&"):
		return r.Callback + query
	}
	return r.Callback + "&" + query
}

// settled reports a request or push that could not be settled. It is claimed until
// its time is over, and then due again.
func (h *Hub) settled(ctx context.Context, err error) {
	if err != nil {
		h.trouble(ctx, "record an outcome", err)
	}
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
