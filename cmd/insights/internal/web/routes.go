package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// handlerFunc answers a request or returns an error before it has written
// anything; fail then answers.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

type route struct {
	pattern string
	handle  handlerFunc
	private bool // its path holds a token, or its answer is about one reader
}

// list is every address of the site.
func (s *site) list() []route {
	routes := []route{
		{"GET /{$}", s.index, false},
		{"GET /page/{page}", s.index, false},
		{"GET /insights/{slug}", s.article, false},
		{"GET /insights/images/{name...}", s.image, false},
		{"GET /categories/{category}", s.category, false},
		{"GET /categories/{category}/page/{page}", s.category, false},

		{"GET /feeds", s.feedsPage, false},
		{"GET /feeds/combine", s.combine, false},
		{"GET /feeds/{document}", s.document, false},
		{"GET /feeds/{feed}/{document}", s.document, false},
		{"GET /atom.xml", s.headAt("/feeds/all.atom"), false},
		{"GET /feed.xml", s.headAt("/feeds/all.rss"), false},
		{"GET /feed", moved("/feeds/all.rss"), false},
		{"GET /feed/{$}", moved("/feeds/all.rss"), false},
		{"GET /rss.xml", moved("/feeds/all.rss"), false},
		{"GET /index.xml", moved("/feeds/all.rss"), false},
		{"GET /feed.json", moved("/feeds/all.json"), false},

		{"GET /assets/{name}", s.asset, false},
		{"GET /favicon.ico", s.asset, false},
		{"GET /robots.txt", s.robots, false},
		{"GET /sitemap.xml", s.sitemap, false},
		{"GET /healthz", s.healthz, false},
		{"GET /readyz", s.readyz, false},

		{"/", s.other, false},
	}
	for _, doc := range s.Feeds().Documents() {
		// Most requests are for these: each has a route, which ServeMux finds
		// without taking a pattern apart. The categories can't change meanwhile.
		routes = append(routes, route{"GET " + doc.Path, s.headAt(doc.Path), false})
	}
	if s.Archive != nil {
		routes = append(routes,
			route{"GET /digests", s.digestsPage, false},
			route{"GET /digests/page/{page}", s.digestsPage, false},
			route{"GET /digests/{id}", s.digestPage, false},
			route{"GET /digests.rss", s.digestsFeed, false},
			route{"GET /digests.atom", s.digestsFeed, false},
			route{"GET /digests.json", s.digestsFeed, false},
		)
	}
	if s.Registry != nil {
		routes = append(routes,
			route{"GET /subscribe", s.subscribeForm, true},
			route{"POST /subscribe", s.subscribe, true},
			route{"OPTIONS /subscribe", s.subscribePreflight, true},
			route{"GET /confirm/{token}", s.confirmPage, true},
			route{"POST /confirm/{token}", s.confirm, true},
			route{"GET /unsubscribe/{token}", s.to(subscribers.UnsubscribeToken, s.unsubscribePage), true},
			route{"POST /unsubscribe/{token}", s.unsubscribe, true},
			route{"POST /undo/{token}", s.undo, true},
			route{"GET /decline/{token}", s.declinePage, true},
			route{"POST /decline/{token}", s.decline, true},
			route{"POST /unsubscribe/{token}/less", s.less, true},
			route{"GET /preferences/{token}", s.to(subscribers.PreferencesToken, s.preferencesPage), true},
			route{"POST /preferences/{token}", s.preferences, true},
			route{"POST /preferences/{token}/pause", s.pause, true},
			route{"POST /preferences/{token}/link", s.sendLinkTo, true},
			route{"GET /link", s.linkForm, true},
			route{"POST /link", s.sendLink, true},
			route{"GET /yours/{token}", s.to(subscribers.FreshToken, s.yoursPage), true},
			route{"POST /yours/{token}/address", s.move, true},
			route{"GET /yours/{token}/data", s.to(subscribers.FreshToken, s.data), true},
			route{"GET /yours/{token}/erase", s.to(subscribers.FreshToken, s.erasePage), true},
			route{"POST /yours/{token}/erase", s.erase, true},
			route{"GET /moved/{token}", s.to(subscribers.ReturnToken, s.movedPage), true},
			route{"POST /moved/{token}", s.callBack, true},
		)
	}
	if s.Reports != nil && len(s.ReportKeys) > 0 {
		routes = append(routes, route{"POST /bounces", s.report, true})
	}
	if s.Hub != nil {
		routes = append(routes, route{"POST /hub", s.hub, true})
	}
	if s.Inbox != nil {
		routes = append(routes,
			route{"GET /_inbox", s.inbox, true},
			route{"GET /_inbox/{id}", s.letter, true},
			route{"GET /_inbox/{id}/html", s.letterHTML, true},
		)
	}
	if s.Changed != nil && s.Dev {
		routes = append(routes, route{"GET /_events", s.events, true})
	}
	return routes
}

func (s *site) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rt.private && forReaders(r.URL.Path) { // also what says that it has moved or gone
			w.Header()["Access-Control-Allow-Origin"] = anybody
		}
		if rt.private {
			keepPrivate(w.Header())
		}
		bounded, done := rt.bounded(r)
		defer done()
		if err := rt.handle(w, bounded); err != nil {
			if bounded.Context().Err() != nil && s.problemOf(err).status == http.StatusInternalServerError {
				err = errors.Join(err, bounded.Context().Err()) // which may be its cause without being named
			}
			s.fail(w, r, err)
		}
	})
}

// How long a request may wait for the database; people and proxies wait for little longer.
// Whether it is there is told sooner, since a balancer asks often.
const (
	requestTime = 5 * time.Second
	readyTime   = 1500 * time.Millisecond
)

// bounded bounds how long a request may take that needs the database. What is made of the
// library alone takes the time it takes.
func (rt route) bounded(r *http.Request) (bounded *http.Request, done func()) {
	limit := requestTime
	switch path := strings.TrimPrefix(rt.pattern, "GET "); {
	case path == "/_events":
		return r, func() {} // it never ends
	case path == "/readyz":
		limit = readyTime
	case path == "/yours/{token}/data":
		limit = exportTime
	case !rt.private && path != "/insights/{slug}" && !strings.HasPrefix(path, digestsPath):
		return r, func() {}
	}
	ctx, done := context.WithTimeout(r.Context(), limit)
	return r.WithContext(ctx), done
}

// other answers what no route does: OPTIONS of those that exist, the wrong method,
// a slash too many, or nothing there.
func (s *site) other(w http.ResponseWriter, r *http.Request) error {
	if allowed := s.allowed(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		if r.Method != http.MethodOptions {
			return statusError(http.StatusMethodNotAllowed)
		}
		if forReaders(r.URL.Path) {
			// A reader in a browser asks before it sends conditional requests.
			w.Header().Set("Access-Control-Allow-Headers", "If-None-Match, If-Modified-Since")
			w.Header().Set("Access-Control-Max-Age", "86400")
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	// Escaped, as ServeMux reads paths: unescaped, one could name another host.
	if path, found := strings.CutSuffix(r.URL.EscapedPath(), "/"); found && s.matches(r, http.MethodGet, path) {
		http.Redirect(w, r, path, http.StatusMovedPermanently)
		return nil
	}
	return statusError(http.StatusNotFound)
}

// allowed lists the methods that the path of a request answers to.
func (s *site) allowed(r *http.Request) []string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		if s.matches(r, m, r.URL.EscapedPath()) {
			methods = append(methods, m)
		}
	}
	if methods == nil {
		return nil
	}
	return append(methods, http.MethodOptions)
}

// matches reports whether there is a route for an escaped path.
func (s *site) matches(r *http.Request, method, path string) bool {
	unescaped, err := url.PathUnescape(path)
	if err != nil || path == "" {
		return false
	}
	probe := *r
	u := *r.URL
	u.Path, u.RawPath = unescaped, path
	probe.Method, probe.URL = method, &u
	_, pattern := s.routes.Handler(&probe)
	return pattern != "" && pattern != "/"
}

func moved(to string) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		http.Redirect(w, r, to, http.StatusMovedPermanently)
		return nil
	}
}

// forReaders reports a path at which feed readers ask, one of which may be a page of
// another site.
func forReaders(path string) bool {
	switch path {
	case "/feed", "/feed/", "/rss.xml", "/index.xml", "/feed.json":
		return true
	}
	return isFeed(path)
}

func isFeed(path string) bool {
	return strings.HasPrefix(path, "/feeds/") || strings.HasPrefix(path, "/digests.") ||
		path == "/feeds.opml" || path == "/atom.xml" || path == "/feed.xml"
}
