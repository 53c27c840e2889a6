package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

func (s *site) preferencesPage(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	form := templates.Form{Cadence: sub.Cadence, Categories: s.chosen(sub)}
	return s.showPreferences(w, r, http.StatusOK, sub, form, false)
}

func (s *site) preferences(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	sub, err := s.lookup(r, subscribers.PreferencesToken)
	if err != nil {
		return err
	}
	form := s.readForm(r, sub.Cadence)
	if len(form.Errors) > 0 {
		return s.showPreferences(w, r, http.StatusUnprocessableEntity, sub, form, false)
	}
	sub, err = s.Registry.Prefer(r.Context(), r.PathValue("token"), subscribers.Preferences{Cadence: form.Cadence, Categories: form.Chosen()})
	if err != nil {
		return fmt.Errorf("save preferences: %w", err)
	}
	form.Cadence, form.Categories = sub.Cadence, s.chosen(sub)
	return s.showPreferences(w, r, http.StatusOK, sub, form, true)
}

func (s *site) showPreferences(w http.ResponseWriter, r *http.Request, status int, sub subscribers.Subscriber, form templates.Form, saved bool) error {
	form.Action = "/preferences/" + r.PathValue("token")
	form.Cadences = s.cadences(sub.Cadence)
	page := &templates.PreferencesPage{
		Head: s.readerHead("What you receive"), Email: sub.Address.Masked(), Form: form, Saved: saved,
		Unsubscribe: "/unsubscribe/" + s.Registry.Token(subscribers.UnsubscribeToken, sub), Link: form.Action + "/link",
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

// pauses are how long a reader can pause, in days.
var pauses = map[string]time.Duration{"30": 30 * 24 * time.Hour, "90": 90 * 24 * time.Hour, "0": 0}

// pause keeps digests back for some days; 0 ends it.
func (s *site) pause(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	length, ok := pauses[r.PostFormValue("days")]
	if !ok {
		return statusError(http.StatusBadRequest)
	}
	var until time.Time
	if length > 0 {
		until = time.Now().Add(length)
	}
	sub, err := s.Registry.Pause(r.Context(), r.PathValue("token"), until)
	if err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return s.showPreferences(w, r, http.StatusOK, sub, templates.Form{Cadence: sub.Cadence, Categories: s.chosen(sub)}, true)
}

// less is what the page that unsubscribes offers instead.
func (s *site) less(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	var cadence subscribers.Cadence
	var until time.Time
	switch choice := r.PostFormValue("instead"); choice {
	case "weekly", "monthly":
		if cadence = subscribers.Cadence(choice); !slices.Contains(s.Cadences, cadence) {
			return statusError(http.StatusBadRequest)
		}
	case "pause":
		until = time.Now().Add(pauses["30"])
	default:
		return statusError(http.StatusBadRequest)
	}
	if _, err := s.Registry.Less(r.Context(), r.PathValue("token"), cadence, until); err != nil {
		return fmt.Errorf("less mail: %w", err)
	}
	if cadence != "" {
		return s.showLess(w, "Fewer emails from now on", fmt.Sprintf("We write to you once a %s from now on.", strings.TrimSuffix(string(cadence), "ly")))
	}
	return s.showLess(w, "Paused", "We write to you again from "+s.dayOf(until)+". What appears until then comes with your first digest after it.")
}

// showLess does not link to the preferences: a person with a link to unsubscribe, which
// is also in headers, must not get further by it.
func (s *site) showLess(w http.ResponseWriter, heading, text string) error {
	return s.notice(w, http.StatusOK, heading, []string{text, "To change more, follow the link to your preferences in our latest email."}, readInsights)
}
