package web

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// Hub is the WebSub hub of the feeds.
type Hub interface {
	// Accept takes the form that a subscriber or publisher posts. A
	// *websub.RefusedError says what is wrong with it; websub.ErrFull, that there
	// is no room; websub.ErrTooMany, that its sender asks for too much.
	Accept(ctx context.Context, from websub.Asker, form url.Values) error
}

// hub answers programs, so in plain text: 202 for what is taken and will be
// verified.
func (s *site) hub(w http.ResponseWriter, r *http.Request) error {
	answer := func(status int, text string) error { return plain(w, status, text) }
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return answer(http.StatusUnsupportedMediaType, "Send a form: application/x-www-form-urlencoded.")
	}
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return answer(http.StatusRequestEntityTooLarge, "The form is too large.")
		}
		return answer(http.StatusBadRequest, "The form can't be read.")
	}
	err := s.Hub.Accept(r.Context(), websub.Asker(s.networks(r)), r.PostForm)
	if refused, ok := errors.AsType[*websub.RefusedError](err); ok {
		return answer(http.StatusBadRequest, refused.Reason)
	}
	switch {
	case errors.Is(err, websub.ErrTooMany):
		w.Header().Set("Retry-After", "3600")
		return answer(http.StatusTooManyRequests, "There are too many subscriptions or requests of yours at the moment: try again later.")
	case errors.Is(err, websub.ErrFull):
		w.Header().Set("Retry-After", "600")
		return answer(http.StatusServiceUnavailable, "There are too many subscriptions at the moment: try again later.")
	case err != nil:
		return s.failInText(w, r, err)
	}
	return answer(http.StatusAccepted, "Accepted.")
}

// failInText answers a program whose request failed through no fault of its own.
func (s *site) failInText(w http.ResponseWriter, r *http.Request, err error) error {
	if s.away(err) {
		s.Log.WarnContext(r.Context(), "the database did not answer a request", "route", r.Pattern, "error", err)
		w.Header().Set("Retry-After", "10")
		return plain(w, http.StatusServiceUnavailable, "The database does not answer right now: try again in ten seconds.")
	}
	s.Log.ErrorContext(r.Context(), "request failed", "route", r.Pattern, "error", err)
	return plain(w, http.StatusInternalServerError, "It is our fault, and it has been noted: try again in a minute.")
}
