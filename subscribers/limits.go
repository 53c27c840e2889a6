package subscribers

import (
	"context"
	"errors"
	"time"
)

// Limits keep sign-ups from being used to flood mailboxes. Whoever signs up is told
// of the limit per client alone; the others withhold mail in silence, so that no
// answer says anything about an address. Zero means no limit.
type Limits struct {
	AddressEvery time.Duration // between two mails to one address
	AddressADay  int           // mails to one address in 24 hours, and sign-ups of others with its Inbox
	Client       int           // sign-ups in an hour from one client: an IPv4 address, or an IPv6 /64
	Domain       int           // sign-ups in an hour with addresses of one domain
	All          int           // sign-ups in an hour: beyond it somebody floods mailboxes
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
	// yet, in which mails to it are counted.
	Moves bool
}

// Counts are the attempts of the last hour, and those of the last day to one mailbox.
type Counts struct {
	Client, Domain, All int
	Address             int       // to the very address
	AddressLast         time.Time // zero: none
	Inbox               int       // to other addresses with the same Inbox
}

// admit counts a sign-up. It is false when mail is to be withheld, and ErrTooMany
// when the client is to be told.
func (r *Registry) admit(ctx context.Context, a Attempt) (bool, error) {
	now := time.Now()
	a.At = now
	client, domain := a.Client, a.Address.Domain()
	var refused string
	err := r.Store.Count(ctx, a, func(c Counts) bool {
		switch {
		case r.Limits.All > 0 && c.All >= r.Limits.All:
			refused = "all"
		case client != "" && r.Limits.Client > 0 && c.Client >= r.Limits.Client:
			refused = "client"
		case domain != "" && r.Limits.Domain > 0 && c.Domain >= r.Limits.Domain:
			refused = "domain"
		case a.Moves && (r.Limits.AddressADay > 0 && c.Address >= r.Limits.AddressADay || now.Sub(c.AddressLast) < r.Limits.AddressEvery):
			refused = "address"
		case r.Limits.AddressADay > 0 && c.Inbox >= r.Limits.AddressADay:
			refused = "address"
		default:
			refused = ""
		}
		return refused == ""
	})
	switch {
	case err != nil:
		return false, err
	case refused == "client":
		return false, ErrTooMany
	case refused != "" && refused != "address" && r.alarmed.due(now) && r.Log != nil:
		r.Log.ErrorContext(ctx, "sign-ups get no mail: there are more than the limits allow, and somebody may be flooding mailboxes", "limit", refused, "domain", domain)
	}
	return refused == "", nil
}

// mayMail reports whether the limits per address allow another mail after the last
// one, and counts it.
func (l Limits) mayMail(sub *Subscriber, last, now time.Time) bool {
	if now.Sub(sub.AskedSince) >= 24*time.Hour {
		sub.Asked, sub.AskedSince = 0, now
	}
	if l.AddressADay > 0 && sub.Asked >= l.AddressADay || now.Sub(last) < l.AddressEvery {
		return false
	}
	sub.Asked++
	return true
}
