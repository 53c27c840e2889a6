package websub

import (
	"cmp"
	"math/bits"
	"time"
)

// Limits bound what a hub takes in. A client is an IPv4 address or a /64 of IPv6; the /56
// around that may have wideFactor times as much. Asker.Around may have a twentieth of all
// subscriptions, and aroundFactor times as many requests in an hour as a client. Clients that are not known have no limits of their own.
type Limits struct {
	Subscriptions          int // and requests for new ones, in all
	SubscriptionsPerHost   int
	SubscriptionsPerClient int
	Requests               int // that are not verified yet
	RequestsPerHost        int
	RequestsPerClient      int
	HourlyPerClient        int // requests of any kind
	Topics                 int // that are followed, before another one is whose content is made on demand
	TopicsPerAround        int // the same, of those that one Asker.Around follows
}

// DefaultLimits are those of a hub that sets none.
var DefaultLimits = Limits{
	Subscriptions: 20_000, SubscriptionsPerHost: 2_000, SubscriptionsPerClient: 500,
	Requests: 2_000, RequestsPerHost: 200, RequestsPerClient: 100, HourlyPerClient: 1_000,
	Topics: 300, TopicsPerAround: 60,
}

const (
	wideFactor   = 4
	aroundFactor = 8 // of requests in an hour
)

// subscriptionsAround is how many subscriptions one Asker.Around may have and ask for.
func (l Limits) subscriptionsAround() int {
	return max(l.Subscriptions/20, l.SubscriptionsPerClient)
}

// topicsFor is how many topics there may be for who asks: as many again for those who follow
// none yet, so that a few networks don't take all.
func (l Limits) topicsFor(f Facts) int {
	if f.TopicsOfAround == 0 {
		return 2 * l.Topics
	}
	return l.Topics
}

// orDefault is the limits with those of DefaultLimits that are not set.
func (l Limits) orDefault() Limits {
	d := DefaultLimits
	return Limits{
		Subscriptions:          cmp.Or(l.Subscriptions, d.Subscriptions),
		SubscriptionsPerHost:   cmp.Or(l.SubscriptionsPerHost, d.SubscriptionsPerHost),
		SubscriptionsPerClient: cmp.Or(l.SubscriptionsPerClient, d.SubscriptionsPerClient),
		Requests:               cmp.Or(l.Requests, d.Requests),
		RequestsPerHost:        cmp.Or(l.RequestsPerHost, d.RequestsPerHost),
		RequestsPerClient:      cmp.Or(l.RequestsPerClient, d.RequestsPerClient),
		HourlyPerClient:        cmp.Or(l.HourlyPerClient, d.HourlyPerClient),
		Topics:                 cmp.Or(l.Topics, d.Topics),
		TopicsPerAround:        cmp.Or(l.TopicsPerAround, d.TopicsPerAround),
	}
}

// Asked is what a network asked for within an hour. A request that is tried again counts
// as another one.
type Asked struct {
	Since time.Time
	N     int
}

// AskedWithin is how long requests count for their network.
const AskedWithin = time.Hour

// Again is what the network asked for with one request more.
func (a Asked) Again(now time.Time) Asked {
	if now.Sub(a.Since) >= AskedWithin || now.Before(a.Since) {
		a = Asked{Since: now}
	}
	a.N++
	return a
}

// Counts are how much is kept of one kind, a request's predecessor apart.
type Counts struct{ All, Host, Client, Wide, Around int }

// Facts are what a store knows that a decision about a request needs.
type Facts struct {
	Subscribed     bool   // the subscription that the request is about is there
	Own            bool   // and this client asked for it
	Waits          bool   // an earlier request of this client about it waits
	Asked          Asked  // by the client, before
	WideAsked      Asked  // by the network around it, before
	AroundAsked    Asked  // by the one around that
	Requests       Counts // that wait, but for those of who is subscribed about their own subscription: one for each at most
	Subscriptions  Counts
	MostSubscribed int // the most subscriptions that one Around has

	// Of a topic whose content is made on demand:
	Followed       bool // by anybody, or a request for it waits
	Topics         int  // that are followed or asked for
	TopicsOfAround int

	// Of Requests, which may give way: how many of the asking Around wait, and to this host, and the most that
	// one Around has.
	Of, ToHost, Most, MostToHost int
}

// Decision is what to do with a request.
type Decision struct {
	Refuse error // ErrFull, ErrTooMany

	// Of the Around that has most of them, in it of the Wide, and in that of the client, the
	// newest request gives way: of all, or of those to the same host.
	Displace, DisplaceToHost bool

	Own bool // it is about a subscription of who asks, and gives way to none

	Asked, WideAsked, AroundAsked Asked // with this request; the place of the request
}

// named names the wider networks of an asker by the next one within, where they are not known.
func (a Asker) named() Asker {
	a.Wide = cmp.Or(a.Wide, a.Client)
	a.Around = cmp.Or(a.Around, a.Wide)
	return a
}

// Place is the place of a request among those that wait: the fewer its client asked for
// within the hour, the earlier it is verified. What the networks around it asked for counts
// as much, rounded up to a power of two, since anybody can have 65,536 networks in one; of
// those with as many, the one whose wider networks asked for less comes first, and then the
// older. A client that is not known competes by time.
func Place(a Asker, asked, wide, around Asked) (turn, wideTurn, aroundTurn int) {
	if a.Client == "" {
		return 1, 1, 1
	}
	wideTurn = max(asked.N, wide.N)
	aroundTurn = max(wideTurn, around.N)
	return max(asked.N, roundUp(wideTurn), roundUp(aroundTurn)), wideTurn, aroundTurn
}

// roundUp returns the least power of two that is not below n.
func roundUp(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// Decide says whether a request is kept. A full hub keeps nobody from renewing or
// leaving, and what a client has taken is its own loss. Where there are as many subscriptions
// as may be, one of the Around that has most gives way to one of an Around that has fewer,
// when that is verified.
func (l Limits) Decide(r Request, f Facts) Decision {
	d := Decision{Asked: f.Asked.Again(r.At), WideAsked: f.WideAsked.Again(r.At), AroundAsked: f.AroundAsked.Again(r.At), Own: f.Own}
	known := r.Asker.Client != ""
	if known && (d.Asked.N > l.HourlyPerClient || d.WideAsked.N > wideFactor*l.HourlyPerClient || d.AroundAsked.N > aroundFactor*l.HourlyPerClient) {
		return Decision{Refuse: ErrTooMany}
	}
	s, w, another := f.Subscriptions, f.Requests, r.Mode == Subscribe && !f.Subscribed
	if another {
		switch {
		case known && (s.Client+w.Client >= l.SubscriptionsPerClient || s.Wide+w.Wide >= wideFactor*l.SubscriptionsPerClient || s.Around+w.Around >= l.subscriptionsAround()):
			return Decision{Refuse: ErrTooMany}
		case s.All >= l.Subscriptions && s.Around+w.Around+1 >= f.MostSubscribed, s.Host >= l.SubscriptionsPerHost:
			return Decision{Refuse: ErrFull}
		case r.OnDemand && known && f.TopicsOfAround >= l.TopicsPerAround:
			return Decision{Refuse: ErrTooMany}
		case r.OnDemand && !f.Followed && f.Topics >= l.topicsFor(f):
			return Decision{Refuse: ErrFull}
		}
	}
	if f.Waits || f.Own {
		return d
	}
	if known && (w.Client >= l.RequestsPerClient || w.Wide >= wideFactor*l.RequestsPerClient) {
		return Decision{Refuse: ErrTooMany}
	}
	switch { // what waits may become a subscription, each
	case w.Host >= l.RequestsPerHost, another && s.Host+w.Host >= l.SubscriptionsPerHost:
		d.DisplaceToHost = f.ToHost+1 < f.MostToHost
		if !d.DisplaceToHost {
			return Decision{Refuse: ErrFull}
		}
	case w.All >= l.Requests, another && s.All < l.Subscriptions && s.All+w.All >= l.Subscriptions:
		d.Displace = f.Of+1 < f.Most
		if !d.Displace {
			return Decision{Refuse: ErrFull}
		}
	}
	return d
}
