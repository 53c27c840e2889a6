package templates

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// Emails renders the emails of the newsletter: the digest, the request to confirm a
// sign-up, the answers to somebody who is subscribed already, has moved, or has asked for
// a link. It implements
// [newsletter.Renderer]; it is immutable and safe for concurrent use. Equal
// arguments give equal emails.
type Emails struct {
	site      Site
	zone      *time.Location
	templates map[newsletter.MessageKind]emailTemplate
}

var _ newsletter.Renderer = (*Emails)(nil)

// NewEmails parses the embedded sources. Files of override, which may be nil,
// replace those of the same name: email/digest.html.tmpl. Each email is tried once,
// so that a source that can't be parsed, asks for something there is not, or
// lacks a link that the email must have is an error that names the file.
func NewEmails(site Site, override fs.FS) (*Emails, error) {
	zone, err := time.LoadLocation(site.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("templates: time zone of the site: %w; use an IANA name such as Europe/Berlin", err)
	}
	emails, err := parseEmails(override)
	if err != nil {
		return nil, err
	}
	m := &Emails{site: site, zone: zone, templates: emails}
	return m, m.try()
}

// Digest renders one variant of a digest. Where the HTML part would grow past
// what email programs show whole, the last insights lose their summaries, then
// the last titles give way to their number and a link to the digest on the web;
// both parts always show the same.
func (m *Emails) Digest(e newsletter.DigestContent) (newsletter.Body, error) {
	markup, shown, err := m.fit(m.digestView(e))
	if err != nil {
		return newsletter.Body{}, err
	}
	text, err := m.templates[newsletter.DigestEmail].text(shown)
	return newsletter.Body{Subject: shown.Subject, HTML: markup, Text: text}, err
}

// Single renders an email that is not a digest.
func (m *Emails) Single(n newsletter.SingleContent) (newsletter.Body, error) {
	t, ok := m.templates[n.Kind]
	if !ok || n.Kind == newsletter.DigestEmail {
		return newsletter.Body{}, fmt.Errorf("templates: unknown email kind %q", n.Kind)
	}
	view := m.singleView(n)
	markup, err := t.html(view)
	if err != nil {
		return newsletter.Body{}, err
	}
	text, err := t.text(view)
	return newsletter.Body{Subject: view.Subject, HTML: markup, Text: text}, err
}

// try renders a sample of each email and looks for the links it must have.
func (m *Emails) try() error {
	const (
		webURL      = "https://insights.invalid/digests/1"
		unsubscribe = "https://insights.invalid/unsubscribe/" + newsletter.PlaceholderUnsubscribe
		preferences = "https://insights.invalid/preferences/" + newsletter.PlaceholderPreferences
		confirm     = "https://insights.invalid/confirm/token"
		decline     = "https://insights.invalid/decline/token"
		callBack    = "https://insights.invalid/moved/token"
		fresh       = "https://insights.invalid/yours/token"
	)
	at := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	item := newsletter.Item{Slug: "sample", Title: "Title", Summary: "Summary.", CategoryName: "Category", Date: at, Minutes: 5}
	var faults []error
	check := func(kind newsletter.MessageKind, r newsletter.Body, err error, links ...string) {
		if err != nil {
			faults = append(faults, err)
			return
		}
		for _, part := range []struct{ name, words string }{{"html", r.HTML}, {"txt", r.Text}} {
			for _, link := range links {
				if !strings.Contains(part.words, link) {
					faults = append(faults, fmt.Errorf("templates: email/%s.%s.tmpl: lacks a link that this email must have, such as %s", kind, part.name, link))
				}
			}
		}
	}
	for _, items := range [][]newsletter.Item{{item}, {item, item}} {
		r, err := m.Digest(newsletter.DigestContent{
			Subject: "Subject", Intro: "Intro.", Items: items, More: items[1:], Cadence: "weekly", Category: "Category",
			WebURL: webURL, UnsubscribeURL: unsubscribe, PreferencesURL: preferences,
			Address: newsletter.PlaceholderAddress, Since: newsletter.PlaceholderSince, Date: at,
		})
		check(newsletter.DigestEmail, r, err, unsubscribe, preferences, webURL, m.insightURL(item.Slug))
	}
	n := newsletter.SingleContent{
		Kind: newsletter.ConfirmEmail, Address: "reader@insights.invalid", Cadence: "weekly", Categories: []string{"category"},
		AskedAt: at, ExpiresAt: at, ConfirmURL: confirm, DeclineURL: decline, PreferencesURL: preferences, UnsubscribeURL: unsubscribe,
	}
	r, err := m.Single(n)
	check(n.Kind, r, err, confirm)
	n.Kind = newsletter.AlreadyEmail
	r, err = m.Single(n)
	check(n.Kind, r, err, preferences, unsubscribe)
	n.Kind, n.MovedTo, n.ReturnURL, n.PreferencesURL = newsletter.MovedEmail, "n…@insights.invalid", callBack, ""
	r, err = m.Single(n)
	check(n.Kind, r, err, callBack, unsubscribe)
	n.Kind, n.FreshURL = newsletter.LinkEmail, fresh
	r, err = m.Single(n)
	check(n.Kind, r, err, fresh)
	return errors.Join(faults...)
}

// emailTemplate is one email in its two parts.
type emailTemplate struct {
	name           string // of the files in email/, without their endings
	markup, letter interface {
		Execute(w io.Writer, data any) error
	}
}

func (t emailTemplate) html(view any) (string, error) {
	var b strings.Builder
	if err := t.markup.Execute(&b, view); err != nil {
		return "", fmt.Errorf("templates: email/%s.html.tmpl: %w", t.name, err)
	}
	return b.String(), nil
}

func (t emailTemplate) text(view any) (string, error) {
	var b strings.Builder
	if err := t.letter.Execute(&b, view); err != nil {
		return "", fmt.Errorf("templates: email/%s.txt.tmpl: %w", t.name, err)
	}
	return wrapMail(b.String()), nil
}
