package websub

import (
	"context"
	"crypto/hmac"
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
	deliverFirst    = 5 * time.Second
	deliverLongest  = time.Hour
)

// deliver posts what the topic holds now to one callback (Recommendation, section
// 7), and settles the push.
func (h *Hub) deliver(ctx context.Context, p Push) {
	content, err := h.Topics.Content(ctx, p.Topic)
	if err != nil {
		at := time.Time{} // gone: marked again when it is back
		if !errors.Is(err, ErrUnknownTopic) {
			h.trouble(ctx, "read a topic", err)
			at = time.Now().Add(deliverFirst)
		}
		h.settled(ctx, h.Store.RetryPush(ctx, p, at, false))
		return
	}
	if content.Version == p.Version {
		// Another process knows newer content than this one, or the marks are about
		// to follow a change back.
		h.settled(ctx, h.Store.RetryPush(ctx, p, time.Now().Add(time.Second), false))
		return
	}
	limited, cancel := context.WithTimeout(ctx, deliverWithin)
	status, err := h.Client.Post(limited, p.Callback, h.header(p, content), content.Body)
	cancel()
	host := hostOf(p.Callback)
	switch {
	case err == nil && success(status):
		h.settled(ctx, h.Store.Delivered(ctx, p, content.Version, time.Now()))
		h.Log.InfoContext(ctx, "pushed", "topic", p.Topic, "callback_host", host, "bytes", len(content.Body))
	case err == nil && status == 410:
		h.settled(ctx, h.Store.End(ctx, p))
		h.Log.InfoContext(ctx, "push subscription ended by its callback", "topic", p.Topic, "callback_host", host)
	case ctx.Err() != nil:
		// Stopped in between: whether it arrived is not known, so it is pushed again.
		h.settled(context.WithoutCancel(ctx), h.Store.RetryPush(context.WithoutCancel(ctx), p, time.Now(), false))
	case p.Attempts+1 < deliverAttempts:
		wait := backoff(p.Attempts+1, deliverFirst, deliverLongest)
		h.settled(ctx, h.Store.RetryPush(ctx, p, time.Now().Add(wait), true))
		h.Log.WarnContext(ctx, "push failed", "topic", p.Topic, "callback_host", host, "status", status, "error", err, "attempts", p.Attempts+1, "again_in", wait.Round(time.Second))
	default:
		h.settled(ctx, h.Store.RetryPush(ctx, p, time.Time{}, true))
		h.Log.WarnContext(ctx, "push abandoned until there is newer content", "topic", p.Topic, "callback_host", host, "status", status, "error", err, "attempts", p.Attempts+1)
	}
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
