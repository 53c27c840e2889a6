package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
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
	// After these come, each a list as long as it is: "history" (eventJSON), "emails"
	// (eemailJSON) and "came_back" (backJSON).
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

type emailJSON struct {
	At        time.Time `json:"at,omitzero"` // when its state last changed
	Kind      string    `json:"kind"`
	Digest    int64     `json:"digest,omitempty"`
	To        string    `json:"to"`
	State     string    `json:"state,omitempty"`  // not of an email that asked for a confirmation elsewhere, nor what follows
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

// data gives a reader what is kept of them, page by page: strangers can add to it.
func (s *site) data(w http.ResponseWriter, r *http.Request, sub subscribers.Subscriber) error {
	done, err := s.exports.begin(sub.PublicID)
	if err != nil {
		return err
	}
	defer done()
	leave, err := s.exportPlace(r)
	if err != nil {
		return err
	}
	defer func() { leave() }()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exportTime)) // of a client that reads too slowly; not every ResponseWriter has one
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="insights-data.json"`)
	sent := &counting{w: w}
	kept := newPacked(sent)
	out := bufio.NewWriterSize(kept, 64<<10)
	err = s.writeData(r.Context(), out, sub)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		if sent.n > 0 { // half an answer must not look whole
			s.Log.WarnContext(r.Context(), "cannot send a reader all of their data", "error", err)
			panic(http.ErrAbortHandler)
		}
		w.Header().Del("Content-Disposition")
		return fmt.Errorf("read a reader's data: %w", err)
	}
	size, err := kept.end()
	if err != nil {
		return fmt.Errorf("pack a reader's data: %w", err)
	}
	if done, ok := s.exports.keep(size); ok {
		defer done()
		leave()
		leave = func() {}
	}
	_ = kept.send() // the client may have gone
	return nil
}

// exportPlace waits for a place to read a reader's data, for a while.
func (s *site) exportPlace(r *http.Request) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), exportWait, errLineFull)
	defer cancel()
	leave, err = s.place(s.exports.line, r).enter(ctx, new(shared))
	if err != nil && r.Context().Err() == nil {
		err = errLineFull
	}
	return leave, err
}

// counting counts the bytes that it passes on.
type counting struct {
	w io.Writer
	n int
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += n
	return n, err
}

func (s *site) writeData(ctx context.Context, out *bufio.Writer, sub subscribers.Subscriber) error {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	asked := []askedJSON{}
	for _, c := range sub.Confirmations {
		asked = append(asked, askedJSON{named(sub, c.To), c.Name, string(c.Cadence), c.Categories, c.Expires})
	}
	own, err := json.Marshal(ownDataJSON{
		Email: sub.Address.String(), NewEmail: named(sub, sub.NewAddress), Name: sub.Name, Status: string(sub.Status), Cadence: string(sub.Cadence), Categories: sub.Categories, Source: sub.Source,
		CreatedAt: at(sub.CreatedAt), ConfirmedAt: at(sub.ConfirmedAt), UnsubscribedAt: at(sub.UnsubscribedAt), PausedUntil: at(sub.PausedUntil),
		Asked: asked,
	})
	if err != nil {
		return err
	}
	out.Write(own[:len(own)-1]) // a bufio.Writer keeps its first error
	err = writeList(out, "history", s.Registry.Store.History(ctx, sub.ID), func(e subscribers.Event) any {
		return eventJSON{e.At, e.What, e.Source, e.Client, e.Version, e.Detail}
	})
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	emails, bounces := noneOf[newsletter.Delivery], noneOf[newsletter.Bounce]
	if s.Mails != nil {
		emails, bounces = s.Mails.MailsOf(ctx, sub.ID), s.Mails.BouncesOf(ctx, sub.ID)
	}
	err = writeList(out, "emails", emails, func(m newsletter.Delivery) any {
		e := emailJSON{m.UpdatedAt, string(m.Kind), m.Ref.Digest, "", string(m.State), string(m.Reason), m.MessageID}
		a, err := subscribers.ParseAddress(m.Email)
		if err == nil {
			e.To = named(sub, a)
		}
		if m.Kind == newsletter.ConfirmEmail && a.Key() != sub.Address.Key() { // it would tell of that address
			e.At, e.State, e.Answer, e.MessageID = time.Time{}, "", "", ""
		}
		return e
	})
	if err != nil {
		return fmt.Errorf("emails: %w", err)
	}
	err = writeList(out, "came_back", bounces, func(b newsletter.Bounce) any {
		return backJSON{b.At, string(b.Class), b.Status, b.Text}
	})
	if err != nil {
		return fmt.Errorf("bounces: %w", err)
	}
	_, err = out.WriteString("}\n")
	return err
}

// named is an address in the data of a reader. Only that of the mailbox that the link went to
// is named in full: who reads it need not be who read another one.
func named(sub subscribers.Subscriber, a subscribers.Address) string {
	if a.Key() == sub.Address.Key() {
		return a.String()
	}
	return a.Masked()
}

func noneOf[T any](func(T, error) bool) {}

// writeList writes one more member of a JSON object, of values as they come.
func writeList[T any](out *bufio.Writer, name string, values iter.Seq2[T, error], document func(T) any) error {
	fmt.Fprintf(out, ",%q:[", name)
	comma := ""
	for value, err := range values {
		if err != nil {
			return err
		}
		text, err := json.Marshal(document(value))
		if err != nil {
			return err
		}
		out.WriteString(comma)
		if _, err := out.Write(text); err != nil {
			return err
		}
		comma = ","
	}
	_, err := out.WriteString("]")
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
