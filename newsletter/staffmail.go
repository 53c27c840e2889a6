package newsletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// Bounds of messages to staff, which anybody can send: how many are kept, the newest, and how
// many are taken up in an hour.
const (
	MostStaffMail   = 1000
	staffMailHourly = 120
)

// hourly counts what happens within an hour. Its zero value is ready.
type hourly struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

// another counts one more, and reports whether it is one of the first so many.
func (h *hourly) another(now time.Time, most int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.since) >= time.Hour || now.Before(h.since) {
		h.since, h.n = now, 0
	}
	h.n++
	return h.n <= most
}

// longestStaffMail is how much of the text of one is kept, in bytes.
const longestStaffMail = 20 << 10

// toStaff returns which of the addresses that every domain has an address is, or "".
func (r *Feedback) toStaff(address string) string {
	local, domain, found := strings.Cut(strings.ToLower(address), "@")
	if r.Domain == "" || found && !strings.EqualFold(domain, r.Domain) || !found && local != "postmaster" {
		return "" // RFC 5321 has postmaster alone without a domain
	}
	if local == "postmaster" || local == "abuse" {
		return local
	}
	return ""
}

// keep keeps a message to staff that is about no email of ours, for bounce list; of
// another it returns notOurs.
func (r *Feedback) keep(ctx context.Context, to []string, raw []byte, notOurs error) (string, error) {
	for _, address := range to {
		who := r.toStaff(address)
		if who == "" {
			continue
		}
		if !r.staffMail.another(time.Now(), staffMailHourly) {
			return fmt.Sprintf("a message to %s, not kept: %d came within the hour", who, staffMailHourly), nil
		}
		sum := sha256.Sum256(raw)
		b := Bounce{At: time.Now(), Kind: bounce.Other, Hash: "o" + hex.EncodeToString(sum[:16]), Text: staffMail(who, bounce.Summary(raw))}
		if _, _, _, err := r.Store.RecordBounce(ctx, b); err != nil {
			return "", fmt.Errorf("keep a message to staff: %w", err)
		}
		return "a message to " + who + ", kept for staff: insights bounce list --class other", nil
	}
	return "", notOurs
}

// staffMail is what staff read of a message, on one line.
func staffMail(who, summary string) string {
	text := strings.ReplaceAll(strings.ToValidUTF8("to "+who+", "+summary, "\uFFFD"), "\x00", "")
	if len(text) > longestStaffMail {
		text = strings.ToValidUTF8(text[:longestStaffMail], "") + "…"
	}
	return text
}
