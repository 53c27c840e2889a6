package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// The pages behind the links in a mail. GET, which mail scanners send for every
// link, only ever shows a button.

func (s *site) readerHead(title string) templates.Head {
	h := s.head(title, "")
	h.NoIndex = true
	return h
}

func (s *site) confirmPage(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	sub, err := s.Registry.Lookup(r.Context(), subscribers.ConfirmToken, token)
	if err != nil {
		return fmt.Errorf("look up confirmation: %w", err)
	}
	switch sub.Status {
	case subscribers.Confirmed:
		if sub.Mailbox() == sub.Address { // it is no new address that waits
			return s.showConfirmed(w, sub)
		}
	case subscribers.Suppressed:
		return subscribers.ErrSuppressed
	case subscribers.Unsubscribed: // a link from before they said no
		return subscribers.ErrExpired
	}
	return s.render(w, http.StatusOK, &templates.ConfirmPage{
		Head: s.readerHead("Confirm your subscription"), Action: "/confirm/" + token,
		Email: sub.Mailbox().Masked(), Cadence: sub.Cadence, Categories: s.categoryNames(sub.Categories),
	})
}

func (s *site) confirm(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.Registry.Confirm(r.Context(), r.PathValue("token"), s.client(r))
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return s.showConfirmed(w, sub)
}

func (s *site) showConfirmed(w http.ResponseWriter, sub subscribers.Subscriber) error {
	return s.render(w, http.StatusOK, &templates.ConfirmedPage{
		Head: s.readerHead("You are subscribed"), Cadence: sub.Cadence, Categories: s.categoryNames(sub.Categories),
		Preferences: s.preferencesPath(sub),
	})
}

func (s *site) unsubscribePage(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	sub, err := s.Registry.Lookup(r.Context(), subscribers.UnsubscribeToken, token)
	if err != nil {
		return fmt.Errorf("look up unsubscription: %w", err)
	}
	return s.showUnsubscribe(w, sub, token)
}

// unsubscribe ends all mail at once. A mailbox provider posts
// List-Unsubscribe=One-Click in either encoding (RFC 8058); the button on the
// page posts nothing.
func (s *site) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	// A body that can't be read is no reason to go on sending.
	oneClick := parseForm(r) == nil && r.PostFormValue("List-Unsubscribe") == "One-Click"
	source := "link"
	if oneClick {
		source = "one_click"
	}
	token := r.PathValue("token")
	sub, err := s.Registry.Unsubscribe(r.Context(), token, source)
	if err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	if oneClick {
		return plain(w, http.StatusOK, "You are unsubscribed.\n")
	}
	return s.showUnsubscribe(w, sub, token)
}

func (s *site) showUnsubscribe(w http.ResponseWriter, sub subscribers.Subscriber, token string) error {
	v := &templates.UnsubscribePage{
		Head: s.readerHead("Unsubscribe"), Action: "/unsubscribe/" + token, Email: sub.Address.Masked(),
		Done: sub.Status == subscribers.Unsubscribed || sub.Status == subscribers.Suppressed,
	}
	switch {
	case v.Done:
		v.Title = "You are unsubscribed"
		if sub.CanUndo(time.Now()) {
			v.Undo = v.Action + "/undo"
		}
	case sub.Status == subscribers.Confirmed:
		v.Less = v.Action + "/less"
		v.Weekly = sub.Cadence == subscribers.Instant || sub.Cadence == subscribers.Daily
		v.Monthly = sub.Cadence != subscribers.Monthly
		v.Pause = sub.PausedUntil.Before(time.Now())
	}
	return s.render(w, http.StatusOK, v)
}

func (s *site) preferencesPage(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.Registry.Lookup(r.Context(), subscribers.PreferencesToken, r.PathValue("token"))
	if err != nil {
		return fmt.Errorf("look up preferences: %w", err)
	}
	if sub.Status != subscribers.Confirmed {
		return s.showNoDigests(w, http.StatusOK, sub, r.PathValue("token"))
	}
	form := templates.Form{Cadence: sub.Cadence, Categories: s.chosen(sub)}
	return s.showPreferences(w, r, http.StatusOK, sub, form, false)
}

// showNoDigests is what stands where preferences were, for one who gets none: what is
// kept of them is still theirs.
func (s *site) showNoDigests(w http.ResponseWriter, status int, sub subscribers.Subscriber, token string) error {
	path := "/preferences/" + token
	return s.render(w, status, &templates.NoticePage{
		Head: s.readerHead("You get no digests"), Heading: "You get no digests",
		Paragraphs: []string{"No digests go to " + sub.Address.Masked() + ". You can subscribe again, take what is kept of you with you, or have it erased."},
		Links: []templates.Link{
			{Label: "Subscribe again", URL: "/subscribe"}, {Label: "Your data", URL: path + "/data"}, {Label: "Erase everything", URL: path + "/erase"},
		},
	})
}

func (s *site) preferences(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	token := r.PathValue("token")
	sub, err := s.Registry.Lookup(r.Context(), subscribers.PreferencesToken, token)
	if err != nil {
		return fmt.Errorf("look up preferences: %w", err)
	}
	if sub.Status != subscribers.Confirmed { // they left while the page was open
		return s.showNoDigests(w, http.StatusGone, sub, token)
	}
	form := s.readForm(r)
	if len(form.Errors) > 0 {
		return s.showPreferences(w, r, http.StatusUnprocessableEntity, sub, form, false)
	}
	sub, err = s.Registry.Prefer(r.Context(), token, subscribers.Preferences{Cadence: form.Cadence, Categories: form.Chosen()})
	if err != nil {
		return fmt.Errorf("save preferences: %w", err)
	}
	form.Cadence, form.Categories = sub.Cadence, s.chosen(sub)
	return s.showPreferences(w, r, http.StatusOK, sub, form, true)
}

func (s *site) showPreferences(w http.ResponseWriter, r *http.Request, status int, sub subscribers.Subscriber, form templates.Form, saved bool) error {
	form.Action = "/preferences/" + r.PathValue("token")
	page := &templates.PreferencesPage{
		Head: s.readerHead("What you receive"), Email: sub.Address.Masked(), Form: form, Saved: saved,
		Unsubscribe: "/unsubscribe/" + s.Registry.Token(subscribers.UnsubscribeToken, sub),
	}
	if sub.PausedUntil.After(time.Now()) {
		page.PausedUntil = s.dayOf(sub.PausedUntil)
	}
	return s.render(w, status, page)
}

// chosen are the categories with a subscriber's choice.
func (s *site) chosen(sub subscribers.Subscriber) []templates.Choice {
	return s.choices(func(slug string) bool { return slices.Contains(sub.Categories, slug) })
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
