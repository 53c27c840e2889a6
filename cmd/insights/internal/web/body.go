package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

// htmlType is the type of every page.
const htmlType = "text/html; charset=utf-8"

// body is a complete answer to GET that can be sent again: its bytes in every
// coding, each encoded once, and its headers ready to be set. Header values are
// shared by all answers; nobody may change them in place.
type body struct {
	*encodings
	contentType  []string
	lastModified []string     // none: unknown
	modified     time.Time    // what lastModified says
	varies       []string     // Vary; none: it is sent in identity alone
	links        []string     // Link
	followed     bool         // it is a document that feed readers subscribe to
	format       feeds.Format // of a feed document
}

// encodings are some bytes in every coding.
type encodings struct {
	hash     string // of the bytes, in hexadecimal digits
	bytes    []byte
	variants [codings]variant
}

type variant struct {
	once   sync.Once
	made   atomic.Bool
	bytes  []byte
	etag   []string // quoted, strong, of this coding alone
	length []string
}

var variesByCoding = []string{"Accept-Encoding"}

// newBody makes an answer that is kept.
func newBody(b []byte, contentType string) *body {
	kept := newUnkeptBody(b, contentType)
	if compressible(contentType) {
		kept.varies = variesByCoding
	}
	return kept
}

// newUnkeptBody makes an answer to one request, for which it would be a waste to
// encode it.
func newUnkeptBody(b []byte, contentType string) *body {
	sum := sha256.Sum256(b)
	return &body{encodings: &encodings{hash: hex.EncodeToString(sum[:12]), bytes: b}, contentType: []string{contentType}}
}

// changedAt says when the bytes last changed.
func (b *body) changedAt(t time.Time) {
	b.modified = t.UTC().Truncate(time.Second)
	b.lastModified = []string{b.modified.Format(http.TimeFormat)}
}

// in returns the bytes in a coding; in identity when that makes them no smaller.
func (e *encodings) in(c coding) (*variant, coding) {
	v := &e.variants[c]
	v.once.Do(func() {
		defer v.made.Store(true)
		encoded := encode(e.bytes, c)
		if c != identity && len(encoded) >= len(e.bytes) {
			return
		}
		tag := e.hash
		if c != identity {
			tag += "-" + names[c][0]
		}
		v.bytes, v.etag, v.length = encoded, []string{`"` + tag + `"`}, []string{strconv.Itoa(len(encoded))}
	})
	if v.etag == nil {
		return e.in(identity)
	}
	return v, c
}

// has reports whether the bytes have been encoded in a coding.
func (e *encodings) has(c coding) bool { return e.variants[c].made.Load() }

// encodeAll encodes the bytes in every coding, so that no request has to wait.
func (e *encodings) encodeAll() {
	for c := range coding(codings) {
		e.in(c)
	}
}

// compressible reports whether encoding a type is worth the while.
func compressible(contentType string) bool {
	return strings.Contains(contentType, "text/") || strings.Contains(contentType, "xml") || strings.Contains(contentType, "json")
}

// send answers with b, or with 304 when the client has it (RFC 9110, section 13).
// Headers set before are in both answers.
func (b *body) send(w http.ResponseWriter, r *http.Request) error {
	c := identity
	h := w.Header()
	if b.varies != nil {
		c = accepted(r.Header)
		h["Vary"] = b.varies
	}
	v, c := b.in(c)
	h["Etag"] = v.etag
	if b.lastModified != nil && !b.modified.After(time.Now()) { // a time to come would be against the rules
		h["Last-Modified"] = b.lastModified
	}
	if b.fresh(r, v.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = b.contentType
	h["Content-Length"] = v.length
	if c != identity {
		h["Content-Encoding"] = names[c]
	}
	w.WriteHeader(http.StatusOK)
	w.Write(v.bytes) // a client that has gone is no error of ours; net/http drops it for HEAD
	return nil
}

// fresh reports whether the client holds these bytes in this coding.
// If-Modified-Since counts only without If-None-Match, and only when it repeats our
// own time: the content may have gone back to an older date.
func (b *body) fresh(r *http.Request, etag string) bool {
	if tags := r.Header["If-None-Match"]; len(tags) > 0 {
		return slices.ContainsFunc(tags, func(list string) bool { return matches(list, etag) })
	}
	since := r.Header["If-Modified-Since"]
	if len(since) != 1 || b.lastModified == nil {
		return false
	}
	if since[0] == b.lastModified[0] {
		return true
	}
	t, err := http.ParseTime(since[0])
	return err == nil && t.Equal(b.modified)
}

// matches reports whether a list of entity tags holds etag, by weak comparison.
func matches(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") { // no tag of ours holds a comma
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}
