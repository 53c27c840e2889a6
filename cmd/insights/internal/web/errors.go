package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// statusError is an error that says no more than its HTTP status.
type statusError int

func (e statusError) Error() string { return http.StatusText(int(e)) }

// problem is what a reader is told of an error.
type problem struct {
	status     int
	heading    string
	paragraphs []string
	links      []templates.Link
}

// problemOf is the one map from errors to answers. Its words are all that a reader
// sees; the error itself goes to the log at most.
func (s *site) problemOf(err error) problem {
	home := templates.Link{Label: "All insights", URL: "/"}
	wrong := ""
	if at := s.Site.Contact; at != "" {
		wrong = " If that is wrong, write to us at " + at + "."
	}
	status := http.StatusInternalServerError
	if e, ok := errors.AsType[statusError](err); ok {
		status = int(e)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status = http.StatusRequestEntityTooLarge
	}
	switch {
	case errors.Is(err, subscribers.ErrToken):
		return problem{http.StatusNotFound, "This link is not valid",
			[]string{"Part of it may be missing: email programs sometimes break long links in two. Copy the whole link from the email into the address bar, or use the button in the email.",
				"Or your data was erased since: links of emails from before then no longer work."},
			[]templates.Link{home}}
	case errors.Is(err, subscribers.ErrExpired):
		return problem{http.StatusGone, "This link has expired",
			[]string{"It is too old, or you have unsubscribed or changed your address since. To get emails again, subscribe again: you get a fresh one within minutes."},
			[]templates.Link{{Label: "Subscribe again", URL: "/subscribe"}, home}}
	case errors.Is(err, subscribers.ErrLapsed):
		return problem{http.StatusGone, "This link has ended",
			[]string{"Links to preferences work for 60 days, and only as long as you are subscribed with the same address; links to your data work for one hour. Or part of the link is missing.",
				"We can send you a fresh one."},
			[]templates.Link{{Label: "Get a fresh link", URL: "/link"}, home}}
	case errors.Is(err, subscribers.ErrSuppressed):
		return problem{http.StatusForbidden, "We can't write to this address",
			[]string{"Emails to it were refused before, or its owner asked us never to write." + wrong},
			[]templates.Link{{Label: "Follow by feed", URL: "/feeds"}, home}}
	case errors.Is(err, subscribers.ErrTaken):
		return problem{http.StatusConflict, "That address is subscribed already",
			[]string{"Digests go to it by a subscription of its own. If you want no more emails at the other address, unsubscribe there: each email has a link for it."},
			[]templates.Link{home}}
	case errors.Is(err, subscribers.ErrTooMany):
		return problem{http.StatusTooManyRequests, "Please try again later",
			[]string{"Many requests have come from your network within an hour. Please try again in an hour, or follow by feed."},
			[]templates.Link{{Label: "Follow by feed", URL: "/feeds"}, home}}
	case errors.Is(err, subscribers.ErrChanges):
		return problem{http.StatusTooManyRequests, "Please try again later",
			[]string{"This link has changed your subscription many times within an hour. Please try again in an hour. You can unsubscribe at any time."},
			[]templates.Link{home}}
	case errors.Is(err, subscribers.ErrBusy):
		return problem{http.StatusServiceUnavailable, "Please try again later",
			[]string{"More people are signing up right now than we can answer. Please try again in a quarter of an hour, or follow by feed."},
			[]templates.Link{{Label: "Follow by feed", URL: "/feeds"}, home}}
	case errors.Is(err, errExporting):
		return problem{http.StatusTooManyRequests, "Your data is on its way",
			[]string{"It is being sent to another window or program already. When that has it, or in a minute, you can ask for it again."}, []templates.Link{home}}
	case errors.Is(err, errLineFull):
		return problem{http.StatusServiceUnavailable, "Please try again in a moment",
			[]string{"More is asked of this site right now than it can answer. Please try again in ten seconds."}, []templates.Link{home}}
	case s.away(err):
		return problem{http.StatusServiceUnavailable, "Please try again in a moment",
			[]string{"This part of the site does not answer right now. Please try again in ten seconds. Insights and feeds are there as always."},
			[]templates.Link{home, {Label: "Feeds", URL: "/feeds"}}}
	case errors.Is(err, newsletter.ErrNotFound), status == http.StatusNotFound:
		return problem{http.StatusNotFound, "Nothing here",
			[]string{"There is no page at this address. It may have been taken down, or the link has a slip in it."},
			[]templates.Link{home, {Label: "Feeds", URL: "/feeds"}}}
	}
	switch status {
	case http.StatusGone:
		return problem{status, "This has been taken down", []string{"What was at this address is no longer published."},
			[]templates.Link{home, {Label: "Feeds", URL: "/feeds"}}}
	case http.StatusBadRequest:
		return problem{status, "That could not be read", []string{"The form arrived damaged. Please go back and send it again."}, []templates.Link{home}}
	case http.StatusForbidden:
		return problem{status, "Please use the form on this site", []string{"This form was sent from another site, which we do not accept."}, []templates.Link{{Label: "Subscribe by email", URL: "/subscribe"}}}
	case http.StatusMethodNotAllowed:
		return problem{status, "That can't be done here", []string{"This address does not take such a request."}, []templates.Link{home}}
	case http.StatusRequestURITooLong:
		return problem{status, "That address is too long", []string{"No page of this site has an address of such a length. The link may have a slip in it."}, []templates.Link{home}}
	case http.StatusUnsupportedMediaType:
		return problem{status, "That could not be read", []string{"The form came in a way that this site does not read. Please use the form on this site."}, []templates.Link{home}}
	case http.StatusRequestEntityTooLarge:
		return problem{status, "That is too much", []string{"The form holds more than we accept. Please shorten it."}, []templates.Link{home}}
	}
	return problem{http.StatusInternalServerError, "Something went wrong",
		[]string{"It is our fault, and it has been noted. Please try again in a minute."}, []templates.Link{home}}
}

// away reports that the database did not answer, at all or in time.
func (s *site) away(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || s.Away != nil && s.Away(err)
}

// fail answers with the page of an error.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody is listening any more
	}
	p := s.problemOf(err)
	switch { // in seconds, as the pages say
	case errors.Is(err, errLineFull), s.away(err):
		w.Header().Set("Retry-After", "10")
	case errors.Is(err, errExporting):
		w.Header().Set("Retry-After", "60")
	case p.status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "3600")
	case p.status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "900")
	}
	if s.away(err) {
		s.Log.WarnContext(r.Context(), "the database did not answer a request", "route", r.Pattern, "error", err)
	}
	if p.status == http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "route", r.Pattern, "error", err)
	}
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-cache")
	}
	if isJSON(r) { // a script asked
		err := showFaults(w, p.status, templates.Form{Errors: []templates.FieldError{{Message: p.heading + ". " + p.paragraphs[0]}}})
		if err != nil {
			s.Log.ErrorContext(r.Context(), "cannot send error answer", "error", err)
		}
		return
	}
	if err := s.notice(w, p.status, p.heading, p.paragraphs, p.links...); err != nil {
		s.Log.ErrorContext(r.Context(), "cannot render error page", "error", err)
		http.Error(w, p.heading, p.status)
	}
}
