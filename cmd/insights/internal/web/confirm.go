package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// What a reader reaches by a link in an email is shown by GET, which mail scanners
// send for every link, and done by POST alone.

// lookup returns the subscriber whose token is in the path of a request.
func (s *site) lookup(r *http.Request, p subscribers.Purpose) (subscribers.Subscriber, error) {
	sub, err := s.Registry.Lookup(r.Context(), p, r.PathValue("token"))
	if err != nil {
		return sub, fmt.Errorf("look up a %s link: %w", p, err)
	}
	return sub, nil
}

// to has the request of a link answered for the subscriber whose link it is.
func (s *site) to(p subscribers.Purpose, answer func(http.ResponseWriter, *http.Request, subscribers.Subscriber) error) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		sub, err := s.lookup(r, p)
		if err != nil {
			return err
		}
		return answer(w, r, sub)
	}
}

// confirmPage shows what the email asked for that carried the link.
func (s *site) confirmPage(w http.ResponseWriter, r *http.Request) error {
	sub, asked, err := s.Registry.Asked(r.Context(), subscribers.ConfirmToken, r.PathValue("token"))
	switch {
	case err != nil:
		return fmt.Errorf("look up a confirmation: %w", err)
	case sub.Status == subscribers.Suppressed:
		return subscribers.ErrSuppressed
	case asked.Ended: // used, or another was
		return s.showConfirmed(w, r, sub, false)
	}
	title, moving := "Confirm your subscription", asked.Moves(sub)
	if moving {
		title = "Confirm your new address"
	}
	return s.render(w, http.StatusOK, &templates.ConfirmPage{
		Head: s.readerHead(title), Action: r.URL.Path, Moving: moving,
		Email: asked.To.Masked(), Cadence: asked.Cadence, Categories: s.categoryNames(asked.Categories),
	})
}

func (s *site) confirm(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.Registry.Confirm(r.Context(), r.PathValue("token"), s.client(r))
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return s.showConfirmed(w, r, sub, time.Since(sub.ConfirmedAt) < subscribers.FreshFor)
}

// showConfirmed says what a reader gets. Only who has pressed the button just now gets to
// their preferences from there: the email may be forwarded, and its link says for ever that
// it was used.
func (s *site) showConfirmed(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber, justNow bool) error {
	title, moved := "You are subscribed", s.Registry.Moves(sub, r.PathValue("token"))
	if moved {
		title = "Your address is changed"
	}
	v := &templates.ConfirmedPage{Head: s.readerHead(title), Moved: moved, Email: sub.Address.Masked(), Cadence: sub.Cadence, Categories: s.categoryNames(sub.Categories)}
	if justNow {
		v.Preferences = s.preferencesPath(sub)
	}
	return s.render(w, http.StatusOK, v)
}

// declinePage asks a person who got a confirmation that they did not request.
func (s *site) declinePage(w http.ResponseWriter, r *http.Request) error {
	sub, asked, err := s.Registry.Asked(r.Context(), subscribers.DeclineToken, r.PathValue("token"))
	switch {
	case err != nil:
		return fmt.Errorf("look up a confirmation: %w", err)
	case asked.To.Key() == sub.Address.Key() && (sub.Status != subscribers.Pending || asked.Asked.Before(sub.UnsubscribedAt)):
		return s.showDeclined(w, r, sub)
	}
	return s.render(w, http.StatusOK, &templates.DeclinePage{
		Head: s.readerHead("Never write to this address?"), Action: r.URL.Path, Email: asked.To.Masked(),
	})
}

// decline keeps all emails from an address that others entered.
func (s *site) decline(w http.ResponseWriter, r *http.Request) error {
	kept, asked, err := s.Registry.Decline(r.Context(), r.PathValue("token"))
	if err != nil {
		return fmt.Errorf("decline all emails: %w", err)
	}
	kept.Address = asked.To // of nobody's, too
	return s.showDeclined(w, r, kept)
}

// showDeclined says how it is now. Who has confirmed meanwhile can unsubscribe.
func (s *site) showDeclined(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	if sub.Status != subscribers.Suppressed && sub.PublicID != "" {
		http.Redirect(w, r, "/unsubscribe/"+s.Registry.Token(subscribers.UnsubscribeToken, sub), http.StatusSeeOther)
		return nil
	}
	if sub.Status != subscribers.Suppressed { // they left, and this is an email from before
		return s.notice(w, http.StatusOK, "You are unsubscribed", []string{"No emails go to " + sub.Address.Masked() + ", unless it is signed up again and you confirm that."}, readInsights)
	}
	text := sub.Address.Masked() + " gets no more emails from here, no matter who enters it."
	if at := s.Site.Contact; at != "" {
		text += " If you change your mind, write to us at " + at + "."
	}
	return s.notice(w, http.StatusOK, "We never write to you again", []string{text}, readInsights)
}

func (s *site) readerHead(title string) templates.Head {
	h := s.head(title, "")
	h.NoIndex = true
	return h
}

func (s *site) preferencesPath(sub subscribers.Subscriber) string {
	return "/preferences/" + s.Registry.Token(subscribers.PreferencesToken, sub)
}

// dayOf is a day in the site's zone, in words.
func (s *site) dayOf(t time.Time) string {
	if zone, err := time.LoadLocation(s.Site.TimeZone); err == nil {
		t = t.In(zone)
	}
	return t.Format("2 January 2006")
}

func (s *site) categoryNames(slugs []string) []string {
	var names []string
	for _, c := range s.Library().Categories() {
		if slices.Contains(slugs, c.Slug) {
			names = append(names, c.Name)
		}
	}
	return names
}
