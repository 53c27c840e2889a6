package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// trap is the field that people don't see. Programs fill it in.
const trap = "website"

// subscribeForm shows the form. /subscribe?category=architecture chooses that
// category alone, else all are chosen; ?cadence=daily chooses how often.
func (s *site) subscribeForm(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	wanted := query["category"]
	known := slices.ContainsFunc(wanted, func(slug string) bool { return slices.Contains(s.Registry.Categories, slug) })
	form := templates.Form{
		Cadence:    s.usualCadence(),
		Cadences:   s.cadences(""),
		Categories: s.choices(func(slug string) bool { return !known || slices.Contains(wanted, slug) }),
	}
	if c := subscribers.Cadence(query.Get("cadence")); slices.Contains(form.Cadences, c) {
		form.Cadence = c
	}
	// Unlike the other pages about a reader this one should be found.
	w.Header().Del("X-Robots-Tag")
	return s.showSubscribe(w, http.StatusOK, form)
}

func (s *site) showSubscribe(w http.ResponseWriter, status int, form templates.Form) error {
	v := &templates.SubscribePage{Head: s.head("Subscribe by email", "/subscribe"), Form: form}
	v.Description = "Insights in your mailbox: the categories you choose, as often as you choose."
	v.Form.Stamp = s.stamp(time.Now())
	if len(form.Errors) > 0 {
		v.Title = "Error: " + v.Title // the first thing a screen reader says
	}
	return s.render(w, status, v)
}

// signUpTakes is how long the answer to a sign-up takes, whatever is done for it: what
// is known of an address must not show in the time either.
const signUpTakes = 250 * time.Millisecond

// subscribe takes a sign-up. Its answer is the same for every address that is possible,
// and as quick, so that it tells nobody who is subscribed. That an address can't exist
// tells nothing of the kind.
func (s *site) subscribe(w http.ResponseWriter, r *http.Request) error {
	answerAt := time.Now().Add(signUpTakes)
	s.shareWith(w, r)
	read, show := parseForm, s.showSubscribe
	if isJSON(r) {
		read, show = s.parseJSON, showFaults
	}
	if err := read(r); err != nil {
		return err
	}
	form := s.readForm(r, "")
	if fault := nameFault(form.Name); fault != "" {
		form.Errors = append([]templates.FieldError{{Field: "name", Message: fault}}, form.Errors...)
	}
	address, fault := readAddress(form.Email)
	if fault != "" {
		form.Errors = append([]templates.FieldError{{Field: "email", Message: fault}}, form.Errors...)
	}
	if r.PostFormValue(trap) != "" {
		form.Errors = append(form.Errors, templates.FieldError{Message: "The field that should stay empty was filled in. Please send the form again."})
	} else if isJSON(r) && !s.fromTrusted(r) && r.PostFormValue("stamp") == "" {
		form.Errors = append(form.Errors, templates.FieldError{Message: "The request has no Origin header that trusted_origins lists: programs send one, too."})
	} else if fault := s.stampFault(r.PostFormValue("stamp")); fault != "" && !s.fromTrusted(r) {
		form.Errors = append(form.Errors, templates.FieldError{Message: fault})
	}
	if len(form.Errors) > 0 {
		return show(w, http.StatusUnprocessableEntity, form)
	}
	switch err := s.signUp(r, address, form); {
	case errors.Is(err, subscribers.ErrDomain):
		form.Errors = []templates.FieldError{domainRefused}
		return show(w, http.StatusUnprocessableEntity, form)
	case err != nil:
		return err
	}
	answer, late, err := s.signedUp(r)
	if err != nil {
		return err
	}
	missing := "Nothing there after a few minutes?"
	if late {
		missing = "Nothing there by then?"
	}
	waitUntil(r.Context(), answerAt)
	if isJSON(r) {
		return writeJSON(w, http.StatusAccepted, map[string]string{"status": answer})
	}
	return s.render(w, http.StatusAccepted, &templates.NoticePage{
		Head:    s.head("Check your mailbox", ""),
		Heading: "Check your mailbox",
		Paragraphs: []string{
			answer,
			"Open the link and press the button: only then are you subscribed.",
			missing + " Look in your spam folder, and check the address for a slip. We send another email to the same address after a quarter of an hour at the earliest.",
		},
		Links: []templates.Link{{Label: "Read insights", URL: "/"}, {Label: "Sign up again", URL: "/subscribe"}},
	})
}

// signedUp is what is said of a sign-up that was taken: nothing of its address, not even
// that an email was sent. late: it says when at the latest.
func (s *site) signedUp(r *http.Request) (answer string, late bool, err error) {
	delay, err := s.Registry.Delay(r.Context(), s.networks(r))
	if err != nil {
		return "", false, fmt.Errorf("sign up: %w", err)
	}
	answer = "If this address can be subscribed, we send it a link to confirm."
	if late = delay > 0; late {
		answer += " Many people are signing up right now: this may take up to " + upTo(delay) + "."
	}
	return answer, late, nil
}

// upTo rounds a delay up to what people say.
func upTo(d time.Duration) string {
	minutes := max(1, int((d+time.Minute-1)/time.Minute))
	for _, step := range []int{1, 2, 5, 10, 15, 20, 30, 45, 60} {
		if minutes <= step {
			if step == 1 {
				return "1 minute"
			}
			return fmt.Sprintf("%d minutes", step)
		}
	}
	return fmt.Sprintf("%d hours", (minutes+59)/60)
}

var domainRefused = templates.FieldError{Field: "email", Message: "We do not write to addresses at that domain. Please use another address."}

// waitUntil waits for a time, or until nobody waits for the answer any more.
func waitUntil(ctx context.Context, t time.Time) {
	select {
	case <-time.After(time.Until(t)):
	case <-ctx.Done():
	}
}

func (s *site) signUp(r *http.Request, address subscribers.Address, form templates.Form) error {
	source := "form"
	if s.fromTrusted(r) {
		source = r.Header.Get("Origin")
	}
	err := s.Registry.SignUp(r.Context(), subscribers.SignUp{
		Address: address, Name: form.Name, Source: source, Asker: s.networks(r),
		Preferences: subscribers.Preferences{Cadence: form.Cadence, Categories: form.Chosen()},
	})
	if err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	return nil
}
