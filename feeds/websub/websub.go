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
	// Known reports whether there is such a topic, and costs next to nothing.
	Known(topic string) bool
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
}

// Subscription is a callback that wants a topic, until Expires.
type Subscription struct {
	Topic    string
	Callback string
	Secret   string // signs what is delivered; "" = unsigned
	Expires  time.Time
	Version  string // of the content it has
}

// Request is what somebody wants and has not been verified to want.
type Request struct {
	Mode      Mode
	Topic     string
	Callback  string
	Host      string        // of the callback
	Lease     time.Duration // of a subscription
	Secret    string
	Challenge string // random; also tells the request from one that took its place
	Attempts  int    // that failed
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
	Subscription
	Target   string    // version that made it due
	Attempts int       // that failed since
	Claimed  time.Time // until when; it tells the claim from others
}

// Claim asks for what is due now, for nobody else to have until then. Hosts take
// turns, and none has more than PerHost claimed at once.
type Claim struct {
	Limit, PerHost int
	Now, Until     time.Time
}

// Limits bound what a store takes in.
type Limits struct {
	Subscriptions        int // and requests for new ones, in all
	SubscriptionsPerHost int
	Requests             int // that are not verified yet
	RequestsPerHost      int
}

// Store keeps what a hub must not forget. A subscription is known by its topic
// and callback; so is a request. What is claimed is given to no other claim until
// that time has passed. A settling method does nothing when the claim is no
// longer the claimant's or the request has been replaced.
type Store interface {
	// Ask keeps a request, which takes the place of an earlier one. It returns
	// ErrFull beyond the limits, which there are none of for a request about a
	// subscription that exists.
	Ask(ctx context.Context, r Request, limits Limits, now time.Time) error
	// ClaimRequests claims requests that are due.
	ClaimRequests(ctx context.Context, c Claim) ([]Request, error)
	// Grant makes a request to subscribe a subscription until expires and ends
	// the request. A new subscription has the version given. One that exists
	// keeps its own and is due at once if that is not what was to be pushed.
	Grant(ctx context.Context, r Request, version string, now, expires time.Time) error
	// Remove ends a request to unsubscribe and the subscription with it.
	Remove(ctx context.Context, r Request) error
	// RetryRequest keeps a request until at and counts an attempt.
	RetryRequest(ctx context.Context, r Request, at time.Time) error
	// Drop ends a request.
	Drop(ctx context.Context, r Request) error

	// Topics returns every topic that has a subscription, the most wanted first.
	Topics(ctx context.Context) ([]string, error)
	// Mark makes due, at now, the subscriptions of a topic that lack its version.
	// What was due for another version no longer is. The version "" means a
	// topic that is gone.
	Mark(ctx context.Context, topic, version string, now time.Time) error
	// ClaimPushes claims pushes that are due, and removes subscriptions that have
	// expired.
	ClaimPushes(ctx context.Context, c Claim) ([]Push, error)
	// Delivered records which version a subscriber now has. It stays due, at
	// again, if that is not the one that was due.
	Delivered(ctx context.Context, p Push, version string, again time.Time) error
	// RetryPush keeps a push until at, zero for never, and counts an attempt if
	// failed. A push that has become due for another version meanwhile stays so.
	RetryPush(ctx context.Context, p Push, at time.Time, failed bool) error
	// End removes a subscription.
	End(ctx context.Context, p Push) error

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
