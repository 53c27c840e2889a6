package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// What a reader can do instead of leaving, after it, or for good. Like leaving, none
// of it follows from looking.

// pauses are how long a reader can pause, in days.
var pauses = map[string]time.Duration{"30": 30 * 24 * time.Hour, "90": 90 * 24 * time.Hour, "0": 0}

// undo takes back an unsubscription.
func (s *site) undo(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	if _, err := s.Registry.Undo(r.Context(), token); err != nil {
		return fmt.Errorf("undo unsubscription: %w", err)
	}
	return s.showLess(w, "You are subscribed again", "Nothing is lost: what has appeared meanwhile comes with your next digest.")
}

// declinePage asks whoever got a confirmation that they did not ask for.
func (s *site) declinePage(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	sub, err := s.Registry.Lookup(r.Context(), subscribers.DeclineToken, token)
	if err != nil {
		return fmt.Errorf("look up what is declined: %w", err)
	}
	if sub.Status != subscribers.Pending {
		return s.showDeclined(w, r, sub)
	}
	return s.render(w, http.StatusOK, &templates.DeclinePage{
		Head: s.readerHead("Never write to this address?"), Action: "/decline/" + token, Email: sub.Address.Masked(),
	})
}

// decline keeps all mail from an address that others entered.
func (s *site) decline(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.Registry.Decline(r.Context(), r.PathValue("token"))
	if err != nil {
		return fmt.Errorf("decline all mail: %w", err)
	}
	return s.showDeclined(w, r, sub)
}

// showDeclined says how it is now. Who has confirmed meanwhile can unsubscribe.
func (s *site) showDeclined(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	if sub.Status != subscribers.Suppressed {
		http.Redirect(w, r, "/unsubscribe/"+s.Registry.Token(subscribers.UnsubscribeToken, sub), http.StatusSeeOther)
		return nil
	}
	return s.render(w, http.StatusOK, &templates.NoticePage{
		Head: s.readerHead("We never write to you again"), Heading: "We never write to you again",
		Paragraphs: []string{sub.Address.Masked() + " gets no mail from here any more, whoever enters it. If you change your mind, ask us to take it back."},
		Links:      []templates.Link{{Label: "Read insights", URL: "/"}},
	})
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
		cadence = subscribers.Cadence(choice)
	case "pause":
		until = time.Now().Add(pauses["30"])
	default:
		return statusError(http.StatusBadRequest)
	}
	if _, err := s.Registry.Less(r.Context(), r.PathValue("token"), cadence, until); err != nil {
		return fmt.Errorf("less mail: %w", err)
	}
	if cadence != "" {
		return s.showLess(w, "Less mail from now on", fmt.Sprintf("We write to you once a %s from now on.", strings.TrimSuffix(string(cadence), "ly")))
	}
	return s.showLess(w, "Paused", "We write to you again from "+s.dayOf(until)+". What appears until then comes with your first digest after it.")
}

// showLess leads to no page of preferences: whoever holds a link to unsubscribe, which
// stands in headers, too, must not get further by it.
func (s *site) showLess(w http.ResponseWriter, heading, text string) error {
	page := &templates.NoticePage{
		Head: s.readerHead(heading), Heading: heading, Paragraphs: []string{text, "To change more, follow the link to your preferences in any of our mails."},
		Links: []templates.Link{{Label: "Read insights", URL: "/"}},
	}
	return s.render(w, http.StatusOK, page)
}

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

// move asks for a confirmation at a new address.
func (s *site) move(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	back := templates.Link{Label: "Back to what you receive", URL: "/preferences/" + token}
	return s.askToMove(w, r, s.Registry.Move, []templates.Link{back}, func(fault templates.FieldError) error {
		sub, err := s.Registry.Lookup(r.Context(), subscribers.PreferencesToken, token)
		if err != nil {
			return fmt.Errorf("look up preferences: %w", err)
		}
		form := templates.Form{Cadence: sub.Cadence, Categories: s.chosen(sub), Errors: []templates.FieldError{fault}}
		return s.showPreferences(w, r, http.StatusUnprocessableEntity, sub, form, false)
	})
}

// askToMove has the form's address asked for a confirmation, by ask, or shows what is
// wrong with it. Like that of a sign-up, its answer says nothing of the address.
func (s *site) askToMove(w http.ResponseWriter, r *http.Request, ask func(ctx context.Context, token string, to subscribers.Address, client string) (subscribers.Subscriber, error),
	links []templates.Link, refuse func(templates.FieldError) error) error {
	answerAt := time.Now().Add(signUpTakes)
	if err := parseForm(r); err != nil {
		return err
	}
	to, err := subscribers.ParseAddress(field(r, "email", 320))
	if err != nil {
		return refuse(templates.FieldError{Field: "email", Message: "Enter the e-mail address that you want your digests at."})
	}
	switch _, err := ask(r.Context(), r.PathValue("token"), to, s.client(r)); {
	case errors.Is(err, subscribers.ErrDomain):
		return refuse(domainRefused)
	case err != nil:
		return fmt.Errorf("change address: %w", err)
	}
	waitUntil(r.Context(), answerAt)
	return s.render(w, http.StatusAccepted, &templates.NoticePage{
		Head: s.readerHead("Check the other mailbox"), Heading: "Check the other mailbox",
		Paragraphs: []string{
			"We have sent a mail with a link to the new address. Open it there and press the button: from then on your digests go to it.",
			"Until then they come as before. What you have received counts, wherever you received it.",
		},
		Links: append(links, templates.Link{Label: "Read insights", URL: "/"}),
	})
}

// movedPage is for whoever reads a mailbox that a subscription has left, perhaps not
// by their will.
func (s *site) movedPage(w http.ResponseWriter, r *http.Request) error {
	return s.showMoved(w, r, http.StatusOK)
}

func (s *site) showMoved(w http.ResponseWriter, r *http.Request, status int, faults ...templates.FieldError) error {
	token := r.PathValue("token")
	sub, err := s.Registry.Lookup(r.Context(), subscribers.ReturnToken, token)
	if err != nil {
		return fmt.Errorf("look up the way back: %w", err)
	}
	return s.render(w, status, &templates.MovedPage{
		Head: s.readerHead("Take your digests back"), Email: sub.Address.Masked(),
		Form:        templates.Form{Action: "/moved/" + token, Errors: faults},
		Unsubscribe: "/unsubscribe/" + s.Registry.Token(subscribers.UnsubscribeToken, sub),
	})
}

// callBack asks for a confirmation at the address that digests are to go to again.
func (s *site) callBack(w http.ResponseWriter, r *http.Request) error {
	return s.askToMove(w, r, s.Registry.Return, nil, func(fault templates.FieldError) error {
		return s.showMoved(w, r, http.StatusUnprocessableEntity, fault)
	})
}

// ownDataJSON is what is kept of a reader, for them to keep.
type ownDataJSON struct {
	Email          string      `json:"email"`
	NewEmail       string      `json:"new_email,omitempty"` // where they asked to move
	Name           string      `json:"name"`
	Status         string      `json:"status"`
	Cadence        string      `json:"cadence"`
	Categories     []string    `json:"categories"`
	Source         string      `json:"source"`
	CreatedAt      *time.Time  `json:"created_at"`
	ConfirmedAt    *time.Time  `json:"confirmed_at"`
	UnsubscribedAt *time.Time  `json:"unsubscribed_at"`
	PausedUntil    *time.Time  `json:"paused_until"`
	History        []eventJSON `json:"history"`
	Mails          []mailJSON  `json:"mails"`
	CameBack       []backJSON  `json:"came_back"`
}

type eventJSON struct {
	At      time.Time `json:"at"`
	What    string    `json:"what"`
	Source  string    `json:"source"`
	Client  string    `json:"client_hash,omitempty"`
	Version string    `json:"form_version,omitempty"`
	Detail  string    `json:"detail,omitempty"`
}

type mailJSON struct {
	At        time.Time `json:"at"` // when its state last changed
	Kind      string    `json:"kind"`
	Digest    int64     `json:"digest,omitempty"`
	To        string    `json:"to"`
	State     string    `json:"state"`
	Answer    string    `json:"answer,omitempty"` // of the mail server, or why it was not sent
	MessageID string    `json:"message_id,omitempty"`
}

type backJSON struct {
	At     time.Time `json:"at"`
	Class  string    `json:"class"`
	Status string    `json:"status,omitempty"` // RFC 3463
	Text   string    `json:"text,omitempty"`
}

// data gives a reader what is kept of them.
func (s *site) data(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.Registry.Lookup(r.Context(), subscribers.PreferencesToken, r.PathValue("token"))
	if err != nil {
		return fmt.Errorf("look up data: %w", err)
	}
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	own := ownDataJSON{
		Email: sub.Address.String(), NewEmail: sub.NewAddress.String(), Name: sub.Name, Status: string(sub.Status), Cadence: string(sub.Cadence), Categories: sub.Categories, Source: sub.Source,
		CreatedAt: at(sub.CreatedAt), ConfirmedAt: at(sub.ConfirmedAt), UnsubscribedAt: at(sub.UnsubscribedAt), PausedUntil: at(sub.PausedUntil),
		History: []eventJSON{},
	}
	for e, err := range s.Registry.Store.History(r.Context(), sub.ID) {
		if err != nil {
			return fmt.Errorf("read history: %w", err)
		}
		own.History = append(own.History, eventJSON{e.At, e.What, e.Source, e.Client, e.Version, e.Detail})
	}
	if own.Mails, own.CameBack, err = s.mailsOf(r.Context(), sub.ID); err != nil {
		return fmt.Errorf("read mails: %w", err)
	}
	w.Header().Set("Content-Disposition", `attachment; filename="insights-data.json"`)
	return writeJSON(w, http.StatusOK, own)
}

func (s *site) mailsOf(ctx context.Context, subscriber int64) ([]mailJSON, []backJSON, error) {
	mails, back := []mailJSON{}, []backJSON{}
	if s.Mails == nil {
		return mails, back, nil
	}
	all, err := s.Mails.MailsOf(ctx, subscriber)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range all {
		mails = append(mails, mailJSON{m.UpdatedAt, string(m.Kind), m.Ref.Digest, m.Email, string(m.State), string(m.Reason), m.MessageID})
	}
	bounces, err := s.Mails.BouncesOf(ctx, subscriber)
	for _, b := range bounces {
		back = append(back, backJSON{b.At, string(b.Class), b.Status, b.Text})
	}
	return mails, back, err
}

// erasePage asks for the press of a button.
func (s *site) erasePage(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	sub, err := s.Registry.Lookup(r.Context(), subscribers.PreferencesToken, token)
	if err != nil {
		return fmt.Errorf("look up erasure: %w", err)
	}
	return s.render(w, http.StatusOK, &templates.ErasePage{
		Head: s.readerHead("Erase my data"), Action: "/preferences/" + token + "/erase",
		Back: "/preferences/" + token, Email: sub.Address.Masked(),
	})
}

// erase forgets a reader. Their link is worth nothing afterwards.
func (s *site) erase(w http.ResponseWriter, r *http.Request) error {
	switch err := s.Registry.ForgetBy(r.Context(), r.PathValue("token")); {
	case errors.Is(err, subscribers.ErrTraces): // which are gone with what is written next
		s.Log.WarnContext(r.Context(), "a reader is erased, traces of them not yet", "error", err)
	case err != nil:
		return fmt.Errorf("erase: %w", err)
	}
	return s.render(w, http.StatusOK, &templates.NoticePage{
		Head: s.readerHead("Your data is erased"), Heading: "Your data is erased",
		Paragraphs: []string{
			"Your address and all that went with it is gone, and no more mail is sent to it.",
			"What is kept is a number worked out from your address, so that nobody else can sign you up again by an old list. Nobody can read your address out of it.",
		},
		Links: []templates.Link{{Label: "Read insights", URL: "/"}, {Label: "Follow by feed", URL: "/feeds"}},
	})
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
