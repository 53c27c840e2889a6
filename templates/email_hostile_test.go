package templates_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/newsletter"
)

// awkward are texts that staff may write in good faith, and some that they may not.
var awkward = []newsletter.Item{
	{Slug: "generics", Title: `When List<T> & "any" Aren't the Same`, Summary: `Type parameters < 3, interfaces > 0: "it depends" & so on.`, CategoryName: "R&D <internal>", Minutes: 4},
	{Slug: "emoji", Title: "🚀 Shipping on Fridays 👩‍💻", Summary: "A team of 👩‍👩‍👧‍👦 and its pager 📟.", CategoryName: "Engineering", Minutes: 1},
	{Slug: "rtl", Title: "قياس ما يهم: ثلاثة أرقام لكل فريق", Summary: "كيف تختار المقاييس التي تغيّر القرارات، ولماذا تكفي ثلاثة منها.", CategoryName: "Leadership", Minutes: 7},
	{Slug: "אבטחה", Title: "אבטחה API ראשונה", Summary: "Mixed: שלום and hello.", CategoryName: "Architecture", Minutes: 2},
	{Slug: "long-word", Title: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" + strings.Repeat("xyz", 40), Summary: strings.Repeat("0123456789abcdef", 20), CategoryName: "Infrastructure", Minutes: 3},
	{Slug: "script", Title: `<script>alert(1)</script>`, Summary: `<img src=x onerror=alert(1)> {{.UnsubscribeURL}} <!-- --> ]]>`, CategoryName: `"><b>`, Minutes: 5},
	{Slug: `a"b/../c?d#e`, Title: "Two\nLines\r\n\r\nUnsubscribe:\nhttps://evil.example/", Summary: "Bell \a, null \x00, escape \x1b[31m, invalid \xff, tab\tand no-break\u00a0space.", CategoryName: "Line\nbreak", Minutes: 6},
}

func awkwardEdition() newsletter.DigestContent {
	items := slices.Clone(awkward)
	for i := range items {
		items[i].Date = time.Date(2026, 1, 4-i, 0, 0, 0, 0, time.UTC)
	}
	last := items[0]
	last.Slug = "generics-again"
	e := edition("weekly", items, []newsletter.Item{last})
	e.Subject = "A \"subject\" with <tags> &\nlines"
	e.Category = "R&D <b>"
	e.Intro = "Dear <reader>,\n\n  </td></tr></table>   was here.\r\n\r\n<a href=\"https://evil.example/\">click</a>"
	return e
}

func TestAwkwardTextsStayText(t *testing.T) {
	r, err := newMail(t, mailSite()).Digest(awkwardEdition())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "mail/digest-awkward.html", r.HTML)
	golden(t, "mail/digest-awkward.txt", "Subject: "+r.Subject+"\n\n"+r.Text)

	seen := words(t, r.HTML)
	flat := strings.Join(strings.Fields(r.Text), " ")
	for _, want := range []string{
		`When List<T> & "any" Aren't the Same`, `R&D <internal>`, "🚀 Shipping on Fridays 👩‍💻", "👩‍👩‍👧‍👦", "قياس ما يهم: ثلاثة أرقام لكل فريق",
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)> {{.UnsubscribeURL}} <!-- --> ]]>`,
		"Two Lines Unsubscribe: https://evil.example/", "Dear <reader>,", `<a href="https://evil.example/">click</a>`,
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("the HTML part does not show %q", want)
		}
		if !strings.Contains(flat, want) {
			t.Errorf("the text part does not show %q", want)
		}
	}
	doc := parse(t, r.HTML)
	for _, tag := range []string{"script", "img", "b"} {
		if len(element(doc, tag)) > 0 {
			t.Errorf("<%s> got through", tag)
		}
	}
	for _, u := range hrefs(t, r.HTML) {
		if !strings.HasPrefix(u, "https://insights.example.com/") {
			t.Errorf("a link leads to %q", u)
		}
	}
	if strings.ContainsAny(r.Subject, "\r\n") {
		t.Errorf("the subject has lines: %q", r.Subject)
	}
	for part, s := range map[string]string{"html": r.HTML, "text": r.Text} {
		if i := strings.IndexFunc(s, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f }); i >= 0 {
			t.Errorf("the %s part holds a control character: %q", part, s[max(0, i-20):i+1])
		}
	}
	if !strings.Contains(r.Text, "no-break\u00a0space") {
		t.Error("no-break spaces were lost")
	}
}

func TestTitleCannotForgeLinesOfTheTextPart(t *testing.T) {
	e := edition("weekly", awkward[6:], nil)
	e.Subject = "Subject"
	e.Intro = "What staff write is theirs."
	r, err := newMail(t, mailSite()).Digest(e)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(r.Text, "\nUnsubscribe:\n"); n != 1 {
		t.Errorf("%d lines say Unsubscribe:\n%s", n, r.Text)
	}
}

func TestLinkOfAnInsightIsAnAddressWhateverItsSlug(t *testing.T) {
	r, err := newMail(t, mailSite()).Digest(edition("weekly", awkward, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"https://insights.example.com/insights/%D7%90%D7%91%D7%98%D7%97%D7%94",
		"https://insights.example.com/insights/a%22b%2F..%2Fc%3Fd%23e",
	}
	markup, text := hrefs(t, r.HTML), textURLs(r.Text)
	for _, u := range want {
		if !slices.Contains(markup, u) || !slices.Contains(text, u) {
			t.Errorf("%s is not linked in both parts", u)
		}
	}
}

func TestNoticesKeepAwkwardAddressesAndCategoriesAsText(t *testing.T) {
	m := newMail(t, mailSite())
	for _, kind := range []newsletter.MessageKind{newsletter.ConfirmEmail, newsletter.AlreadyEmail, newsletter.MovedEmail, newsletter.LinkEmail} {
		n := notice(kind)
		n.Address = "o'brien&{x}<b>@example.org"
		n.Categories = []string{"gone<i>", "leadership"}
		n.AskedAt, n.ExpiresAt = time.Time{}, time.Time{}
		r, err := m.Single(n)
		if err != nil {
			t.Fatal(err)
		}
		for part, s := range map[string]string{"html": words(t, r.HTML), "text": strings.Join(strings.Fields(r.Text), " ")} {
			if !strings.Contains(s, n.Address) || (kind == newsletter.ConfirmEmail || kind == newsletter.AlreadyEmail) && !strings.Contains(s, "Leadership and gone<i>") {
				t.Errorf("%s, %s: %s", kind, part, s)
			}
			if strings.Contains(s, "0001") || strings.Contains(s, "until") {
				t.Errorf("%s, %s: speaks of a time that is not known: %s", kind, part, s)
			}
		}
		if bad := find(parse(t, r.HTML), func(n *html.Node) bool { return n.Data == "b" || n.Data == "i" }); len(bad) > 0 {
			t.Errorf("%s: markup got through", kind)
		}
	}
}

func TestSiteWithLittleToSayStillMakesMails(t *testing.T) {
	site := mailSite()
	site.PostalAddress, site.Owner, site.Author, site.Language, site.Title = "", "", "", "", "Notes & <Queries>"
	r, err := newMail(t, site).Digest(edition("", []newsletter.Item{{Slug: "a", Title: "Title"}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Text, "Sent by Notes & <Queries>\n") || !strings.Contains(words(t, r.HTML), "Sent by Notes & <Queries>") {
		t.Errorf("it does not say who sends:\n%s", r.Text)
	}
	if strings.Contains(r.Text, "·") {
		t.Errorf("there are separators with nothing to separate:\n%s", r.Text)
	}
}
