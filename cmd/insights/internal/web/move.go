package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// move asks for a confirmation at a new address.
func (s *site) move(w http.ResponseWriter, r *http.Request) error {
	back := templates.Link{Label: "Back to your data", URL: "/yours/" + r.PathValue("token")}
	return s.askToMove(w, r, s.Registry.Move, []templates.Link{back}, func(fault templates.FieldError) error {
		sub, err := s.lookup(r, subscribers.FreshToken)
		if err != nil {
			return err
		}
		return s.showYours(w, r, http.StatusUnprocessableEntity, sub, fault)
	})
}

// askToMove has the form's address asked for a confirmation, by ask, or shows what is
// wrong with it. Like that of a sign-up, its answer says nothing of the address.
func (s *site) askToMove(w http.ResponseWriter, r *http.Request, ask func(ctx context.Context, token string, to subscribers.Address, by subscribers.Asker) (subscribers.Subscriber, error),
	links []templates.Link, refuse func(templates.FieldError) error) error {
	answerAt := time.Now().Add(signUpTakes)
	if err := parseForm(r); err != nil {
		return err
	}
	to, fault := readAddress(field(r, "email", 320))
	if fault != "" {
		return refuse(templates.FieldError{Field: "email", Message: fault})
	}
	switch _, err := ask(r.Context(), r.PathValue("token"), to, s.networks(r)); {
	case errors.Is(err, subscribers.ErrDomain):
		return refuse(domainRefused)
	case errors.Is(err, subscribers.ErrOwnAddress):
		return refuse(templates.FieldError{Field: "email", Message: "That is the address that your digests go to already."})
	case err != nil:
		return fmt.Errorf("change address: %w", err)
	}
	waitUntil(r.Context(), answerAt)
	return s.notice(w, http.StatusAccepted, "Check the other mailbox", []string{
		"If the new address can be written to, we send it a link to confirm. Open it there and press the button: from then on your digests go to it.",
		"You can ask for such an email three times a day, once in a quarter of an hour. Is the address not the right one? Ask again then.",
		"Until then they come as before. What you have received counts, wherever you received it.",
	}, append(links, readInsights)...)
}

// movedPage is for a person who reads the mailbox that a subscription has left, perhaps not
// by their will.
func (s *site) movedPage(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	return s.showMoved(w, r, http.StatusOK, sub)
}

func (s *site) showMoved(w http.ResponseWriter, r *http.Request, status int, sub subscribers.Subscriber, faults ...templates.FieldError) error {
	return s.render(w, status, &templates.MovedPage{
		Head: s.readerHead("Take your digests back"), Email: sub.Address.Masked(),
		Form:        templates.Form{Action: r.URL.Path, Errors: faults},
		Unsubscribe: "/unsubscribe/" + s.Registry.Token(subscribers.UnsubscribeToken, sub),
	})
}

// callBack asks for a confirmation at the address that digests are to go to again.
func (s *site) callBack(w http.ResponseWriter, r *http.Request) error {
	return s.askToMove(w, r, s.Registry.Return, nil, func(fault templates.FieldError) error {
		sub, err := s.lookup(r, subscribers.ReturnToken)
		if err != nil {
			return err
		}
		return s.showMoved(w, r, http.StatusUnprocessableEntity, sub, fault)
	})
}
