package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/templates"
)

// htmlType is the type of every page.
const htmlType = "text/html; charset=utf-8"

// body is a complete answer to GET that can be sent again.
type body struct {
	bytes        []byte
	contentType  string
	etag         string    // quoted, strong
	lastModified time.Time // zero: unknown
}

func newBody(b []byte, contentType string) body {
	sum := sha256.Sum256(b)
	return body{bytes: b, contentType: contentType, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// send answers with b, or with 304 when the client has it (RFC 9110, section 13).
// Headers set before stand in both answers.
func (b body) send(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("ETag", b.etag)
	if !b.lastModified.IsZero() {
		h.Set("Last-Modified", b.lastModified.UTC().Format(http.TimeFormat))
	}
	if b.fresh(r) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", b.contentType)
	h.Set("Content-Length", strconv.Itoa(len(b.bytes)))
	w.WriteHeader(http.StatusOK)
	w.Write(b.bytes) // a client that has gone is no error of ours; net/http drops it for HEAD
	return nil
}

// fresh reports whether the client holds these bytes. If-Modified-Since counts
// only without If-None-Match, and only when it repeats our own time: the content
// may have gone back to an older date.
func (b body) fresh(r *http.Request) bool {
	if tags := r.Header.Values("If-None-Match"); len(tags) > 0 {
		for tag := range strings.SplitSeq(strings.Join(tags, ","), ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == b.etag || tag == "*" {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !b.lastModified.IsZero() && since.Equal(b.lastModified.Truncate(time.Second))
}

// render sends a page that is made for this request alone.
func (s *site) render(w http.ResponseWriter, status int, v templates.View) error {
	page, err := s.Pages.Render(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", htmlType)
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	w.Write(page)
	return nil
}

// public lets caches keep an answer for so many seconds, or until the next
// insight is due, whichever is sooner.
func (s *site) public(w http.ResponseWriter, seconds int) {
	if next := s.Library().Next(); !next.IsZero() {
		if left := int(time.Until(next).Seconds()); left >= 0 && left < seconds {
			seconds = left
		}
	}
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(seconds))
}
