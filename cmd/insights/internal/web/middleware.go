package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// maxBody bounds what a form may hold, in bytes.
const maxBody = 16 << 10

// middleware wraps the routes, outermost first.
func (s *site) middleware(next http.Handler) (http.Handler, error) {
	protection, err := s.crossOrigin()
	if err != nil {
		return nil, err
	}
	h := protection.Handler(next) // last: its refusal is a page like any other, with everything below
	h = s.securityHeaders(h)      // before any handler, so that no answer lacks them
	h = limit(h)                  // before anything reads the body
	h = s.logged(h)               // around all that decides the status
	return s.recovered(h), nil    // outermost: it also catches what the others do wrong
}

// recovered turns a panic into a 500, if nothing was sent yet.
func (s *site) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.Log.ErrorContext(r.Context(), "handler panicked", "route", r.Pattern, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if rec.status != 0 {
				panic(http.ErrAbortHandler) // half an answer must not look whole
			}
			s.fail(rec, r, statusError(http.StatusInternalServerError))
		}()
		next.ServeHTTP(rec, r)
	})
}

// logged writes one line a request. It names the route, never the path: paths
// hold tokens.
func (s *site) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusInternalServerError} // if it panics
		defer func() {
			level := slog.LevelInfo
			if r.Pattern == "GET /healthz" || r.Pattern == "GET /readyz" {
				level = slog.LevelDebug
			}
			s.Log.Log(r.Context(), level, "request", "method", r.Method, "route", r.Pattern,
				"status", rec.status, "bytes", rec.bytes, "duration", time.Since(start))
		}()
		next.ServeHTTP(rec, r)
	})
}

func limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// contentPolicy lets a page load the site's own style sheet and images, and send
// its forms home; nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data: https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *site) securityHeaders(next http.Handler) http.Handler {
	reloads := s.Dev && s.Changed != nil
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		policy := contentPolicy
		if reloads && !isFeed(r.URL.Path) { // feeds have the same headers everywhere
			policy += "; script-src 'self'; connect-src 'self'"
		}
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		next.ServeHTTP(w, r)
	})
}

// recorder remembers what was answered. A status of its own before the first
// write is what a panic leaves.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if !r.wrote {
		r.WriteHeader(http.StatusOK)
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
