package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// unsubscribe ends all emails at once. A mailbox provider posts
// List-Unsubscribe=One-Click in either encoding (RFC 8058); the button on the
// page posts nothing, and its answer alone can take it back.
func (s *site) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	// A body that can't be read is no reason to go on sending.
	if parseForm(r) == nil && r.PostFormValue("List-Unsubscribe") == "One-Click" {
		if _, err := s.Registry.Unsubscribe(r.Context(), r.PathValue("token"), "one_click"); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
		return plain(w, http.StatusOK, "You are unsubscribed.")
	}
	sub, undo, err := s.Registry.Leave(r.Context(), r.PathValue("token"))
	if err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	if undo != "" {
		undo = "/undo/" + undo
	}
	return s.showUnsubscribe(w, r, sub, undo)
}

func (s *site) unsubscribePage(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	return s.showUnsubscribe(w, r, sub, "")
}

func (s *site) showUnsubscribe(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber, undo string) error {
	v := &templates.UnsubscribePage{
		Head: s.readerHead("Unsubscribe"), Action: r.URL.Path, Email: sub.Address.Masked(), Undo: undo,
		Done: sub.Status == subscribers.Unsubscribed || sub.Status == subscribers.Suppressed,
	}
	switch {
	case v.Done:
		v.Title = "You are unsubscribed"
		if undo == "" && sub.CanBeUndone(time.Now()) {
			v.Stay = v.Action
		}
	case sub.Status == subscribers.Confirmed:
		v.Less = v.Action + "/less"
		v.Weekly = (sub.Cadence == subscribers.Instant || sub.Cadence == subscribers.Daily) && slices.Contains(s.Cadences, subscribers.Weekly)
		v.Monthly = sub.Cadence != subscribers.Monthly && slices.Contains(s.Cadences, subscribers.Monthly)
		v.Pause = sub.PausedUntil.Before(time.Now())
	}
	return s.render(w, http.StatusOK, v)
}

// undo takes back an unsubscription.
func (s *site) undo(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Registry.Undo(r.Context(), r.PathValue("token")); err != nil {
		return fmt.Errorf("undo unsubscription: %w", err)
	}
	return s.showLess(w, "You are subscribed again", "Nothing is lost: what has appeared meanwhile comes with your next digest.")
}
