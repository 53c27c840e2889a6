package websub

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"time"
)

// A delivery is tried for about half a day; then the subscription waits for newer
// content.
const (
	deliverAttempts = 20
	refusedAttempts = 3 // where the callback refuses the content itself
	deliverFirst    = 5 * time.Second
	deliverLongest  = time.Hour
)

// deliver posts what the topic holds now to one callback (Recommendation, section
// 7).
func (h *Hub) deliver(ctx context.Context, p Push) TriedPush {
	content, err := h.Topics.Content(ctx, p.Topic)
	if err != nil {
		at := time.Time{} // gone: marked again when it is back
		if !errors.Is(err, ErrUnknownTopic) {
			h.trouble(ctx, "read a topic", err)
			at = time.Now().Add(deliverFirst)
		}
		return TriedPush{p, Tried{At: at}}
	}
	if content.Version == p.Version {
		// Another process knows newer content than this one, or the marks are about
		// to follow a change back.
		return TriedPush{p, Tried{At: time.Now().Add(time.Second)}}
	}
	limited, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	began := time.Now()
	status, err := h.push(limited, p, content)
	tried := Tried{Called: true, Slow: time.Since(began) > slowAfter, At: time.Now()}
	switch {
	case err == nil && success(status):
		tried.Became, tried.Version = Delivered, content.Version
		h.Log.InfoContext(ctx, "pushed", "topic", p.Topic, "callback_host", p.Host, "bytes", len(content.Body))
	case err == nil && status == 410, errors.Is(err, errUnwanted):
		tried.Became = Ended
		h.Log.InfoContext(ctx, "push subscription ended by its callback", "topic", p.Topic, "callback_host", p.Host)
	case errors.Is(context.Cause(ctx), errCrowded):
		tried.Slow = true // tried again, with more time, among others of the kind
	case ctx.Err() != nil:
		// Stopped in between: whether it arrived is not known, so it is pushed again.
		tried.Called = false
	case p.Attempts+1 < deliverAttempts && !(err == nil && refusal(status) && p.Attempts+1 >= refusedAttempts):
		wait := backoff(p.Attempts+1, deliverFirst, deliverLongest)
		tried.Slow, tried.Failed, tried.At = true, true, time.Now().Add(wait)
		h.Log.WarnContext(ctx, "push failed", "topic", p.Topic, "callback_host", p.Host, "status", status, "error", err, "attempts", p.Attempts+1, "again_in", wait.Round(time.Second))
	default:
		tried.Slow, tried.Failed, tried.At = true, true, time.Time{}
		h.Log.WarnContext(ctx, "push abandoned until there is newer content", "topic", p.Topic, "callback_host", p.Host, "status", status, "error", err, "attempts", p.Attempts+1)
	}
	return TriedPush{p, tried}
}

// refusal reports an answer that another try does not change.
func refusal(status int) bool {
	return status/100 == 4 && status != 408 && status != 425 && status != 429
}

var (
	errUnwanted    = errors.New("the callback does not want the topic any more")
	errUnconfirmed = errors.New("the callback does not confirm that it wants the topic")
)

// push posts content once. After a push that failed it first asks, as at the subscription,
// whether the callback still wants the topic: its name may lead elsewhere by now, and who
// is there gets one content at most that they never asked for.
func (h *Hub) push(ctx context.Context, p Push, c Content) (status int, err error) {
	if p.Attempts > 0 {
		r := Request{Mode: Subscribe, Topic: p.Topic, Callback: p.Callback, Challenge: rand.Text()}
		return h.Client.PostIf(ctx, r.verification(max(time.Until(p.Expires), 0)), len(r.Challenge)+1, func(status int, answer []byte) error {
			switch {
			case status == 404 || status == 410: // an answer, by the Recommendation
				return errUnwanted
			case !success(status) || !r.confirmedBy(answer):
				return errUnconfirmed
			}
			return nil
		}, p.Callback, h.header(p, c), c.Body)
	}
	return h.Client.Post(ctx, p.Callback, h.header(p, c), c.Body)
}

func (h *Hub) header(p Push, c Content) map[string][]string {
	header := map[string][]string{
		"Content-Type": {c.ContentType},
		"Link":         {"<" + h.URL + `>; rel="hub"`, "<" + p.Topic + `>; rel="self"`},
	}
	if p.Secret != "" {
		header["X-Hub-Signature"] = []string{signature(p.Secret, c.Body)}
	}
	return header
}

// signature lets a subscriber tell a delivery from what others post to its
// callback.
func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func hostOf(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
