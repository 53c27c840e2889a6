package templates

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
	"github.com/scaledbydesign/insights/subscribers"
)

// Head is what every page has beside its own words.
type Head struct {
	Site        *Site
	Title       string // of this page; empty on the index
	Description string // one sentence; empty: the site's
	Path        string // its address on this site; empty for a page that has none of its own to pass on
	Canonical   string // absolute; empty: BaseURL + Path
	Image       string // absolute; for previews elsewhere
	NoIndex     bool
	Feeds       []FeedLink // for autodiscovery, the most fitting first
	Prev, Next  string     // paths of the neighbours in a row of pages
	Section     string     // slug of the category the page belongs to, or empty
	Article     *content.Insight
	Dev         bool   // served by the development command
	Static      bool   // a file, with no program behind it
	Server      string // of a file: absolute address of the site whose program serves the rest; empty: there is none
	Script      string // path of the script that reloads the page; development only
}

// Offers reports whether there is a program to sign up with, and its archive of digests.
func (h *Head) Offers() bool { return !h.Static || h.Server != "" }

// Direction is that of the site's language: ltr or rtl.
func (h *Head) Direction() string { return direction(h.Site.Language) }

func (h *Head) places() places {
	return places{root: h.Site.Root(), static: h.Static, server: h.Server}
}

// CanonicalURL is the absolute address others should link to, or empty.
func (h *Head) CanonicalURL() string {
	if h.Canonical != "" || h.Path == "" {
		return h.Canonical
	}
	return h.Site.BaseURL + h.Path
}

// FeedLink points to one feed document.
type FeedLink struct {
	Title  string
	Format string // as people say it: RSS, Atom, JSON Feed
	URL    string // absolute
	// Category is the slug of the category it is of, "digests" for the archive,
	// empty for all insights.
	Category string
}

// Section is a category in a list of them.
type Section struct {
	content.Category
	Count int // of its visible insights
}

// Pager says where a page is in a row of pages.
type Pager struct {
	Page, Pages int    // from 1
	Newer       string // path of the page before; empty on the first
	Older       string // path of the page after; empty on the last
}

// IndexPage is the list of all insights.
type IndexPage struct {
	Head
	Featured *content.Insight // first page only; may be nil
	Insights []*content.Insight
	Sections []Section
	Pager    Pager
}

// CategoryPage is the list of one category's insights.
type CategoryPage struct {
	Head
	Category content.Category
	Insights []*content.Insight // on this page of the list
	Total    int                // on all of them
	Sections []Section
	Pager    Pager
}

// ArticlePage is one insight.
type ArticlePage struct {
	Head
	Insight *content.Insight
	Author  string
	Body    template.HTML    // of content.Insight.HTML, which lets no HTML of the author's through
	Newer   *content.Insight // of the same category; may be nil
	Older   *content.Insight
}

// ShowUpdated reports whether the insight was changed on a later day.
func (p *ArticlePage) ShowUpdated() bool {
	return p.Insight.Updated.After(p.Insight.Date.AddDate(0, 0, 1))
}

// FeedsPage says how to follow, and lists every feed.
type FeedsPage struct {
	Head
	Rows       []FeedRow
	OPML       string             // absolute
	AllOPML    string             // absolute; of the feed of all insights alone
	Categories []content.Category // that can be combined; none: nothing is said of it
	Combined   string             // absolute address of one combined feed, as an example
}

// FeedRow is one subject in its formats.
type FeedRow struct {
	Name  string
	Path  string // of its page
	Links []FeedLink
}

// FeedPage is one feed document as a person sees it who opens its address in a
// browser. Its Head has no Path, NoIndex set, the feed's description, and the
// feed's own links in front.
type FeedPage struct {
	Head
	Heading string     // the feed's title
	Format  string     // of this document: RSS, Atom, JSON Feed
	URL     string     // of this document, absolute
	Others  []FeedLink // the same feed in the other formats
	OPML    string     // absolute
	Home    string     // path of the page that shows the same
	Mail    string     // path of the sign-up for the same; empty: nobody can sign up
	Digests bool       // the entries are digests, not insights
	Entries []FeedEntry
	Total   int       // entries of the whole feed, archive documents and all
	Updated time.Time // newest change; zero: not known
	Older   string    // absolute address of the next older archive document (RFC 5005); empty: there is none
	Current string    // of an archive document: absolute address of the feed itself; else empty
}

// Address is what a feed reader is to be given: never an archive document, for
// nothing new appears there.
func (p *FeedPage) Address() string {
	return cmp.Or(p.Current, p.URL)
}

// Noun is what n entries of the feed are called.
func (p *FeedPage) Noun(n int) string {
	if p.Digests {
		return plural(n, "digest", "digests")
	}
	return plural(n, "insight", "insights")
}

// FeedEntry is one entry of that document.
type FeedEntry struct {
	Title    string
	URL      string // a path, or absolute
	Date     time.Time
	Category string // name; empty: not said
	Summary  string
}

// DigestsPage is the archive of sent digests, newest first.
type DigestsPage struct {
	Head
	Digests []DigestRow
	Pager   Pager
}

// DigestRow is one sent digest in the archive.
type DigestRow struct {
	Path    string
	Title   string
	Sent    time.Time
	Cadence subscribers.Cadence // empty for one by staff
	Count   int                 // of its insights
}

// DigestPage is what one digest carried.
type DigestPage struct {
	Head
	Digest DigestRow
	// IntroHTML is what staff said at its top.
	IntroHTML template.HTML
	Items     []DigestItem
	TakenDown int // how many more it carried that staff have taken down since
}

// DigestItem is one insight of a sent digest. Path is empty when the insight is
// no longer published.
type DigestItem struct {
	newsletter.Item
	Path string
}

// Form is what the sign-up and the preferences form hold.
type Form struct {
	Action     string
	Email      string
	Name       string
	Cadence    subscribers.Cadence
	Cadences   []subscribers.Cadence // that can be chosen
	Categories []Choice
	Stamp      string       // the hidden field that says when the form was made
	Errors     []FieldError // in the order of the fields
}

// Choice is one category that can be ticked.
type Choice struct {
	content.Category
	Chosen bool
}

// FieldError is one thing wrong with a form.
type FieldError struct {
	Field   string // email, name, category, cadence; empty: the whole form
	Message string // a sentence
}

// Error returns the message for a field, or nothing.
func (f *Form) Error(field string) string {
	if i := slices.IndexFunc(f.Errors, func(e FieldError) bool { return e.Field == field }); i >= 0 {
		return f.Errors[i].Message
	}
	return ""
}

// Chosen returns the slugs of the categories that are ticked.
func (f *Form) Chosen() []string {
	var slugs []string
	for _, c := range f.Categories {
		if c.Chosen {
			slugs = append(slugs, c.Slug)
		}
	}
	return slugs
}

// SubscribePage is the sign-up form.
type SubscribePage struct {
	Head
	Form Form
}

// ConfirmPage asks for the press of a button that ends the double opt-in, or a change of
// address.
type ConfirmPage struct {
	Head
	Moving     bool // it is a change of address
	Action     string
	Email      string // masked
	Cadence    subscribers.Cadence
	Categories []string // names
}

// ConfirmedPage says what a confirmed subscriber will get.
type ConfirmedPage struct {
	Head
	Moved       bool   // they have confirmed a new address
	Email       string // masked
	Cadence     subscribers.Cadence
	Categories  []string // names
	Preferences string   // path; empty: they confirmed a while ago
}

// UnsubscribePage asks for the press of a button that ends all emails, or says that
// it has ended.
type UnsubscribePage struct {
	Head
	Action string
	Email  string // masked; empty: nothing is kept of them
	Done   bool
	Undo   string // where it is taken back; empty: they did not press the button just now
	Stay   string // where it is made final that somebody else may take back; empty: nobody can
	// Less is where fewer emails are chosen instead; empty: there is no choice.
	Less                   string
	Weekly, Monthly, Pause bool // what can be chosen
}

// DeclinePage asks for the press of a button that keeps all emails from an address that
// others entered.
type DeclinePage struct {
	Head
	Action string
	Email  string // masked
}

// PreferencesPage lets a subscriber choose again.
type PreferencesPage struct {
	Head
	Email       string // masked
	Form        Form
	Saved       bool
	PausedUntil string // a day; empty: not paused
	Unsubscribe string // path
	Link        string // where a link to the rest is asked for
}

// YoursPage is all that a reader can do with what is kept of them.
type YoursPage struct {
	Head
	Email       string // masked
	Subscribed  bool   // they get digests
	Form        Form   // its Action and Errors
	Preferences string // path; of who is subscribed
	Unsubscribe string // path; likewise
}

// LinkPage asks for the address to which a fresh link is sent.
type LinkPage struct {
	Head
	Form Form // its Email, Errors and Stamp
}

// MovedPage lets a reader call back a subscription that went to another address.
type MovedPage struct {
	Head
	Email       string // where it goes now, masked
	Form        Form   // its Action and Errors
	Unsubscribe string // path
}

// ErasePage asks for the press of a button that erases a reader's data.
type ErasePage struct {
	Head
	Action string
	Back   string // path
	Email  string // masked
}

// NoticePage says one thing: that an email is on its way, that a page is missing.
type NoticePage struct {
	Head
	Heading    string
	Paragraphs []string
	Links      []Link
}

// InboxPage lists the emails that development has not sent.
type InboxPage struct {
	Head
	Messages []InboxMessage
}

// InboxMessage is one message in that list.
type InboxMessage struct {
	ID      int64
	To      string
	Subject string
	At      time.Time
}

// Path is where the message is shown.
func (m InboxMessage) Path() string { return fmt.Sprintf("/_inbox/%d", m.ID) }

// InboxMessagePage is one such email.
type InboxMessagePage struct {
	Head
	Subject string
	Headers rfc5322.Header
	Text    []Span   // the text part
	Links   []string // of the HTML part, in order, each once
	Frame   string   // path of the HTML part; empty: there is none
}

// Span is a run of text; with a URL it is a link.
type Span struct{ Text, URL string }

func (*IndexPage) template() string        { return "index" }
func (*CategoryPage) template() string     { return "category" }
func (*ArticlePage) template() string      { return "article" }
func (*FeedsPage) template() string        { return "feeds" }
func (*FeedPage) template() string         { return "feed" }
func (*DigestsPage) template() string      { return "digests" }
func (*DigestPage) template() string       { return "digest" }
func (*SubscribePage) template() string    { return "subscribe" }
func (*ConfirmPage) template() string      { return "confirm" }
func (*ConfirmedPage) template() string    { return "confirmed" }
func (*UnsubscribePage) template() string  { return "unsubscribe" }
func (*DeclinePage) template() string      { return "decline" }
func (*PreferencesPage) template() string  { return "preferences" }
func (*MovedPage) template() string        { return "moved" }
func (*YoursPage) template() string        { return "yours" }
func (*LinkPage) template() string         { return "link" }
func (*ErasePage) template() string        { return "erase" }
func (*NoticePage) template() string       { return "notice" }
func (*InboxPage) template() string        { return "inbox" }
func (*InboxMessagePage) template() string { return "letter" }

// samples is one view of every page, to try its source with.
func samples() []View {
	site := DefaultSite()
	site.BaseURL = "https://example.com"
	head := Head{Site: &site, Title: "Sample", Path: "/sample", Feeds: []FeedLink{{Title: "All", Format: "Atom"}}}
	category := site.Categories[0]
	in := &content.Insight{ID: "sample", Slug: "sample", Title: "Sample", Category: category, Tags: []string{"sample"}, Minutes: 1}
	list := []*content.Insight{in}
	sections := []Section{{category, 1}}
	pager := Pager{Page: 2, Pages: 3, Newer: "/", Older: "/page/3"}
	article := head
	article.Article = in
	form := Form{
		Cadences:   subscribers.Cadences[:],
		Cadence:    subscribers.Weekly,
		Categories: []Choice{{category, true}},
		Errors:     []FieldError{{"email", "sample"}, {"name", "sample"}, {"category", "sample"}, {"cadence", "sample"}, {"", "sample"}},
	}
	row := DigestRow{Title: "Sample", Cadence: "weekly", Count: 1}
	return []View{
		&IndexPage{Head: head, Featured: in, Insights: list, Sections: sections, Pager: pager},
		&CategoryPage{Head: head, Category: category, Insights: list, Sections: sections, Pager: pager},
		&ArticlePage{Head: article, Insight: in, Author: "Sample", Newer: in, Older: in},
		&FeedsPage{Head: head, Rows: []FeedRow{{Links: head.Feeds}}, Categories: []content.Category{category}},
		&FeedPage{Head: head, Others: head.Feeds, Entries: []FeedEntry{{Title: "Sample"}}, Total: 2, Mail: "/sample", Older: "/sample", Updated: time.Unix(0, 0)},
		&FeedPage{Head: head, Current: "/sample"},
		&DigestsPage{Head: head, Digests: []DigestRow{row}, Pager: pager},
		&DigestPage{Head: head, Digest: row, IntroHTML: "<p>Sample</p>", Items: []DigestItem{{Path: "/sample"}, {}}},
		&SubscribePage{Head: head, Form: form},
		&ConfirmPage{Head: head, Categories: []string{"Sample"}},
		&ConfirmPage{Head: head, Moving: true, Categories: []string{"Sample"}},
		&ConfirmedPage{Head: head, Categories: []string{"Sample"}},
		&ConfirmedPage{Head: head, Moved: true, Categories: []string{"Sample"}},
		&UnsubscribePage{Head: head, Less: "/sample", Weekly: true, Monthly: true, Pause: true},
		&UnsubscribePage{Head: head, Done: true, Undo: "/sample"},
		&PreferencesPage{Head: head, Form: form, Saved: true, PausedUntil: "1 January 2027"},
		&PreferencesPage{Head: head, Form: form},
		&MovedPage{Head: head, Form: form},
		&DeclinePage{Head: head, Action: "/x"},
		&YoursPage{Head: head, Subscribed: true},
		&YoursPage{Head: head, Form: form},
		&LinkPage{Head: head, Form: form},
		&ErasePage{Head: head},
		&NoticePage{Head: head, Paragraphs: []string{"Sample"}, Links: []Link{{"Sample", "/"}}},
		&InboxPage{Head: head, Messages: []InboxMessage{{ID: 1}}},
		&InboxMessagePage{Head: head, Headers: rfc5322.Header{{Name: "To"}}, Text: []Span{{Text: "a"}, {URL: "b"}}, Links: []string{"c"}, Frame: "/sample"},
	}
}
