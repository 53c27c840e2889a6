package templates_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
)

// maxMail is where a digest ends whatever it carries; Gmail shows about 100 KB.
const maxMail = 90_000

// wordy makes n insights with the longest texts that are of use to anybody.
func wordy(n int) []newsletter.Item {
	items := many(n)
	for i := range items {
		items[i].Title = fmt.Sprintf("%d: %s", i, strings.Repeat("A Long Title & More ", 7))
		items[i].Summary = strings.Repeat("A summary that says 'all' of it & then some. ", 15)
	}
	return items
}

// personal puts in what is longest of a reader's own.
func personal(r newsletter.Body) newsletter.Body {
	token := strings.Repeat("T", 100)
	fill := func(s, address string) string {
		return strings.NewReplacer(newsletter.PlaceholderUnsubscribe, token, newsletter.PlaceholderPreferences, token,
			newsletter.PlaceholderAddress, address, newsletter.PlaceholderSince, "17 September 2026").Replace(s)
	}
	r.HTML = fill(r.HTML, strings.Repeat("&#39;", 254))
	r.Text = fill(r.Text, strings.Repeat("'", 254))
	return r
}

func TestAnyDigestStaysBelowWhatMailProgramsCutOff(t *testing.T) {
	m := newMail(t, mailSite())
	for name, e := range map[string]newsletter.DigestContent{
		"40 long insights":                 edition("weekly", wordy(40), nil),
		"40 long insights and 200 titles":  edition("weekly", wordy(40), wordy(240)[40:]),
		"300 insights in full":             edition("weekly", wordy(300), nil),
		"3 insights and 5000 titles":       edition("weekly", many(3), wordy(5003)[3:]),
		"no insight in full, 2000 titles":  edition("weekly", nil, many(2000)),
		"one insight with an endless text": edition("instant", []newsletter.Item{{Slug: "a", Title: "A", Summary: strings.Repeat("word ", 40_000)}}, nil),
		"one endless title":                edition("weekly", append([]newsletter.Item{{Slug: "a", Title: strings.Repeat("title ", 40_000)}}, many(2)...), nil),
	} {
		t.Run(name, func(t *testing.T) {
			e.Subject = "Subject"
			r, err := m.Digest(e)
			if err != nil {
				t.Fatal(err)
			}
			if got := personal(r); len(got.HTML) > maxMail {
				t.Errorf("%d bytes of HTML", len(got.HTML))
			}
			if !slices.Equal(hrefs(t, r.HTML), textURLs(r.Text)) {
				t.Error("the parts differ in their links")
			}
			shown := len(regexp.MustCompile(`(?m)^https://insights.example.com/insights/`).FindAllString(r.Text, -1))
			left := 0
			if m := regexp.MustCompile(`(\d+) more (is|are) on the web`).FindStringSubmatch(words(t, r.HTML)); m != nil {
				left, _ = strconv.Atoi(m[1])
			}
			if total := len(e.Items) + len(e.More); shown+left != total {
				t.Errorf("%d shown and %d on the web make %d", shown, left, total)
			}
			if left > 0 && !strings.Contains(r.Text, fmt.Sprintf("%d more ", left)) {
				t.Error("the text part does not say how many more there are")
			}
		})
	}
}

func TestSummariesGoBeforeTitlesAndTheLastGoFirst(t *testing.T) {
	m := newMail(t, mailSite())
	items := wordy(240)
	r, err := m.Digest(edition("weekly", items[:40], items[40:]))
	if err != nil {
		t.Fatal(err)
	}
	doc := parse(t, r.HTML)
	full, titles := element(doc, "h2"), element(doc, "li")
	if len(full) < 3 || len(full) >= 40 {
		t.Errorf("%d insights in full, want fewer than 40 and at least 3", len(full))
	}
	for i, n := range slices.Concat(full, titles) {
		if want := fmt.Sprintf("%d: ", i); !strings.HasPrefix(strings.TrimSpace(textOf(n)), want) {
			t.Fatalf("place %d is held by %q", i, textOf(n))
		}
	}
	if len(full)+len(titles) < 240 && len(full) > 3 {
		t.Errorf("%d titles went while %d insights kept their summaries", 240-len(full)-len(titles), len(full))
	}
	if n := len(r.HTML); n < 80_000 {
		t.Errorf("%d bytes: more was cut than had to be", n)
	}
}

func TestDigestThatFitsIsShownWhole(t *testing.T) {
	r, err := newMail(t, mailSite()).Digest(edition("weekly", many(40), many(100)[40:]))
	if err != nil {
		t.Fatal(err)
	}
	doc := parse(t, r.HTML)
	if full, titles := len(element(doc, "h2")), len(element(doc, "li")); full != 40 || titles != 60 {
		t.Errorf("%d in full and %d titles", full, titles)
	}
	if strings.Contains(r.Text, "on the web:\nhttps://insights.example.com/digests/12\n\n---") {
		t.Error("it sends readers to the web for more")
	}
}

func TestEndlessEditionTextIsRefusedWithWhatToDo(t *testing.T) {
	e := edition("weekly", published, nil)
	e.Intro = strings.Repeat("Much to say. ", 10_000)
	_, err := newMail(t, mailSite()).Digest(e)
	if err == nil || !strings.Contains(err.Error(), "shorten the edition text") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkDigest(b *testing.B) {
	m := newMail(b, mailSite())
	for name, e := range map[string]newsletter.DigestContent{
		"12 insights":  edition("weekly", many(12), nil),
		"600 insights": edition("weekly", many(40), many(600)[40:]),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Digest(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
