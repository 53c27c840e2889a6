// Package subscribers owns the people who asked for emails: their address and its
// state, what they consented to, what they want and how often, and the tokens
// by which they change it without a login. It knows nothing of SQL, HTTP or how
// messages travel; a [Store] keeps what it decides.
package subscribers

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors that callers tell apart. Each is wrapped with what was being done.
var (
	ErrNotFound   = errors.New("no such subscriber")
	ErrToken      = errors.New("this link is not valid")
	ErrExpired    = errors.New("this link has expired")
	ErrLapsed     = errors.New("this link has ended; a fresh one can be sent")
	ErrSuppressed = errors.New("this address is suppressed")
	ErrTraces     = errors.New("erased, but a file may still hold traces of it: forget it again in a while")
)

// Status is a subscriber's state. Only Confirmed ones receive digests.
type Status string

const (
	Pending      Status = "pending"      // signed up, not yet confirmed
	Confirmed    Status = "confirmed"    // receives digests
	Unsubscribed Status = "unsubscribed" // may sign up again
	Suppressed   Status = "suppressed"   // bounced, complained, or blocked by staff
)

// Statuses lists every Status, in the order of a subscriber's life.
var Statuses = [...]Status{Pending, Confirmed, Unsubscribed, Suppressed}

// Cadence is how often a subscriber wants a digest.
type Cadence string

const (
	Instant Cadence = "instant" // a digest as soon as an insight appears
	Daily   Cadence = "daily"
	Weekly  Cadence = "weekly"
	Monthly Cadence = "monthly"
)

// Cadences lists every Cadence, most frequent first.
var Cadences = [...]Cadence{Instant, Daily, Weekly, Monthly}

// ParseCadence reads a cadence as people write it.
func ParseCadence(s string) (Cadence, error) {
	c := Cadence(strings.ToLower(strings.TrimSpace(s)))
	if !slices.Contains(Cadences[:], c) {
		return "", fmt.Errorf("unknown cadence %q: choose instant, daily, weekly or monthly", s)
	}
	return c, nil
}

// ParseStatus reads a status as people write it.
func ParseStatus(s string) (Status, error) {
	st := Status(strings.ToLower(strings.TrimSpace(s)))
	if !slices.Contains(Statuses[:], st) {
		return "", fmt.Errorf("unknown status %q: one of pending, confirmed, unsubscribed, suppressed", s)
	}
	return st, nil
}

// Subscriber is one person's address and its state.
type Subscriber struct {
	ID         int64  // the store's own; 0 before it is stored
	PublicID   string // random, in tokens and nowhere else
	Address    Address
	Name       string
	FormerIDs  []string // public ids of subscribers who were merged with this one
	Status     Status
	Cause      Cause  // of Suppressed; of Pending, that they were, and are until they confirm
	Reason     string // of the cause, in words
	Cadence    Cadence
	Categories []string // slugs, sorted, never empty for a stored subscriber

	PausedUntil    time.Time // no digests before; zero = not paused
	NonceExpires   time.Time // when the newest confirmation ends
	Undo           string    // what the token is made over that takes an unsubscription back; "" = nothing does
	NotifiedAt     time.Time // when an email to who is on record already was last queued
	Asked          int       // emails about sign-ups since AskedSince
	AskedSince     time.Time
	CreatedAt      time.Time
	ConfirmedAt    time.Time
	UnsubscribedAt time.Time
	SuppressedAt   time.Time
	Source         string // where the sign-up came from: form, staff, import

	// NewAddress is where a confirmed reader wants their emails, once they confirm it
	// from there.
	NewAddress Address

	// Lately is how many events were recorded in the last hour, up to EventsHourly. A Store
	// gives it to those that are edited alone, not to those of EditAll.
	Lately int

	// Confirmations are those that were sent, newest first. A Store gives them with one
	// subscriber, not with a list, and keeps them with the messages that carry them: see
	// Change.Asks and EndsConfirmations.
	Confirmations []Confirmation
}

// Mailbox is where an email that asks to confirm goes.
func (s *Subscriber) Mailbox() Address {
	if s.moving() {
		return s.NewAddress
	}
	return s.Address
}

// is says whether a public id is, or was, the subscriber's.
func (s *Subscriber) is(publicID string) bool {
	return publicID == s.PublicID || slices.Contains(s.FormerIDs, publicID)
}

// moving says that a reader waits to confirm a new address.
func (s *Subscriber) moving() bool { return s.Status == Confirmed && s.NewAddress != (Address{}) }

// randomID is 120 random bits in 20 URL-safe characters.
func randomID() string { return idsTogether()() }

// idsTogether makes ids that have their first 24 bits in common: many at once are
// stored far more quickly where they are near each other in an index.
func idsTogether() func() string {
	b := make([]byte, 15)
	rand.Read(b[:3]) // never fails
	return func() string {
		rand.Read(b[3:])
		return base64.RawURLEncoding.EncodeToString(b)
	}
}
