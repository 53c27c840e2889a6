package content

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// NewOptions describe a new draft.
type NewOptions struct {
	Category string    // name or slug; empty leaves the line to be filled in
	Date     time.Time // its calendar day, in its own zone; zero means today in the local zone
}

// New returns the file of a new draft, with a fresh random id (a version 4 UUID),
// and the name to keep it under: the day and the title's slug. It writes nothing
// and doesn't know which names are taken. The title must be one that [Load] takes.
func New(title string, opts NewOptions) ([]byte, string, error) {
	title = strings.TrimSpace(title)
	if problem := lineProblem(title, maxTitle); problem != "" {
		return nil, "", fmt.Errorf("title %s", problem)
	}
	if opts.Date.IsZero() {
		opts.Date = time.Now()
	}
	day := opts.Date.Format(time.DateOnly)
	var b bytes.Buffer
	fmt.Fprintf(&b, "---\nid: %s\ntitle: %s\n", newUUID(), quote(title))
	fmt.Fprintf(&b, "summary: \"\" # one or two sentences: what the reader gets\n")
	if opts.Category == "" {
		fmt.Fprintf(&b, "category:\n")
	} else {
		fmt.Fprintf(&b, "category: %s\n", quote(opts.Category))
	}
	fmt.Fprintf(&b, "date: %s\ndraft: true\n---\n\nThe opening paragraph.\n", day)
	return b.Bytes(), day + "-" + Slugify(title) + ".md", nil
}

// quote writes a string for YAML, of which JSON's strings are a part.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes, and a Builder always takes it
	return strings.TrimSuffix(b.String(), "\n")
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails: see its documentation
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
