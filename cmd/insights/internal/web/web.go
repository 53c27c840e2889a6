// Package web is the site over HTTP: every handler, one list of routes, one map
// from errors to answers, one order of middleware. It holds no state but caches
// of what a snapshot of the library renders to; it sets no cookie, runs no
// script, and learns of storage only through the interfaces declared here.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/readership"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// Config is what the site is made of. Site, Pages, Library and Feeds are needed;
// what else is nil has no pages.
type Config struct {
	Site     templates.Site
	Pages    *templates.Pages
	Library  func() *content.Library // the current snapshot
	Feeds    func() *feeds.Set       // the documents of that snapshot
	FeedSite feeds.Site              // what the feed of digests says of the site

	Cadences  []subscribers.Cadence   // that a schedule serves: readers can choose them; nil: all
	Registry  *subscribers.Registry   // nil: nobody can sign up, no link in an email works
	Addresses newsletter.AddressStore // nil: only what files say of former addresses is known
	Archive   Archive                 // nil: there is no archive of digests
	Documents Documents               // remembers when the feed of digests changed; nil: nobody does
	Mails     Mails                   // nil: readers' data says nothing of their emails
	Inbox     Inbox                   // nil outside development
	Hub       Hub                     // nil: there is none here
	Reports   Reports                 // takes what a relay posts; nil: nothing does

	Readers *readership.Counter // counts who follows which feed; nil: nobody does
	// Observe is told of each answer by its route, such as "GET /feeds/{document}",
	// or "" when it was refused before one was found. It must be quick. May be nil.
	Observe func(route string, status int, took time.Duration)

	Ready   func(context.Context) error // nil: ready as soon as it answers
	Away    func(error) bool            // says of an error that the database does not answer at present; nil: it always does
	Changed func() <-chan struct{}      // closed at the next snapshot; nil: pages do not reload themselves
	Closing <-chan struct{}             // closed when the server is told to stop: what would last for ever ends

	// FormKey signs the time in the sign-up form and salts the hashes of
	// clients' addresses. Replicas share it; empty: random, so that a form opened
	// before a restart must be sent twice.
	FormKey        []byte
	ReportKeys     [][]byte       // any of them signs what a relay posts; none: nothing is taken
	TrustedOrigins []string       // "https://www.example.com": may embed the sign-up form
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Log            *slog.Logger   // nil: silent
	Dev            bool           // for an author, on loopback
	Static         bool           // answers are kept as files: nothing in them depends on the time
	Server         string         // of files: the base URL where a program serves the rest; empty: nowhere
}

// Archive is the digests that were sent and may be shown to everybody. Digests to
// a single reader and tests are not among them.
type Archive interface {
	// SentDigests returns digests newest first; fewer than limit at the end.
	SentDigests(ctx context.Context, limit, offset int) ([]newsletter.Digest, error)
	// SentDigest returns newsletter.ErrNotFound for one that is not to be shown.
	SentDigest(ctx context.Context, id int64) (newsletter.Digest, error)
}

// Documents remembers what documents held.
type Documents interface {
	// RecordDocuments stores states and returns when the documents at each path last
	// changed: see feeds.State.Record.
	RecordDocuments(ctx context.Context, states []feeds.State) (map[string]time.Time, error)
}

// Mails is what was sent to a reader, for them to see: digests, then other emails, each
// oldest first.
type Mails interface {
	MailsOf(ctx context.Context, subscriber int64) iter.Seq2[newsletter.Delivery, error]
	BouncesOf(ctx context.Context, subscriber int64) iter.Seq2[newsletter.Bounce, error]
}

// Inbox is the emails that development keeps instead of sending them.
type Inbox interface {
	// Messages returns all of them, newest first.
	Messages(ctx context.Context) ([]templates.InboxMessage, error)
	// Message returns one as it would have been sent (RFC 5322), or an error that
	// wraps newsletter.ErrNotFound.
	Message(ctx context.Context, id int64) (raw []byte, err error)
}

// site is the configuration at work.
type site struct {
	Config
	root      string // of the base URL: "/news", escaped
	routes    *http.ServeMux
	longest   int             // an address may be, in bytes
	tokens    map[string]bool // see holders
	lines     lines           // for all that is made on demand
	exports   *exports
	served    atomic.Pointer[servedLibrary]
	pages     cache // by library
	assets    cache // by s.Pages
	documents documents
	digests   cache
	proxy     atomic.Pointer[string] // the first undeclared one
}

// Site is the handler of the whole site.
type Site struct {
	http.Handler
	site *site
}

// New returns the site. Feeds must have a set already.
func New(c Config) (*Site, error) {
	if c.Pages == nil || c.Library == nil || c.Feeds == nil {
		return nil, errors.New("web: Pages, Library and Feeds must be set")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.FormKey) == 0 {
		c.FormKey = make([]byte, 32)
		rand.Read(c.FormKey) // never fails
	}
	if c.Cadences == nil {
		c.Cadences = subscribers.Cadences[:]
	}
	s := &site{Config: c, root: c.Site.Root(), routes: http.NewServeMux(), lines: newLines(), exports: newExports()}
	s.longest = s.longestTarget()
	routes := s.list()
	s.tokens = holders(routes)
	for _, r := range routes {
		s.routes.Handle(r.pattern, s.handler(r))
	}
	handler, err := s.middleware(s.routes)
	return &Site{Handler: handler, site: s}, err
}

// crossOrigin refuses forms that a browser sends from another site than these, so that
// no page elsewhere can make its visitors sign others up.
func (s *site) crossOrigin(origins ...string) (*http.CrossOriginProtection, error) {
	protection := http.NewCrossOriginProtection()
	if u, err := url.Parse(s.Site.BaseURL); err == nil && u.Host != "" {
		// A proxy may change Host, and old browsers send Origin alone.
		origins = append([]string{u.Scheme + "://" + u.Host}, origins...)
	}
	for _, o := range origins {
		if err := protection.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("web: trusted origin %q: %w", o, err)
		}
	}
	// The token alone gives the right to unsubscribe, wherever the button is: a
	// mailbox provider's page may post it from the browser (RFC 8058).
	protection.AddInsecureBypassPattern("POST /unsubscribe/{token}")
	// Programs post there, in nobody's name.
	protection.AddInsecureBypassPattern("POST /hub")
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, statusError(http.StatusForbidden))
	}))
	return protection, nil
}
