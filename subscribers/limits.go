package subscribers

import (
	"context"
	"errors"
	"time"
)

// Limits keep sign-ups from being used to flood mailboxes. Those per address
// withhold mail and are not told; the others refuse a sign-up before its address is
// looked at, so that the refusal says nothing of it. Zero means no limit.
type Limits struct {
	AddressEvery time.Duration // between two mails to one address
	AddressADay  int           // mails to one address in 24 hours
	Client       int           // sign-ups in an hour from one client: an IPv4 address, or an IPv6 /64
	Domain       int           // sign-ups in an hour with addresses of one domain
	All          int           // sign-ups in an hour: beyond it somebody floods mailboxes
}

// ErrTooMany says that sign-ups are refused just now, wherever the address belongs.
var ErrTooMany = errors.New("too many sign-ups: please try again in an hour")

// Attempt is a sign-up as it is counted.
type Attempt struct {
	At     time.Time
	Client string // salted hash, or "" = unknown
	Domain string
}

// Counts are the sign-ups of the last hour.
type Counts struct{ Client, Domain, All int }

// admit counts a sign-up, or returns ErrTooMany.
func (r *Registry) admit(ctx context.Context, client, domain string) error {
	now := time.Now()
	var refused string
	err := r.Store.Count(ctx, Attempt{At: now, Client: client, Domain: domain}, func(c Counts) bool {
		switch {
		case r.Limits.All > 0 && c.All >= r.Limits.All:
			refused = "all"
		case client != "" && r.Limits.Client > 0 && c.Client >= r.Limits.Client:
			refused = "client"
		case domain != "" && r.Limits.Domain > 0 && c.Domain >= r.Limits.Domain:
			refused = "domain"
		default:
			refused = ""
		}
		return refused == ""
	})
	if err != nil || refused == "" {
		return err
	}
	if refused != "client" && r.alarmed.due(now) && r.Log != nil {
		r.Log.ErrorContext(ctx, "sign-ups are refused: more than limits allow; somebody may be flooding mailboxes", "limit", refused, "domain", domain)
	}
	return ErrTooMany
}

// mayMail reports whether the limits per address allow another mail, and counts it.
func (l Limits) mayMail(sub *Subscriber, now time.Time) bool {
	if now.Sub(sub.AskedSince) >= 24*time.Hour {
		sub.Asked, sub.AskedSince = 0, now
	}
	if l.AddressADay > 0 && sub.Asked >= l.AddressADay || now.Sub(sub.NotifiedAt) < l.AddressEvery {
		return false
	}
	sub.Asked++
	sub.NotifiedAt = now
	return true
}
