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
// page posts nothing.
func (s *site) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	// A body that can't be read is no reason to go on sending.
	oneClick := parseForm(r) == nil && r.PostFormValue("List-Unsubscribe") == "One-Click"
	source := "link"
	if oneClick {
		source = "one_click"
	}
	sub, err := s.Registry.Unsubscribe(r.Context(), r.PathValue("token"), source)
	if err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	if oneClick {
		return plain(w, http.StatusOK, "You are unsubscribed.")
	}
	return s.unsubscribePage(w, r, sub)
}

func (s *site) unsubscribePage(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	v := &templates.UnsubscribePage{
		Head: s.readerHead("Unsubscribe"), Action: r.URL.Path, Email: sub.Address.Masked(),
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
