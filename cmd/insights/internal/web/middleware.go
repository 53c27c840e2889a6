package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// Bounds of what a request may hold, in bytes. The server bounds all of its header.
const (
	maxBody = 16 << 10 // of a form
	maxType = 1 << 10  // of a Content-Type, which is read several times
)

// maxTarget is how long an address may be, beside the names of all categories: what is
// longer is not one of ours, and is refused before anything takes it apart.
const maxTarget = 4 << 10

// longestTarget is how long an address of the site may be.
func (s *site) longestTarget() int {
	longest := maxTarget
	for _, c := range s.Site.Categories {
		name := len(c.Slug)
		for _, former := range c.Formerly {
			name = max(name, len(former))
		}
		longest += len("&category=") + name
	}
	return longest
}

// middleware wraps the routes, outermost first.
func (s *site) middleware(next http.Handler) (http.Handler, error) {
	protection, err := s.crossOrigin()
	if err != nil {
		return nil, err
	}
	embedding, err := s.crossOrigin(s.TrustedOrigins...)
	if err != nil {
		return nil, err
	}
	own, embedded := protection.Handler(next), embedding.Handler(next)
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // last: its refusal is a page like any other, with everything below
		if r.URL.Path == "/subscribe" { // the only form that other sites may show
			embedded.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	})
	h = s.ownHost(h)
	h = s.bounded(h)         // before what takes an address apart
	h = s.private(h)         // over the headers below
	h = s.securityHeaders(h) // before any handler, so that no answer lacks them
	h = s.limit(h)           // before anything reads the body
	return s.watched(h), nil // around all that decides the status, and to catch what they do wrong
}

// watched notes what was answered and turns a panic into a 500, if nothing was
// sent yet.
func (s *site) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		r = s.rootless(r)
		rec := recorders.Get().(*recorder)
		*rec = recorder{ResponseWriter: w, site: s}
		defer func() {
			again := s.recovered(rec, r, recover())
			took := time.Since(start)
			s.log(rec, r, took)
			if s.Observe != nil {
				s.Observe(r.Pattern, rec.status, took)
			}
			*rec = recorder{}
			recorders.Put(rec)
			if again != nil {
				panic(again)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// recovered answers what a handler left by panicking with v, which may be nil. It
// returns what is to be panicked with again.
func (s *site) recovered(rec *recorder, r *http.Request, v any) (again any) {
	if v == nil || v == http.ErrAbortHandler {
		return v
	}
	s.Log.ErrorContext(r.Context(), "handler panicked", "route", r.Pattern, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if rec.status != 0 {
		return http.ErrAbortHandler // half an answer must not look whole
	}
	s.fail(rec, r, statusError(http.StatusInternalServerError))
	return nil
}

// log writes one line a request. It names the route, never the path: paths hold
// tokens. What is asked for all day long by programs, and went well, is only for
// those who look closely.
func (s *site) log(rec *recorder, r *http.Request, took time.Duration) {
	level := slog.LevelInfo
	if rec.status < 400 && (isFeed(r.URL.Path) || r.Pattern == "GET /healthz" || r.Pattern == "GET /readyz") {
		level = slog.LevelDebug
	}
	if s.Log.Enabled(r.Context(), level) {
		s.Log.Log(r.Context(), level, "request", "method", r.Method, "route", r.Pattern,
			"status", rec.status, "bytes", rec.bytes, "duration", took)
	}
}

func (s *site) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.noteProxy(r)
		if r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// bounded refuses what has parts of a length that nothing here takes.
func (s *site) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.tooLong(r):
			s.fail(w, r, statusError(http.StatusRequestURITooLong))
		case len(r.Header.Get("Content-Type")) > maxType:
			s.fail(w, r, statusError(http.StatusUnsupportedMediaType))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *site) tooLong(r *http.Request) bool {
	return max(len(r.URL.Path), len(r.URL.RawPath))+len(r.URL.RawQuery) > s.longest
}

// contentPolicy lets a page load the site's own style sheet and images, and send
// its forms home; nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data: https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// servedLibrary is the value of a header, made once for each library.
type servedLibrary struct {
	library *content.Library
	name    []string
}

func (s *site) libraryName() []string {
	library := s.Library()
	if last := s.served.Load(); last != nil && last.library == library {
		return last.name
	}
	now := &servedLibrary{library, []string{library.Version()}}
	s.served.Store(now)
	return now.name
}

func (s *site) securityHeaders(next http.Handler) http.Handler {
	allowed := contentPolicy
	if u, err := url.Parse(s.Server); s.Static && err == nil && u.Host != "" { // to which forms are sent
		allowed = strings.Replace(allowed, "form-action 'self'", "form-action 'self' "+u.Scheme+"://"+u.Host, 1)
	}
	var (
		policy    = []string{allowed}
		reloading = []string{contentPolicy + "; script-src 'self'; connect-src 'self'"}
		nosniff   = []string{"nosniff"}
		referrer  = []string{"strict-origin-when-cross-origin"}
		strict    = []string{"max-age=31536000"}
		reloads   = s.Dev && s.Changed != nil
		encrypted = strings.HasPrefix(s.Site.BaseURL, "https://")
	)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Security-Policy"] = policy
		if reloads && !isFeed(r.URL.Path) { // feeds have the same headers everywhere
			h["Content-Security-Policy"] = reloading
		}
		h["X-Content-Type-Options"] = nosniff
		h["Referrer-Policy"] = referrer
		if encrypted { // browsers heed it where they came by https alone (RFC 6797)
			h["Strict-Transport-Security"] = strict
		}
		if !s.Static { // by it machines behind one address are told apart while they are updated
			h["Insights-Library"] = s.libraryName()
		}
		next.ServeHTTP(w, r)
	})
}

// recorders spares each request the making of one.
var recorders = sync.Pool{New: func() any { return new(recorder) }}

// recorder remembers what was answered. Its status is 0 until then.
type recorder struct {
	http.ResponseWriter
	site   *site
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
		r.site.putRoot(r.Header())
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
