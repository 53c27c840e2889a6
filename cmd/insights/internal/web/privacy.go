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
	Asked          []askedJSON `json:"asked_to_confirm"`
	History        []eventJSON `json:"history"`
	Mails          []mailJSON  `json:"mails"`
	CameBack       []backJSON  `json:"came_back"`
}

// askedJSON is what an email asked to confirm.
type askedJSON struct {
	Email      string    `json:"email"`
	Name       string    `json:"name"`
	Cadence    string    `json:"cadence"`
	Categories []string  `json:"categories"`
	ExpiresAt  time.Time `json:"expires_at"`
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

// yoursPage shows a reader what they can do with what is kept of them.
func (s *site) yoursPage(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	return s.showYours(w, r, http.StatusOK, sub)
}

func (s *site) showYours(w http.ResponseWriter, r *http.Request, status int, sub subscribers.Subscriber, faults ...templates.FieldError) error {
	v := &templates.YoursPage{
		Head: s.readerHead("Your data"), Email: sub.Address.Masked(), Subscribed: sub.Status == subscribers.Confirmed,
		Form: templates.Form{Action: "/yours/" + r.PathValue("token"), Errors: faults},
	}
	if v.Subscribed {
		v.Preferences = s.preferencesPath(sub)
		v.Unsubscribe = "/unsubscribe/" + s.Registry.Token(subscribers.UnsubscribeToken, sub)
	}
	return s.render(w, status, v)
}

// data gives a reader what is kept of them.
func (s *site) data(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	own := ownDataJSON{
		Email: sub.Address.String(), NewEmail: sub.NewAddress.String(), Name: sub.Name, Status: string(sub.Status), Cadence: string(sub.Cadence), Categories: sub.Categories, Source: sub.Source,
		CreatedAt: at(sub.CreatedAt), ConfirmedAt: at(sub.ConfirmedAt), UnsubscribedAt: at(sub.UnsubscribedAt), PausedUntil: at(sub.PausedUntil),
		Asked: []askedJSON{}, History: []eventJSON{}, Mails: []mailJSON{}, CameBack: []backJSON{},
	}
	for _, c := range sub.Confirmations {
		own.Asked = append(own.Asked, askedJSON{c.To.String(), c.Name, string(c.Cadence), c.Categories, c.Expires})
	}
	for e, err := range s.Registry.Store.History(r.Context(), sub.ID) {
		if err != nil {
			return fmt.Errorf("read history: %w", err)
		}
		own.History = append(own.History, eventJSON{e.At, e.What, e.Source, e.Client, e.Version, e.Detail})
	}
	if s.Mails != nil {
		if err := s.addMails(r.Context(), &own, sub.ID); err != nil {
			return fmt.Errorf("read emails: %w", err)
		}
	}
	w.Header().Set("Content-Disposition", `attachment; filename="insights-data.json"`)
	return writeJSON(w, http.StatusOK, own)
}

func (s *site) addMails(ctx context.Context, own *ownDataJSON, subscriber int64) error {
	mails, err := s.Mails.MailsOf(ctx, subscriber)
	if err != nil {
		return err
	}
	for _, m := range mails {
		own.Mails = append(own.Mails, mailJSON{m.UpdatedAt, string(m.Kind), m.Ref.Digest, m.Email, string(m.State), string(m.Reason), m.MessageID})
	}
	bounces, err := s.Mails.BouncesOf(ctx, subscriber)
	for _, b := range bounces {
		own.CameBack = append(own.CameBack, backJSON{b.At, string(b.Class), b.Status, b.Text})
	}
	return err
}

// erasePage asks for the press of a button.
func (s *site) erasePage(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	return s.render(w, http.StatusOK, &templates.ErasePage{
		Head: s.readerHead("Erase my data"), Action: r.URL.Path, Back: strings.TrimSuffix(r.URL.Path, "/erase"), Email: sub.Address.Masked(),
	})
}

// erase forgets a reader. Their link is worth nothing afterwards.
func (s *site) erase(w http.ResponseWriter, r *http.Request) error {
	switch err := s.Registry.ForgetBy(r.Context(), r.PathValue("token")); {
	case errors.Is(err, subscribers.ErrTraces): // which are gone with what is written next
		s.Log.WarnContext(r.Context(), "subscriber erased, but the SQLite WAL could not be truncated yet", "error", err)
	case err != nil:
		return fmt.Errorf("erase: %w", err)
	}
	return s.notice(w, http.StatusOK, "Your data is erased", []string{
		"Your address and all that went with it is gone, and no more emails are sent to it.",
		"What is kept is a number worked out from your address, so that nobody else can sign you up again by an old list. Nobody can read your address out of it.",
	}, readInsights, templates.Link{Label: "Follow by feed", URL: "/feeds"})
}
