package templates

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
)

// emailHead is what the sources of every email may ask for.
type emailHead struct {
	Site      Site
	Sender    string   // who sends
	Postal    []string // lines of the postal address; none if the site has none
	Subject   string
	Preheader string // what a mailbox list shows after the subject
	Direction string // ltr or rtl, by the site's language
	End       string // the side where a line ends: right or left
	WebURL    string // the digest on the web; empty for notices
}

// digestView is what email/digest.*.tmpl may ask for besides mailHead.
type digestView struct {
	emailHead
	Edition        string // "Weekly digest"
	Date           string
	Count          int           // of all insights, shown or not
	Note           content.Note  // what staff say first
	NoteText       string        // the same as plain text
	Intro          []string      // the same as plain paragraphs
	MoreURL        string        // where the rest is
	Items          []mailInsight // in full
	More           []mailInsight // as titles
	Left           int           // on the web alone
	Cadence        string        // "weekly", or empty for a digest by staff
	UnsubscribeURL string
	PreferencesURL string
	Address        string
	Since          string
}

// mailInsight is one insight of a digest.
type mailInsight struct {
	Title, URL, Summary, Category, Date string
	Minutes                             int
}

// singleView is what email/confirm.*.tmpl, already.*.tmpl, moved.*.tmpl and link.*.tmpl may
// ask for besides emailHead.
type singleView struct {
	emailHead
	Address        string
	Moving         bool   // of email/confirm.*.tmpl: it asks for a change of address
	MovedTo        string // masked; of email/moved.*.tmpl
	What           string // "a weekly digest of insights on Architecture and Leadership"
	AskedOn        string // "23 November 2026 at 09:00 UTC", or empty
	Expires        string // likewise
	ConfirmURL     string
	DeclineURL     string // of email/confirm.*.tmpl
	ReturnURL      string // of email/moved.*.tmpl
	FreshURL       string // of email/link.*.tmpl
	PreferencesURL string
	UnsubscribeURL string
}

func (m *Emails) head(subject string) emailHead {
	h := emailHead{
		Site:      m.site,
		Sender:    oneLine(cmp.Or(m.site.Owner, m.site.Author, m.site.Title)),
		Subject:   oneLine(subject),
		Direction: "ltr",
		End:       "right",
	}
	h.Site.Title = oneLine(m.site.Title)
	h.Site.Language = cmp.Or(m.site.Language, "en")
	if direction(h.Site.Language) == "rtl" {
		h.Direction, h.End = "rtl", "left"
	}
	for line := range strings.Lines(m.site.PostalAddress) {
		if line = oneLine(line); line != "" {
			h.Postal = append(h.Postal, line)
		}
	}
	return h
}

func (m *Emails) digestView(e newsletter.DigestContent) digestView {
	note := intro(e.Intro)
	v := digestView{
		emailHead: m.head(cmp.Or(e.Subject, newsletter.SubjectFor(e.Items, ""))),
		Edition:   editionName(e),
		Date:      m.date(e.Date, day),
		Count:     len(e.Items) + len(e.More),
		Note:      note,
		NoteText:  note.Text(),
		Intro:     paragraphs(note),
		MoreURL:   cmp.Or(e.WebURL, m.site.BaseURL+"/"),
		Items:     m.insights(e.Items),
		More:      m.insights(e.More),
		Cadence:   e.Cadence, UnsubscribeURL: e.UnsubscribeURL, PreferencesURL: e.PreferencesURL,
		Address: e.Address, Since: e.Since,
	}
	if e.Cadence == "instant" {
		v.Cadence = ""
	}
	v.WebURL = e.WebURL
	v.Preheader = preheader(v.Items)
	return v
}

// editionName is the digest's heading.
func editionName(e newsletter.DigestContent) string {
	name, ok := map[string]string{"daily": "Daily digest", "weekly": "Weekly digest", "monthly": "Monthly digest"}[e.Cadence]
	category := oneLine(e.Category)
	switch {
	case ok && category != "":
		return name + ": " + category
	case ok:
		return name
	case category != "":
		return "New in " + category
	case len(e.Items)+len(e.More) == 1:
		return "New insight"
	}
	return "New insights"
}

func (m *Emails) insights(items []newsletter.Item) []mailInsight {
	out := make([]mailInsight, len(items))
	for i, item := range items {
		out[i] = mailInsight{
			Title:    oneLine(item.Title),
			URL:      m.insightURL(item.Slug),
			Summary:  oneLine(item.Summary),
			Category: oneLine(cmp.Or(item.CategoryName, m.categoryName(item.Category))),
			Date:     m.date(item.Date, day),
			Minutes:  item.Minutes,
		}
	}
	return out
}

func (m *Emails) insightURL(slug string) string {
	return m.site.BaseURL + "/insights/" + url.PathEscape(slug)
}

func (m *Emails) categoryName(slug string) string {
	if i := slices.IndexFunc(m.site.Categories, func(c content.Category) bool { return c.Slug == slug }); i >= 0 {
		return m.site.Categories[i].Name
	}
	return slug
}

// The forms of a time in emails.
const (
	day    = "January 2, 2006"
	minute = "January 2, 2006 at 15:04 MST"
)

// date is a time in the site's zone, as people write it; empty for the zero time.
func (m *Emails) date(t time.Time, form string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(m.zone).Format(form)
}

func (m *Emails) singleView(n newsletter.SingleContent) singleView {
	title := oneLine(m.site.Title)
	subject, preheader := "Please confirm your subscription to "+title, "One press of a button confirms that you asked for it. If you did not, ignore this email."
	switch n.Kind {
	case newsletter.ConfirmEmail:
		if n.Moving {
			subject, preheader = "Please confirm your new address for "+title, "One press of a button has your digests sent here. If you did not ask for it, ignore this email."
		}
	case newsletter.MovedEmail:
		subject, preheader = title+" goes to another address now", "If you asked for that, there is nothing to do. If not, you can take it back."
	case newsletter.LinkEmail:
		subject, preheader = "Your link for "+title, "It leads to your preferences and your data, and works for one hour."
	case newsletter.AlreadyEmail:
		subject, preheader = "You are subscribed to "+title+" already", "Nothing has changed. You can look at what you get, change it, or unsubscribe."
	}
	v := singleView{
		emailHead: m.head(subject),
		Address:   oneLine(n.Address),
		Moving:    n.Moving,
		MovedTo:   oneLine(n.MovedTo),
		What:      m.what(n),
		AskedOn:   m.date(n.AskedAt, minute), Expires: m.date(n.ExpiresAt, minute),
		ConfirmURL: n.ConfirmURL, DeclineURL: n.DeclineURL, ReturnURL: n.ReturnURL, FreshURL: n.FreshURL, PreferencesURL: n.PreferencesURL, UnsubscribeURL: n.UnsubscribeURL,
	}
	v.Preheader = preheader
	return v
}

// what says what was asked for, as part of a sentence. Categories are in the
// site's order.
func (m *Emails) what(n newsletter.SingleContent) string {
	what := "a " + n.Cadence + " digest of insights"
	switch n.Cadence {
	case "instant":
		what = "an email for each new insight"
	case "":
		what = "insights"
	}
	var names []string
	for _, c := range m.site.Categories {
		if slices.Contains(n.Categories, c.Slug) {
			names = append(names, oneLine(c.Name))
		}
	}
	for _, slug := range n.Categories {
		if name := m.categoryName(slug); name == slug {
			names = append(names, oneLine(slug)) // no longer among the site's categories
		}
	}
	if len(names) > 0 {
		what += " on " + sequence(names)
	}
	return what
}

// preheader is 60 to 90 characters of what the subject does not say: the titles
// after the first, then summaries, as far as there are any.
func preheader(items []mailInsight) string {
	var parts []string
	for _, in := range items[min(1, len(items)):] {
		parts = append(parts, in.Title)
	}
	for _, in := range items {
		parts = append(parts, in.Summary)
	}
	words := ""
	for _, part := range parts {
		if words != "" && part != "" {
			words += " · "
		}
		if words += part; utf8.RuneCountInString(words) >= 60 {
			break
		}
	}
	runes := []rune(words)
	if len(runes) <= 90 {
		return words
	}
	cut := 89
	for cut >= 60 && !unicode.IsSpace(runes[cut]) {
		cut--
	}
	if cut < 60 {
		cut = 89
	}
	return strings.TrimRight(string(runes[:cut]), " ,;:·—–-") + "…"
}

// oneLine keeps the words of s and nothing that could begin a line or a control
// sequence of its own.
func oneLine(s string) string {
	return withoutControls(strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), breaks), " "))
}

// withoutControls takes out what changes how other text is shown: control characters, and
// those that override the direction of what follows.
func withoutControls(s string) string { return content.WithoutControls(s) }

// paragraphs are the blocks of a note as plain text.
func paragraphs(note content.Note) (all []string) {
	for i := range note {
		all = append(all, strings.TrimSpace(note[i:i+1].Text()))
	}
	return all
}

// intro reads what staff say at the top of a digest. Its faults were reported when the
// digest was planned; what has one is text.
func intro(markdown string) content.Note {
	note, _ := content.ParseNote(markdown)
	for _, block := range note {
		for _, line := range block.Lines {
			for i := range line {
				line[i].Text = withoutControls(line[i].Text)
			}
		}
	}
	return note
}
