package newsletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// MostStaffMail is how many messages to staff are kept, the newest; anybody can send some.
const MostStaffMail = 1000

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
		sum := sha256.Sum256(raw)
		b := Bounce{At: time.Now(), Kind: bounce.Other, Hash: "o" + hex.EncodeToString(sum[:16]), Text: staffMail(who, r.summary(raw))}
		if _, _, err := r.Store.RecordBounce(ctx, b); err != nil {
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

// summary is what a message says in a line.
func (r *Feedback) summary(raw []byte) string {
	r.reading.Lock()
	defer r.reading.Unlock()
	return bounce.Summary(raw)
}
