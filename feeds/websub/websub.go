// Package websub pushes feeds to their subscribers, as the W3C
// Recommendation WebSub says. A [Hub] is a hub of our own: it verifies that a
// subscription is wanted, keeps it for a lease and delivers each new content to
// it. A [Publisher] is the other way: it tells a hub elsewhere what has changed.
//
// Both remember in a store what was pushed or told last and compare it with what
// there is now. So nothing is lost when the process is killed, and nothing is
// pushed that a subscriber has.
package websub

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrUnknownTopic says that an address is not that of a document that can be
// subscribed to.
var ErrUnknownTopic = errors.New("unknown topic")

// ErrFull says that no more can be subscribed to for now.
var ErrFull = errors.New("the hub is full")

// ErrTooMany says that one client asks for too much.
var ErrTooMany = errors.New("too many requests from one client")

// ErrForbidden says that an address must not be called, now or later.
var ErrForbidden = errors.New("address must not be called")

// Content is what a topic holds at the moment.
type Content struct {
	Body        []byte // nobody may change it
	ContentType string
	Version     string // another one for other bytes; not empty
}

// Topics knows the documents that can be subscribed to. A topic is the canonical
// address of one, to the byte.
type Topics interface {
	// Content returns what the topic holds, or ErrUnknownTopic.
	Content(ctx context.Context, topic string) (Content, error)
	// Known reports whether there is such a topic, and whether its content is made when it
	// is asked for, which takes time. It costs next to nothing itself.
	Known(topic string) (known, onDemand bool)
}

// Client makes the calls of a hub. It follows no redirect. Its errors don't
// contain the address, which may hold a secret of the subscriber.
type Client interface {
	// Check refuses, with an error that wraps ErrForbidden, an address that can be
	// seen to be forbidden without a look-up.
	Check(address string) error
	// Get returns the status of the answer and the first limit bytes of its body.
	Get(ctx context.Context, address string, limit int) (status int, body []byte, err error)
	// Post returns the status of the answer.
	Post(ctx context.Context, address string, header map[string][]string, body []byte) (status int, err error)
	// PostIf asks a question by Get, and posts to the very server that answered, if confirmed
	// accepts the answer. Both addresses have one host.
	PostIf(ctx context.Context, question string, limit int, confirmed func(status int, answer []byte) error, address string, header map[string][]string, body []byte) (status int, err error)
}

// Subscription is a callback that wants a topic, until Expires.
type Subscription struct {
	Topic    string
	Callback string
	Host     string // of the callback
	Secret   string // signs what is delivered; "" = unsigned
	Expires  time.Time
	Version  string // of the content it has
}

// Asker is where a request came from, as names that tell networks apart and nothing else.
type Asker struct {
	Client string // an IPv4 address, or a /64 of IPv6; "" = not known
	Wide   string // the network around it: a /56; of IPv4 the same as Client
	Around string // the one around that: a /48, or a /24 of IPv4
}

// Request is what somebody wants and has not been verified to want.
type Request struct {
	Mode      Mode
	Topic     string
	Callback  string
	Host      string        // of the callback
	Lease     time.Duration // of a subscription, as asked for
	Secret    string
	Challenge string // random; also tells the request from one that took its place
	Asker     Asker
	At        time.Time // when it was made
	Attempts  int       // that failed
	OnDemand  bool      // its topic's content is
	Slow      bool      // the host failed or was slow last time
	Standing  Standing  // of the subscription that it is about; zero: there is none
}

// Mode is what a request is for.
type Mode string

const (
	Subscribe   Mode = "subscribe"
	Unsubscribe Mode = "unsubscribe"
	publish     Mode = "publish"
)

// Push is a delivery that is due, claimed by a hub.
type Push struct {
	ID int64 // of the subscription
	Subscription
	Target   string    // version that made it due
	Attempts int       // that failed since
	Claimed  time.Time // until when; it tells the claim from others
	Slow     bool      // the host failed or was slow last time
	New      bool      // the host never took one
}

// PerHost is how many requests of one host are claimed at once, and how many pushes.
const PerHost = 2

// Claim asks for what is due now, for nobody else to have until then: so many of hosts
// in good standing, and so many of hosts that failed or were slow last time. None has
// more than PerHost claimed at once.
type Claim struct {
	Limit, Slow int
	New         int // pushes: so many of Limit, at most, of hosts that never took one, after the others
	Now, Until  time.Time
}

// Became is what became of a request or a push.
type Became int

const (
	Later     Became = iota // it is tried again
	Granted                 // a request: there is a subscription
	Removed                 // a request: there is no subscription
	Dropped                 // a request: it came to nothing
	Delivered               // a push: it was accepted
	Ended                   // a push: the callback wants no more
)

// Tried is what became of what was claimed.
type Tried struct {
	Became  Became
	Called  bool      // the host was called
	Slow    bool      // which failed, or took long
	Failed  bool      // Later: an attempt is counted
	At      time.Time // Later: when; zero for never. Delivered: when, if newer content is due
	Version string    // Granted, Delivered: of the content that the subscriber has

	Expires  time.Time // Granted
	Standing Standing  // Granted
	Most     int       // Granted: how many subscriptions there may be; 0 = no limit
}

// TriedRequest is a request and what became of it.
type TriedRequest struct {
	Request Request
	Tried
}

// TriedPush is a push and what became of it.
type TriedPush struct {
	Push Push
	Tried
}

// Store keeps what a hub must not forget. A subscription is known by its topic and
// callback, a request also by who asked: nobody's request takes the place of another
// network's. What is claimed is given to no other claim until that time has passed.
// Nothing is settled when the claim is no longer the claimant's or the request has
// been replaced.
type Store interface {
	// Ask keeps a request if decide lets it, and what it returns if not.
	Ask(ctx context.Context, r Request, decide func(Facts) Decision) error
	// ClaimRequests claims requests that are due, in the order of their places.
	ClaimRequests(ctx context.Context, c Claim) ([]Request, error)
	// SettleRequests records what became of requests. One that is granted makes a
	// subscription; a new one has the version given, and one that exists keeps its own
	// and is due at once if that is not what was to be pushed. Where there are as many as
	// may be, a subscription of the Around with the most gives way to a new one, the one
	// with the shortest term and of those the newest. Earlier requests about
	// the same subscription end with one that was verified. What is tried again gets
	// the place of a request that is made now.
	SettleRequests(ctx context.Context, now time.Time, tried []TriedRequest) error

	// Topics returns every topic that has a subscription, the most wanted first.
	Topics(ctx context.Context) ([]string, error)
	// Mark makes due, at now, the subscriptions of a topic that lack its version.
	// What was due for another version no longer is. The version "" means a
	// topic that is gone.
	Mark(ctx context.Context, topic, version string, now time.Time) error
	// TurnPushes records what became of pushes, removes subscriptions that have expired,
	// and claims pushes that are due, in one transaction. A push that was delivered, or is
	// tried again, stays due for another version that it has become due for meanwhile.
	// Hosts take turns. Those that never took a push do by how many subscriptions the
	// Around had that asked for their first one: who has many hosts come in that hang
	// keeps few others waiting.
	TurnPushes(ctx context.Context, tried []TriedPush, c Claim) ([]Push, error)

	// NextRequest and NextPush return when there is something to claim or to
	// remove; zero for never.
	NextRequest(ctx context.Context) (time.Time, error)
	NextPush(ctx context.Context) (time.Time, error)
	// Recover gives back what was claimed by processes that can't be alive.
	Recover(ctx context.Context) error
}

// bell wakes one waiter. Rings that nobody waits for are kept as one.
type bell struct {
	once sync.Once
	ch   chan struct{}
}

func (b *bell) wait() <-chan struct{} {
	b.once.Do(func() { b.ch = make(chan struct{}, 1) })
	return b.ch
}

func (b *bell) ring() {
	b.wait()
	select {
	case b.ch <- struct{}{}:
	default:
	}
}

// HubStatus is how a hub's subscriptions stand.
type HubStatus struct {
	Subscriptions int `json:"subscriptions"`
	Requests      int `json:"requests"` // not verified yet
	Behind        int `json:"behind"`   // subscriptions that lack the current content of their topic
}

// StatusStore is what staff see of a hub.
type StatusStore interface {
	Status(ctx context.Context) (HubStatus, error)
	// PushNow makes every subscription due that lacks the current content of its topic,
	// also those given up, and returns how many there are.
	PushNow(ctx context.Context) (int, error)
}
