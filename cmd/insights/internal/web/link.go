package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/scaledbydesign/insights/templates"
)

// linkForm asks for the address to which a fresh link is sent.
func (s *site) linkForm(w http.ResponseWriter, _ *http.Request) error {
	return s.showLink(w, http.StatusOK, templates.Form{})
}

func (s *site) showLink(w http.ResponseWriter, status int, form templates.Form) error {
	v := &templates.LinkPage{Head: s.readerHead("Get a fresh link"), Form: form}
	v.Form.Stamp = s.stamp(time.Now())
	if len(form.Errors) > 0 {
		v.Title = "Error: " + v.Title
	}
	return s.render(w, status, v)
}

// sendLink sends a fresh link to an address. Like that of a sign-up, its answer is the same
// for every address that is possible, and as quick.
func (s *site) sendLink(w http.ResponseWriter, r *http.Request) error {
	answerAt := time.Now().Add(signUpTakes)
	if err := parseForm(r); err != nil {
		return err
	}
	form := templates.Form{Email: field(r, "email", 320)}
	address, fault := readAddress(form.Email)
	if fault != "" {
		form.Errors = append(form.Errors, templates.FieldError{Field: "email", Message: fault})
	}
	if fault := s.machineFault(r); fault != "" {
		form.Errors = append(form.Errors, templates.FieldError{Message: fault})
	}
	if len(form.Errors) > 0 {
		return s.showLink(w, http.StatusUnprocessableEntity, form)
	}
	if err := s.Registry.SendLink(r.Context(), address, s.networks(r)); err != nil {
		return fmt.Errorf("send a link: %w", err)
	}
	waitUntil(r.Context(), answerAt)
	return s.showLinkSent(w, "If we keep anything of this address, we send it a link.")
}

// sendLinkTo sends one to the mailbox of whose preferences are open.
func (s *site) sendLinkTo(w http.ResponseWriter, r *http.Request) error {
	sub, sent, err := s.Registry.SendLinkTo(r.Context(), r.PathValue("token"), s.networks(r))
	switch {
	case err != nil:
		return fmt.Errorf("send a link: %w", err)
	case !sent:
		return s.notice(w, http.StatusTooManyRequests, "Please try again later", []string{
			"We sent an email to " + sub.Address.Masked() + " a short while ago, or several today. Look whether it has a link that still works, or try again in a quarter of an hour; if you have asked three times today, tomorrow.",
		}, templates.Link{Label: "Back to what you receive", URL: "/preferences/" + r.PathValue("token")})
	}
	return s.showLinkSent(w, "We send a link to "+sub.Address.Masked()+".")
}

func (s *site) showLinkSent(w http.ResponseWriter, what string) error {
	return s.notice(w, http.StatusAccepted, "Check your mailbox", []string{
		what + " It works for one hour.",
		"Nothing there after a few minutes? Look in your spam folder. We send a link once in a quarter of an hour at most; to an address that gets no digests, once a day.",
	}, readInsights)
}

// machineFault says why a form looks as if no person had sent it, or nothing.
func (s *site) machineFault(r *http.Request) string {
	if r.PostFormValue(trap) != "" {
		return "The field that should stay empty was filled in. Please send the form again."
	}
	return s.stampFault(r.PostFormValue("stamp"))
}
