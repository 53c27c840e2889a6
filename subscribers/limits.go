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
	AddressADay  int           // mails to one address in 24 hours
	Client       int           // sign-ups in an hour from one client: an IPv4 address, or an IPv6 /64
	Domain       int           // sign-ups in an hour with addresses of one domain
	All          int           // sign-ups in an hour: beyond it somebody floods mailboxes
}

// ErrTooMany says that a client has signed up too often, whatever the addresses.
var ErrTooMany = errors.New("too many sign-ups from one client: please try again in an hour")

// Attempt is a sign-up as it is counted.
type Attempt struct {
	At     time.Time
	Client string // salted hash, or "" = unknown
	Domain string
	// Address is the key of an address that is nobody's yet, and so has no record of
	// its own to be counted in; "" of others. It is kept as a hash.
	Address string
}

// Counts are the sign-ups of the last hour, and of the last day to an Attempt's Address.
type Counts struct {
	Client, Domain, All int
	Address             int
	AddressLast         time.Time // zero: none
}

// admit counts a sign-up. It is false when mail is to be withheld, and ErrTooMany
// when the client is to be told.
func (r *Registry) admit(ctx context.Context, a Attempt) (bool, error) {
	now := time.Now()
	a.At = now
	client, domain := a.Client, a.Domain
	var refused string
	err := r.Store.Count(ctx, a, func(c Counts) bool {
		switch {
		case r.Limits.All > 0 && c.All >= r.Limits.All:
			refused = "all"
		case client != "" && r.Limits.Client > 0 && c.Client >= r.Limits.Client:
			refused = "client"
		case domain != "" && r.Limits.Domain > 0 && c.Domain >= r.Limits.Domain:
			refused = "domain"
		case r.Limits.AddressADay > 0 && c.Address >= r.Limits.AddressADay || now.Sub(c.AddressLast) < r.Limits.AddressEvery:
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
