package templates_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/templates"
)

// published are insights as a digest carries them, newest first.
var published = []newsletter.Item{
	{Slug: "the-caching-strategy-that-cut-our-clients-aws-bill-by-60", Title: "The Caching Strategy That Cut Our Client's AWS Bill by 60%",
		Summary:  "Four layers from browser to database, what each may hold and for how long, and the invalidation rule that kept prices right while the bill fell.",
		Category: "infrastructure", CategoryName: "Infrastructure", Date: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Minutes: 9},
	{Slug: "observability-that-actually-helps-you-sleep-at-night", Title: "Observability That Actually Helps You Sleep at Night",
		Summary:  "Alerts on symptoms, traces that join up, and a dashboard a tired person can read: what to keep, what to delete, and in which order.",
		Category: "engineering", CategoryName: "Engineering", Date: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC), Minutes: 8},
	{Slug: "split-tests-on-checkout", Title: "Split Tests on the Checkout Page",
		Summary:  "Why most of them end without an answer, and how to size one that can end with it.",
		Category: "split-testing-tracking", CategoryName: "Split Testing & Tracking", Date: time.Date(2025, 12, 29, 0, 0, 0, 0, time.UTC), Minutes: 6},
}

// many makes n insights that differ.
func many(n int) []newsletter.Item {
	items := make([]newsletter.Item, n)
	for i := range items {
		items[i] = published[i%len(published)]
		items[i].Slug = fmt.Sprintf("%s-%d", items[i].Slug, i)
		items[i].Title = fmt.Sprintf("%s, Part %d", items[i].Title, i)
		items[i].Date = items[i].Date.AddDate(0, 0, -i)
	}
	return items
}

// edition is a digest of these insights, with marks as a worker gives them.
func edition(cadence string, items, more []newsletter.Item) newsletter.DigestContent {
	const base = "https://insights.example.com"
	return newsletter.DigestContent{
		Subject: newsletter.SubjectFor(slices.Concat(items, more), ""),
		Items:   items, More: more, Cadence: cadence,
		WebURL:         base + "/digests/12",
		UnsubscribeURL: base + "/unsubscribe/" + newsletter.PlaceholderUnsubscribe,
		PreferencesURL: base + "/preferences/" + newsletter.PlaceholderPreferences,
		Address:        newsletter.PlaceholderAddress, Since: newsletter.PlaceholderSince,
		Date: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC),
	}
}

func notice(kind newsletter.MessageKind) newsletter.SingleContent {
	const base = "https://insights.example.com"
	return newsletter.SingleContent{
		Kind: kind, Address: "reader@example.org", Cadence: "weekly",
		Categories:     []string{"ai-automation", "architecture", "split-testing-tracking"},
		AskedAt:        time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC),
		ExpiresAt:      time.Date(2026, 1, 8, 9, 30, 0, 0, time.UTC),
		MovedTo:        "n…@example.org",
		ConfirmURL:     base + "/confirm/k1.ZL5DB3VQ7T.9y_Yf-0pQ2aBcDeFgHiJkLmN",
		DeclineURL:     base + "/decline/k1.ZL5DB3VQ7T.DeFgHiJkLmN9y_Yf-0pQ2aBc",
		ReturnURL:      base + "/moved/k1.ZL5DB3VQ7T.Yf-0pQ2aBcDeFgHiJkLmN9y_",
		FreshURL:       base + "/yours/k1.ZL5DB3VQ7T.20260105093000.cDeFgHiJkLmN9y_Yf-0pQ2aB",
		PreferencesURL: base + "/preferences/k1.ZL5DB3VQ7T.pQ2aBcDeFgHiJkLmN9y_Yf-0",
		UnsubscribeURL: base + "/unsubscribe/k1.ZL5DB3VQ7T.BcDeFgHiJkLmN9y_Yf-0pQ2a",
	}
}

func mailSite() templates.Site {
	site := templates.DefaultSite()
	site.BaseURL = "https://insights.example.com"
	site.PostalAddress = "1 Example Street\n10115 Berlin\nGermany"
	return site
}

func newMail(t testing.TB, site templates.Site) *templates.Emails {
	t.Helper()
	m, err := templates.NewEmails(site, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sampleMails renders every kind of mail in the shapes it comes in.
func sampleMails(t testing.TB) map[string]newsletter.Body {
	t.Helper()
	m := newMail(t, mailSite())
	weekly := edition("weekly", published, nil)
	weekly.Intro = "The first digest of the year is about money: what the cloud costs, and what it costs not to know.\n\nNext week: the quarterly review of our architecture notes."
	engineering := many(3)
	for i := range engineering {
		engineering[i].Category, engineering[i].CategoryName = "engineering", "Engineering"
	}
	staff := edition("", engineering[:2], engineering[2:])
	staff.Category = "Engineering"
	emails := make(map[string]newsletter.Body)
	for name, e := range map[string]newsletter.DigestContent{
		"digest-instant": edition("instant", published[:1], nil),
		"digest-weekly":  weekly,
		"digest-staff":   staff,
		"digest-monthly": edition("monthly", many(12), many(40)[12:]),
		"digest-daily":   edition("daily", many(40), nil),
		"digest-long":    edition("monthly", many(40), many(400)[40:]),
	} {
		r, err := m.Digest(e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		emails[name] = r
	}
	for _, kind := range []newsletter.MessageKind{newsletter.ConfirmEmail, newsletter.AlreadyEmail, newsletter.MovedEmail, newsletter.LinkEmail} {
		r, err := m.Single(notice(kind))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		emails[string(kind)] = r
	}
	n := notice(newsletter.ConfirmEmail)
	n.Moving = true
	r, err := m.Single(n)
	if err != nil {
		t.Fatal(err)
	}
	emails["confirm-move"] = r
	return emails
}

func TestMailsReadAsBefore(t *testing.T) {
	for name, r := range sampleMails(t) {
		if name == "digest-daily" || name == "digest-long" {
			continue // nothing in them is new, and they are large
		}
		golden(t, "mail/"+name+".html", r.HTML)
		golden(t, "mail/"+name+".txt", "Subject: "+r.Subject+"\n\n"+r.Text)
	}
}

// TestBothPartsHoldTheSameLinks also compares how often.
func TestBothPartsHoldTheSameLinks(t *testing.T) {
	for name, r := range sampleMails(t) {
		t.Run(name, func(t *testing.T) {
			markup, text := hrefs(t, r.HTML), textURLs(r.Text)
			if !slices.Equal(markup, text) {
				t.Errorf("the parts differ in their links\nhtml %q\ntext %q", markup, text)
			}
		})
	}
}

func TestDigestLinksToTheInsightsItCarriesAndNoOthers(t *testing.T) {
	m := newMail(t, mailSite())
	items := many(9)
	r, err := m.Digest(edition("weekly", items[:6], items[6:]))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, item := range items {
		want = append(want, "https://insights.example.com/insights/"+item.Slug)
	}
	slices.Sort(want)
	var got []string
	for _, u := range hrefs(t, r.HTML) {
		if strings.Contains(u, "/insights/") {
			got = append(got, u)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("links to insights\ngot  %q\nwant %q", got, want)
	}
}

func TestDigestSaysWhatEachInsightIs(t *testing.T) {
	r, err := newMail(t, mailSite()).Digest(edition("weekly", published, nil))
	if err != nil {
		t.Fatal(err)
	}
	markup, text := words(t, r.HTML), strings.Join(strings.Fields(r.Text), " ")
	for _, item := range published {
		for _, want := range []string{item.Title, item.Summary, item.CategoryName, item.Date.Format("January 2, 2006"), fmt.Sprint(item.Minutes, " min read")} {
			if !strings.Contains(markup, want) {
				t.Errorf("the HTML part lacks %q", want)
			}
			if !strings.Contains(text, want) {
				t.Errorf("the text part lacks %q", want)
			}
		}
	}
}

func TestDigestSaysWhoSendsItAndWhyAndHowToLeave(t *testing.T) {
	r, err := newMail(t, mailSite()).Digest(edition("weekly", published, nil))
	if err != nil {
		t.Fatal(err)
	}
	for part, said := range map[string]string{"html": words(t, r.HTML), "text": strings.Join(strings.Fields(r.Text), " ")} {
		for _, want := range []string{
			"Sent by ScaledByDesign", "1 Example Street", "10115 Berlin", "Germany",
			"weekly digest because", newsletter.PlaceholderAddress, "subscribed to it since " + newsletter.PlaceholderSince,
			"Unsubscribe", "Change what you get", "Read on the web",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
	}
}

func TestMarksPassThroughUnchanged(t *testing.T) {
	marks := []string{newsletter.PlaceholderUnsubscribe, newsletter.PlaceholderPreferences, newsletter.PlaceholderAddress, newsletter.PlaceholderSince}
	for name, r := range sampleMails(t) {
		if !strings.HasPrefix(name, "digest-") {
			continue
		}
		for _, mark := range marks {
			if n := strings.Count(r.HTML, mark); n != 1 {
				t.Errorf("%s: %s stands in the HTML part %d times", name, mark, n)
			}
			if n := strings.Count(r.Text, mark); n != 1 {
				t.Errorf("%s: %s stands in the text part %d times", name, mark, n)
			}
		}
		if !strings.Contains(r.Text, "\n"+newsletter.PlaceholderAddress+"\n") {
			t.Errorf("%s: the address is not on a line of its own, and can be longer than a line", name)
		}
	}
}

func TestEqualEditionsGiveEqualMailsToAnyNumberOfCallers(t *testing.T) {
	m := newMail(t, mailSite())
	e := edition("weekly", many(40), many(240)[40:])
	want, err := m.Digest(e)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := m.Digest(e); err != nil || got != want {
				t.Errorf("a second rendering differs (error %v)", err)
			}
		})
	}
	wg.Wait()
}

func TestDatesAreInTheZoneOfTheSite(t *testing.T) {
	site := mailSite()
	site.TimeZone = "Europe/Berlin"
	// An insight dated 2 March in Berlin, as a database gives it back.
	item := published[0]
	item.Date = time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	m := newMail(t, site)
	r, err := m.Digest(edition("instant", []newsletter.Item{item}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Text, "March 2, 2026") {
		t.Errorf("the insight is dated otherwise:\n%s", r.Text)
	}
	r, err = m.Single(notice(newsletter.ConfirmEmail))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Text, "10:30 CET") {
		t.Errorf("the time of asking is otherwise:\n%s", r.Text)
	}
}

func TestConfirmationSaysWhatIsAskedAndHasItsLinksAlone(t *testing.T) {
	mail := newMail(t, mailSite())
	n := notice(newsletter.ConfirmEmail)
	links := []string{n.ConfirmURL, n.DeclineURL}
	elsewhere := n
	elsewhere.DeclineURL = ""
	var r newsletter.Body
	for _, one := range []struct {
		notice newsletter.SingleContent
		links  []string
	}{{elsewhere, links[:1]}, {n, links}} {
		var err error
		if r, err = mail.Single(one.notice); err != nil {
			t.Fatal(err)
		}
		if got := hrefs(t, r.HTML); !slices.Equal(got, one.links) {
			t.Errorf("links of the HTML part: %q", got)
		}
		if got := textURLs(r.Text); !slices.Equal(got, one.links) {
			t.Errorf("links of the text part: %q", got)
		}
	}
	for part, said := range map[string]string{"html": words(t, r.HTML), "text": strings.Join(strings.Fields(r.Text), " ")} {
		for _, want := range []string{
			"reader@example.org", "a weekly digest of insights on Architecture, Split Testing & Tracking and AI & Automation",
			"on January 5, 2026 at 09:30 UTC", "until January 8, 2026 at 09:30 UTC", "ignore this email", "Sent by ScaledByDesign", "1 Example Street",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
	}
}

// Its reader may be subscribed already, at this address too: it claims nothing of that.
func TestConfirmationOfANewAddressSaysThatItIsOne(t *testing.T) {
	r := sampleMails(t)["confirm-move"]
	if r.Subject != "Please confirm your new address for ScaledByDesign Insights" {
		t.Errorf("subject %q", r.Subject)
	}
	for part, said := range map[string]string{"html": words(t, r.HTML), "text": strings.Join(strings.Fields(r.Text), " ")} {
		for _, want := range []string{"your new address", "reader@example.org", "a weekly digest of insights on Architecture", "at this address from now on", "Without your confirmation nothing changes."} {
			if !strings.Contains(said, want) {
				t.Errorf("the %s part does not say %q: %s", part, want, said)
			}
		}
		for _, wrong := range []string{"subscription", "nothing is sent", "signed up"} {
			if strings.Contains(said, wrong) {
				t.Errorf("the %s part says %q: %s", part, wrong, said)
			}
		}
	}
}

func TestNoticesSayEveryCadence(t *testing.T) {
	m := newMail(t, mailSite())
	for cadence, want := range map[string]string{
		"instant": "an email for each new insight on Leadership", "daily": "a daily digest of insights on Leadership",
		"weekly": "a weekly digest of insights on Leadership", "monthly": "a monthly digest of insights on Leadership",
		"": "insights on Leadership",
	} {
		for _, kind := range []newsletter.MessageKind{newsletter.ConfirmEmail, newsletter.AlreadyEmail} {
			n := notice(kind)
			n.Cadence, n.Categories = cadence, []string{"leadership"}
			r, err := m.Single(n)
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(strings.Fields(r.Text), " "); !strings.Contains(text, want) {
				t.Errorf("%s, cadence %q: does not say %q:\n%s", kind, cadence, want, r.Text)
			}
		}
	}
}

func TestUnknownNoticeIsRefused(t *testing.T) {
	for _, kind := range []newsletter.MessageKind{"", "welcome", newsletter.DigestEmail} {
		if r, err := newMail(t, mailSite()).Single(notice(kind)); err == nil {
			t.Errorf("kind %q gave a mail: %q", kind, r.Subject)
		}
	}
}

func TestTextPartIsWrappedWithURLsOnLinesOfTheirOwn(t *testing.T) {
	for name, r := range sampleMails(t) {
		for line := range strings.Lines(r.Text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.Contains(line, "://") {
				if strings.ContainsAny(line, " \t") {
					t.Errorf("%s: a URL shares its line: %q", name, line)
				}
				continue
			}
			if n := len([]rune(line)); n > 72 {
				t.Errorf("%s: %d characters: %q", name, n, line)
			}
			if strings.TrimRight(line, " \t\r") != line {
				t.Errorf("%s: blanks at the end of %q", name, line)
			}
		}
		if strings.Contains(r.Text, "\n\n\n") || strings.HasPrefix(r.Text, "\n") || !strings.HasSuffix(r.Text, "\n") || strings.HasSuffix(r.Text, "\n\n") {
			t.Errorf("%s: blank lines are off", name)
		}
	}
}

func TestPreheaderIsNotTheSubjectAgain(t *testing.T) {
	long := strings.Repeat("several words of a summary ", 12)
	second := published[1]
	for name, tt := range map[string]struct {
		items []newsletter.Item
		want  string // how it begins
	}{
		"one":          {published[:1], "Four layers from browser"},
		"three":        {published, "Observability That Actually Helps"},
		"short titles": {[]newsletter.Item{{Title: "First", Slug: "a", Summary: long}, {Title: "Second", Slug: "b"}}, "Second · several words"},
		"long title":   {[]newsletter.Item{published[0], {Title: long, Slug: "b"}, second}, "several words of a summary"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := newMail(t, mailSite()).Digest(edition("weekly", tt.items, nil))
			if err != nil {
				t.Fatal(err)
			}
			hidden := find(parse(t, r.HTML), func(n *html.Node) bool { return strings.Contains(attr(n, "style"), "display:none") })
			if len(hidden) != 1 || hidden[0].Parent.Data != "body" || firstElement(hidden[0].Parent) != hidden[0] {
				t.Fatal("the preheader is not the first element of the body")
			}
			got, _, _ := strings.Cut(textOf(hidden[0]), "\u034f")
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want it to begin with %q", got, tt.want)
			}
			if n := len([]rune(got)); n < 60 || n > 90 {
				t.Errorf("%d characters, want 60 to 90: %q", n, got)
			}
			if strings.Contains(r.Text, "\u034f") {
				t.Error("the text part holds filler")
			}
		})
	}
}

// textURLs are the URLs that stand on a line of their own, sorted.
func textURLs(text string) []string {
	return sorted(regexp.MustCompile(`(?m)^https?://\S+$`).FindAllString(text, -1))
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// TestWhatStaffSayIsInBothParts looks at lists, links and line breaks.
func TestWhatStaffSayIsInBothParts(t *testing.T) {
	e := edition("weekly", published, nil)
	e.Intro = "Hello,\nall of you. See [our talk](https://talks.example.org/one).\n\n- one **thing**\n- another\n\n3. three\n\nTwo  \nlines, Vec<u8> and <b>."
	r, err := newMail(t, mailSite()).Digest(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`Hello, all of you. See <a class="accent" href="https://talks.example.org/one" style="color:#1d4ed8">our talk</a>.`,
		"<ul style=", `one <strong>thing</strong></li>`, "\n</ul>", `<ol start="3" style=`, "\n</ol>", `Two<br>lines, Vec&lt;u8&gt; and &lt;b&gt;.`,
	} {
		if !strings.Contains(r.HTML, want) {
			t.Errorf("the HTML part lacks %q", want)
		}
	}
	if want := "Hello, all of you. See our talk\nhttps://talks.example.org/one\n\n- one thing\n- another\n\n3. three\n\nTwo\nlines, Vec<u8> and <b>.\n"; !strings.Contains(r.Text, want) {
		t.Errorf("the text part lacks %q:\n%s", want, r.Text)
	}
	if markup, text := hrefs(t, r.HTML), textURLs(r.Text); !slices.Equal(markup, text) {
		t.Errorf("the parts differ in their links\nhtml %q\ntext %q", markup, text)
	}
}

// TestADigestForOneReaderLeadsToNoPage: it has none.
func TestADigestForOneReaderLeadsToNoPage(t *testing.T) {
	e := edition("weekly", many(40), many(400)[40:]) // some are left for the web
	e.WebURL = ""
	r, err := newMail(t, mailSite()).Digest(e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.HTML, "/digests/") || strings.Contains(r.Text, "/digests/") || strings.Contains(r.Text, "Read on the web") {
		t.Error("it leads to a page of its own")
	}
	for _, link := range hrefs(t, r.HTML) {
		if !strings.HasPrefix(link, "https://insights.example.com/") {
			t.Errorf("a link leads to %q", link)
		}
	}
}

// TestNothingTurnsTheDirectionAround: what overrides or isolates a direction is taken out;
// the marks that right-to-left text needs stay.
func TestNothingTurnsTheDirectionAround(t *testing.T) {
	items := slices.Clone(published[:2])
	items[0].Title, items[0].Summary = "Safe\u202e gnp.exe", "\u2066isolated\u2069 and \u202aembedded\u202c, \u200fmarked"
	e := edition("weekly", items, nil)
	e.Intro = "\u202dintro"
	r, err := newMail(t, mailSite()).Digest(e)
	if err != nil {
		t.Fatal(err)
	}
	for part, s := range map[string]string{"subject": r.Subject, "html": r.HTML, "text": r.Text} {
		if i := strings.IndexAny(s, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"); i >= 0 {
			t.Errorf("%s: %q", part, s[max(0, i-20):i+3])
		}
	}
	if !strings.Contains(r.Text, "\u200fmarked") {
		t.Error("a mark of direction was lost")
	}
}
