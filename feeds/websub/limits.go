package websub

import (
	"cmp"
	"time"
)

// Limits bound what a hub takes in. A client is an IPv4 address or a /64 of IPv6; the /56
// around that may have wideFactor times as much. Clients that are not known have no limits
// of their own.
type Limits struct {
	Subscriptions          int // and requests for new ones, in all
	SubscriptionsPerHost   int
	SubscriptionsPerClient int
	Requests               int // that are not verified yet
	RequestsPerHost        int
	RequestsPerClient      int
	HourlyPerClient        int // requests of any kind
	Topics                 int // that are followed, before another one is whose content is made on demand
	TopicsPerClient        int // the same, of those that one client follows
}

// DefaultLimits are those of a hub that sets none.
var DefaultLimits = Limits{
	Subscriptions: 20_000, SubscriptionsPerHost: 2_000, SubscriptionsPerClient: 500,
	Requests: 2_000, RequestsPerHost: 200, RequestsPerClient: 100, HourlyPerClient: 1_000,
	Topics: 300, TopicsPerClient: 60,
}

const wideFactor = 4

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
		TopicsPerClient:        cmp.Or(l.TopicsPerClient, d.TopicsPerClient),
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
type Counts struct{ All, Host, Client, Wide int }

// Facts are what a store knows that a decision about a request needs.
type Facts struct {
	Subscribed    bool   // the subscription that the request is about is there
	Own           bool   // and this client asked for it
	Waits         bool   // an earlier request of this client about it waits
	Asked         Asked  // by the client, before
	WideAsked     Asked  // by the network around it, before
	Requests      Counts // that wait
	Subscriptions Counts

	// Of a topic whose content is made on demand:
	Followed       bool // by anybody, or a request for it waits
	Topics         int  // that are followed or asked for
	TopicsOfClient int

	// The most requests that one client has waiting, and of those to this host, and how
	// many to this host wait of the asking client.
	Most, MostToHost, ToHost int
}

// Decision is what to do with a request.
type Decision struct {
	Refuse error // ErrFull, ErrTooMany

	// Of the client that has most of them, the newest request gives way: of all, or of
	// those to the same host.
	Displace, DisplaceToHost bool

	Asked, WideAsked Asked // with this request; the place of the request
}

// Place is the place of a request among those that wait: the fewer its client asked for
// within the hour, the earlier it is verified; of those with as many, the one whose wider
// network asked for less; then the older. A client that is not known competes by time.
func Place(a Asker, asked, wide Asked) (turn, wideTurn int) {
	if a.Client == "" {
		return 1, 1
	}
	return asked.N, max(asked.N, wide.N)
}

// Decide says whether a request is kept. A full hub keeps nobody from renewing or
// leaving, and what a client has taken is its own loss.
func (l Limits) Decide(r Request, f Facts) Decision {
	d := Decision{Asked: f.Asked.Again(r.At), WideAsked: f.WideAsked.Again(r.At)}
	known := r.Asker.Client != ""
	if known && (d.Asked.N > l.HourlyPerClient || d.WideAsked.N > wideFactor*l.HourlyPerClient) {
		return Decision{Refuse: ErrTooMany}
	}
	if r.Mode == Subscribe && !f.Subscribed {
		s, w := f.Subscriptions, f.Requests
		switch {
		case known && (s.Client+w.Client >= l.SubscriptionsPerClient || s.Wide+w.Wide >= wideFactor*l.SubscriptionsPerClient):
			return Decision{Refuse: ErrTooMany}
		case s.All >= l.Subscriptions, s.Host >= l.SubscriptionsPerHost:
			return Decision{Refuse: ErrFull}
		case r.OnDemand && known && f.TopicsOfClient >= l.TopicsPerClient:
			return Decision{Refuse: ErrTooMany}
		case r.OnDemand && !f.Followed && f.Topics >= l.Topics:
			return Decision{Refuse: ErrFull}
		}
	}
	if f.Waits || f.Own {
		return d
	}
	if known && (f.Requests.Client >= l.RequestsPerClient || f.Requests.Wide >= wideFactor*l.RequestsPerClient) {
		return Decision{Refuse: ErrTooMany}
	}
	switch {
	case f.Requests.Host >= l.RequestsPerHost:
		d.DisplaceToHost = f.ToHost < f.MostToHost
		if !d.DisplaceToHost {
			return Decision{Refuse: ErrFull}
		}
	case f.Requests.All >= l.Requests:
		d.Displace = f.Requests.Client < f.Most
		if !d.Displace {
			return Decision{Refuse: ErrFull}
		}
	}
	return d
}
