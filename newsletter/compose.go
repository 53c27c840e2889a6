package newsletter

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// Identity is the sender, the same for every email of a site.
type Identity struct {
	BaseURL     string // of the site, no trailing slash
	From        string // of digests, RFC 5322 mailbox
	ConfirmFrom string // of confirmations; "" = From
	ReplyTo     string
	ListID      string // RFC 2919, such as "insights.example.com"; "" = the From domain
	ListName    string // the site's title
	// BounceDomain is the domain of the return paths, one address per email; "" =
	// bounces go to From.
	BounceDomain string
	// UnsubscribeByEmail says that messages to BounceDomain are received, so that readers
	// can unsubscribe by email too.
	UnsubscribeByEmail bool
	Zone               *time.Location
}

// Writer builds messages: it renders a variant once and fills in each reader's own
// links. Its fields are set once; it is safe for concurrent use.
type Writer struct {
	Renderer Renderer
	Registry *subscribers.Registry // makes the tokens
	Identity Identity

	ids *messageIDs // see keyed
}

// keyed returns the writer whose Message-IDs are made with a key of the store's. Without
// it they could be worked out from what anybody may see, and reports be forged.
func (w *Writer) keyed(key []byte) *Writer {
	own := *w
	own.ids = newMessageIDs(key)
	return &own
}

// Render renders one variant of a digest, with placeholders for each reader's own
// values. It fails if the body lacks a mandatory link.
func (w *Writer) Render(d Digest, v Variant) (Body, error) {
	items := d.ItemsOf(v)
	content := DigestContent{
		Subject: SubjectFor(items, d.Subject), Intro: d.Intro, Items: items, Cadence: string(d.Cadence),
		WebURL:         w.pageOf(d),
		UnsubscribeURL: w.Identity.BaseURL + "/unsubscribe/" + PlaceholderUnsubscribe,
		PreferencesURL: w.Identity.BaseURL + "/preferences/" + PlaceholderPreferences,
		Address:        PlaceholderAddress, Since: PlaceholderSince,
		Date: d.CreatedAt,
	}
	if d.MaxItems > 0 && len(items) > d.MaxItems {
		content.Items, content.More = items[:d.MaxItems], items[d.MaxItems:]
	}
	if d.Category != "" && len(items) > 0 {
		content.Category = items[0].CategoryName
	}
	rendered, err := w.Renderer.Digest(content)
	if err != nil {
		return Body{}, fmt.Errorf("render digest %d, variant %d: %w", d.ID, v.Number, err)
	}
	for _, placeholder := range []string{PlaceholderUnsubscribe, PlaceholderPreferences} {
		if !strings.Contains(rendered.HTML, placeholder) || !strings.Contains(rendered.Text, placeholder) {
			return Body{}, fmt.Errorf("render digest %d: the email template lacks the link that ends in %s; both parts need it", d.ID, placeholder)
		}
	}
	return rendered, nil
}

// pageOf is a digest's public page. One that was made for a single reader has none.
func (w *Writer) pageOf(d Digest) string {
	if d.Only != 0 {
		return ""
	}
	return fmt.Sprintf("%s/digests/%d", w.Identity.BaseURL, d.ID)
}

// Message returns the message of which every reader of a variant gets a copy, with
// placeholders for their own values. Equal arguments give equal messages.
func (w *Writer) Message(d Digest, variant int, r StoredBody) Message {
	stream := "staff"
	if d.Cadence != "" {
		stream = string(d.Cadence)
	}
	domain := DomainOf(w.Identity.From)
	return Message{
		Date:     r.Date,
		From:     w.Identity.From,
		ReplyTo:  w.Identity.ReplyTo,
		Subject:  r.Subject,
		Text:     r.Text,
		HTML:     r.HTML,
		Boundary: "=_" + d.UID + "-" + itoa(variant),
		Headers: append([]Header{
			{"List-Id", w.listID(domain)},
			{"List-Unsubscribe", w.unsubscribe(r)},
			{"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
			{"List-Archive", "<" + r.BaseURL + "/digests>"},
			{"Feedback-ID", d.UID + ":" + stream + ":digest:" + senderID(domain)},
			{"Precedence", "bulk"},
		}, automatic...),
	}
}

// unsubscribe is the value of List-Unsubscribe (RFC 2369, RFC 8058).
func (w *Writer) unsubscribe(r StoredBody) string {
	ways := "<" + r.BaseURL + "/unsubscribe/" + PlaceholderUnsubscribe + ">"
	if w.Identity.UnsubscribeByEmail && w.Identity.BounceDomain != "" {
		ways += ", <mailto:unsubscribe+" + PlaceholderLeave + "@" + w.Identity.BounceDomain + "?subject=unsubscribe>"
	}
	return ways
}

// leave is the token of the address by which a reader unsubscribes, if there is one.
func (w *Writer) leave(sub subscribers.Subscriber) string {
	if !w.Identity.UnsubscribeByEmail {
		return ""
	}
	return w.Registry.Keys.InAddress(subscribers.UnsubscribeToken, sub.PublicID, "")
}

// Copy returns one reader's own values in a digest, given its number and UID, in a message
// of this date. Equal arguments give equal copies.
func (w *Writer) Copy(digest int64, uid string, sub subscribers.Subscriber, date time.Time) Copy {
	return Copy{
		MessageID:   w.messageID(Ref{Digest: digest, Subscriber: sub.ID}, uid+"\x00"+sub.PublicID),
		To:          sub.Address.String(),
		ToName:      content.WithoutControls(sub.Name),
		Unsubscribe: w.Registry.Token(subscribers.UnsubscribeToken, sub),
		Leave:       w.leave(sub),
		Preferences: w.Registry.Preferences(sub, date),
		Since:       w.date(sub.ConfirmedAt),
	}
}

// Envelope returns the SMTP envelope of an email.
func (w *Writer) Envelope(from, to string, ref Ref) Envelope {
	e := Envelope{From: from, To: to, ID: ref.String()}
	if w.Identity.BounceDomain != "" {
		e.From = w.ReturnPath(ref)
	}
	return e
}

// With returns the message with one copy's values filled in, for people to read.
func (m Message) With(c Copy) Message {
	text := strings.NewReplacer(PlaceholderUnsubscribe, c.Unsubscribe, PlaceholderLeave, c.Leave, PlaceholderPreferences, c.Preferences, PlaceholderAddress, c.To, PlaceholderSince, c.Since)
	markup := strings.NewReplacer(PlaceholderUnsubscribe, html.EscapeString(c.Unsubscribe), PlaceholderLeave, html.EscapeString(c.Leave), PlaceholderPreferences, html.EscapeString(c.Preferences), PlaceholderAddress, html.EscapeString(c.To), PlaceholderSince, html.EscapeString(c.Since))
	m.MessageID, m.To, m.ToName = c.MessageID, c.To, c.ToName
	m.Text, m.HTML = text.Replace(m.Text), markup.Replace(m.HTML)
	m.Headers = slices.Clone(m.Headers)
	for i := range m.Headers {
		m.Headers[i].Value = text.Replace(m.Headers[i].Value)
	}
	return m
}

// automatic keeps vacation responders silent (RFC 3834, and Exchange's own header).
var automatic = []Header{
	{"Auto-Submitted", "auto-generated"},
	{"X-Auto-Response-Suppress", "OOF, AutoReply"},
}

// SingleMessage builds an email that is not part of a digest. A test email's body is
// its payload.
func (w *Writer) SingleMessage(t Task) (Message, error) {
	if t.Kind == ResendEmail {
		return w.resend(t), nil
	}
	from := w.Identity.ConfirmFrom
	if from == "" {
		from = w.Identity.From
	}
	to := t.Subscriber.Address
	switch t.Kind {
	case ConfirmEmail:
		to = t.Asks.To
	case MovedEmail:
		to, _ = subscribers.ParseAddress(t.To) // without an address, sending it fails
	}
	message := Message{
		MessageID: w.singleID(t, to),
		Date:      t.Created.UTC().Truncate(time.Second),
		From:      from, ReplyTo: w.Identity.ReplyTo,
		To:       to.String(), // no name: the person who signed up chose it, perhaps for someone else
		Boundary: singleBoundary(t),
		Headers:  automatic,
	}
	rendered, err := w.singleBody(t, to)
	if err != nil {
		return Message{}, fmt.Errorf("render %s email: %w", t.Kind, err)
	}
	message.Subject, message.Text, message.HTML = rendered.Subject, rendered.Text, rendered.HTML
	return message, nil
}

func singleBoundary(t Task) string { return fmt.Sprintf("=_m%d-%d", t.Ref.Message, t.Created.Unix()) }

func (w *Writer) singleBody(t Task, to subscribers.Address) (r Body, err error) {
	if t.Kind == TestEmail {
		err = json.Unmarshal([]byte(t.Payload), &r)
		return r, err
	}
	sub, base := t.Subscriber, w.Identity.BaseURL
	unsubscribe := base + "/unsubscribe/" + w.Registry.Token(subscribers.UnsubscribeToken, sub)
	preferences := base + "/preferences/" + w.Registry.Preferences(sub, t.Created)
	if t.Kind == MovedEmail {
		preferences = "" // they moved with the reader
	}
	decline := ""
	if t.Kind == ConfirmEmail {
		unsubscribe = ""
		decline = base + "/decline/" + w.Registry.TokenOf(subscribers.DeclineToken, sub, t.Asks)
	}
	choice, expires := subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories}, time.Time{}
	switch t.Kind {
	case ConfirmEmail:
		choice, expires = t.Asks.Preferences, t.Asks.Expires.In(w.zone())
	case LinkEmail:
		expires = t.Created.Add(subscribers.FreshFor).In(w.zone())
	}
	return w.Renderer.Single(SingleContent{
		Kind: t.Kind, Address: to.String(), Moving: t.Kind == ConfirmEmail && t.Asks.Moves(sub), MovedTo: sub.Address.Masked(),
		Cadence: string(choice.Cadence), Categories: choice.Categories,
		AskedAt: t.Created.In(w.zone()), ExpiresAt: expires,
		ConfirmURL:     base + "/confirm/" + w.Registry.TokenOf(subscribers.ConfirmToken, sub, t.Asks),
		FreshURL:       base + "/yours/" + w.Registry.Fresh(sub, t.Created),
		DeclineURL:     decline,
		ReturnURL:      base + "/moved/" + w.Registry.WayBack(sub, to, t.Created),
		PreferencesURL: preferences,
		UnsubscribeURL: unsubscribe,
	})
}

func (w *Writer) listID(domain string) string {
	id := w.Identity.ListID
	if id == "" {
		id = "insights." + domain
	}
	return "<" + strings.Trim(id, "<>") + ">"
}

func (w *Writer) zone() *time.Location {
	if w.Identity.Zone == nil {
		return time.UTC
	}
	return w.Identity.Zone
}

func (w *Writer) date(t time.Time) string {
	if t.IsZero() {
		return "an earlier date"
	}
	return t.In(w.zone()).Format("January 2, 2006")
}

// senderID is the constant last field of Feedback-ID: 5 to 15 characters.
func senderID(domain string) string {
	id := strings.ReplaceAll(domain, ".", "")
	if len(id) > 15 {
		id = id[:15]
	}
	for len(id) < 5 {
		id += "0"
	}
	return id
}

// DomainOf returns the domain of a mailbox that was validated with the configuration.
func DomainOf(mailbox string) string {
	if a, err := mail.ParseAddress(mailbox); err == nil {
		mailbox = a.Address
	}
	return mailbox[strings.LastIndexByte(mailbox, '@')+1:]
}

// bare returns the address of a configured mailbox, for the envelope.
func bare(mailbox string) string {
	if a, err := mail.ParseAddress(mailbox); err == nil {
		return a.Address
	}
	return mailbox
}

// storedBody returns a variant's body as it was first rendered, rendering it now if it
// never was.
func (w *Writer) storedBody(ctx context.Context, store OutboxStore, d Digest, v Variant) (StoredBody, error) {
	r, ok, err := store.Body(ctx, d.ID, v.Number)
	if err != nil || ok {
		return r, err
	}
	rendered, err := w.Render(d, v)
	if err != nil {
		return StoredBody{}, &renderError{err}
	}
	return store.SaveBody(ctx, d.ID, v.Number, StoredBody{
		Body: rendered, Date: time.Now().UTC().Truncate(time.Second), BaseURL: w.Identity.BaseURL,
	})
}

// renderError is a fault of the content or its templates, not of the store: retrying
// does not help.
type renderError struct{ error }

func (e *renderError) Unwrap() error { return e.error }
