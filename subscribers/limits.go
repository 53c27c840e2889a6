package subscribers

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Limits keep sign-ups from being used to flood mailboxes. People are told of the limit
// per client alone; the others withhold emails in silence, so that no answer says
// anything about an address. Zero means no limit.
type Limits struct {
	AddressEvery time.Duration // between two emails to one address
	AddressADay  int           // emails to one address in 24 hours, and sign-ups of others with its Inbox
	Client       int           // sign-ups in an hour from one client: an IPv4 address, or an IPv6 /64
	Domain       int           // sign-ups in an hour with addresses of one domain
	All          int           // sign-ups in an hour: beyond it somebody is flooding mailboxes
}

// ErrTooMany says that a client has signed up too often, whatever the addresses.
var ErrTooMany = errors.New("too many sign-ups from one client: please try again in an hour")

// Attempt is a sign-up, or a change of address, as it is counted. Addresses are kept as
// hashes.
type Attempt struct {
	At      time.Time
	Client  string // salted hash, or "" = unknown
	Address Address
	// Moves says that a reader wants to move there: the address has no record of its own
	// yet, in which emails to it are counted.
	Moves bool
}

// How far back attempts count.
const (
	mailboxWindow = 24 * time.Hour // those to one mailbox
	window        = time.Hour      // those of one client, of one domain, and all
)

// MailboxSince is the time from which attempts to the same mailbox count.
func (a Attempt) MailboxSince() time.Time { return a.At.Add(-mailboxWindow) }

// Since is the time from which attempts of one client, of one domain, and all, count.
func (a Attempt) Since() time.Time { return a.At.Add(-window) }

// Counts are the attempts before one.
type Counts struct {
	Client, Domain, All int       // after Attempt.Since
	Address             int       // after Attempt.MailboxSince, as the next: to the very address
	AddressLast         time.Time // zero: none
	Inbox               int       // to other addresses with the same Inbox
}

// admit counts a sign-up. It is false when the email is withheld, and ErrTooMany
// when the client is to be told.
func (r *Registry) admit(ctx context.Context, a Attempt) (bool, error) {
	a.At = time.Now()
	var over limit
	err := r.Store.Count(ctx, a, func(c Counts) bool {
		over = r.Limits.reached(a, c)
		return over == ""
	})
	if over != "" && over != perAddress {
		r.limited.Store(&limitReached{over, a.At})
	}
	switch {
	case err != nil:
		return false, err
	case over == perClient:
		if r.alarmed.due(a.At) && r.Log != nil {
			r.Log.WarnContext(ctx, "sign-up limit reached; the visitor was told to come back later", "limit", string(over))
		}
		return false, ErrTooMany
	case over != "" && over != perAddress && r.alarmed.due(a.At) && r.Log != nil:
		r.Log.ErrorContext(ctx, "sign-up limit reached; confirmation emails withheld (possible abuse)", "limit", string(over), "domain", a.Address.Domain())
	}
	return over == "", nil
}

// limitReached is when a limit last kept a sign-up from its email.
type limitReached struct {
	limit limit
	at    time.Time
}

// LimitReached returns the limit that last kept a sign-up from its email, by its key in
// the configuration, and when; the zero time = none did. Limits of a single mailbox do
// not count.
func (r *Registry) LimitReached() (key string, at time.Time) {
	last := r.limited.Load()
	if last == nil {
		return "", time.Time{}
	}
	return map[limit]string{inAll: "total_hourly", perClient: "client_hourly", perDomain: "domain_hourly"}[last.limit], last.at
}

// limit names one of Limits.
type limit string

const (
	inAll      limit = "all"
	perClient  limit = "client"
	perDomain  limit = "domain"
	perAddress limit = "address"
)

// reached is the limit that an attempt would go beyond after those that were counted,
// or "".
func (l Limits) reached(a Attempt, c Counts) limit {
	switch {
	case l.All > 0 && c.All >= l.All:
		return inAll
	case a.Client != "" && l.Client > 0 && c.Client >= l.Client:
		return perClient
	case l.Domain > 0 && c.Domain >= l.Domain:
		return perDomain
	case a.Moves && (l.AddressADay > 0 && c.Address >= l.AddressADay || a.At.Sub(c.AddressLast) < l.AddressEvery):
		return perAddress
	case l.AddressADay > 0 && c.Inbox >= l.AddressADay:
		return perAddress
	}
	return ""
}

// mayEmail reports whether the limits per address allow another email after the last
// one, and counts it.
func (l Limits) mayEmail(sub *Subscriber, last, now time.Time) bool {
	if now.Sub(sub.AskedSince) >= mailboxWindow {
		sub.Asked, sub.AskedSince = 0, now
	}
	if l.AddressADay > 0 && sub.Asked >= l.AddressADay || now.Sub(last) < l.AddressEvery {
		return false
	}
	sub.Asked++
	return true
}

// alarm keeps one and the same alarm from being raised again and again.
type alarm struct {
	last atomic.Int64 // in nanoseconds since 1970
}

// alarmEvery is how often an alarm is raised at most.
const alarmEvery = 10 * time.Minute

func (a *alarm) due(now time.Time) bool {
	last := a.last.Load()
	return now.UnixNano()-last >= int64(alarmEvery) && a.last.CompareAndSwap(last, now.UnixNano())
}
