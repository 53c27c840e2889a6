package newsletter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// attempts is first attempts at emails, in the order of sending.
type attempts []newsletter.Attempt

func (a *attempts) add(n int, domain string, refused bool, words string, proven bool) {
	for range n {
		*a = append(*a, newsletter.Attempt{Reader: int64(len(*a) + 1), Domain: domain, Refused: refused, Words: words, Proven: proven})
	}
}

// elsewhere adds accepted emails to as many other domains.
func (a *attempts) elsewhere(n int) {
	for range n {
		a.add(1, fmt.Sprintf("d%d.example", len(*a)), false, "", false)
	}
}

func TestWhatMakesARefusalDoubtful(t *testing.T) {
	const org = "big.example"
	gone := newsletter.Attempt{Reader: 9999, Domain: org, Refused: true, Words: "user unknown"}
	for _, c := range []struct {
		name string
		make func(a *attempts)
		want bool
	}{
		{"one dead address", func(a *attempts) { a.elsewhere(500) }, false},
		{"ten of ten at its domain", func(a *attempts) { a.add(10, org, true, "user unknown", false) }, true},
		{"ten of twelve at its domain", func(a *attempts) {
			a.add(5, org, true, "x", false)
			a.add(2, org, false, "", false)
			a.add(5, org, true, "y", false)
		}, true},
		{"ten of thirteen", func(a *attempts) {
			a.add(5, org, true, "x", false)
			a.add(3, org, false, "", false)
			a.add(4, org, true, "y", false)
		}, false},
		{"nine of nine", func(a *attempts) { a.add(8, org, true, "x", false) }, false},
		{"what was sent elsewhere in between does not count", func(a *attempts) {
			for range 10 {
				a.add(1, org, true, "x", false)
				a.elsewhere(30)
			}
		}, true},
		{"anywhere in the window, not only around it", func(a *attempts) {
			a.add(10, org, true, "x", false)
			a.add(300, org, false, "", false)
		}, true},
		{"another domain, in other words", func(a *attempts) { a.add(12, "other.example", true, "x", false) }, false},
		{"another domain, in the same words", func(a *attempts) { a.add(12, "other.example", true, "user unknown", false) }, true},
		{"many domains, in the same words", func(a *attempts) {
			for i := range 10 {
				a.add(1, fmt.Sprintf("h%d.example", i), true, "user unknown", false)
				a.elsewhere(20) // domains that did not use these words don't count
			}
		}, true},
		{"in the same words, but most are accepted there", func(a *attempts) {
			for i := range 12 {
				a.add(1, fmt.Sprintf("h%d.example", i%3), true, "user unknown", false)
				a.add(2, fmt.Sprintf("h%d.example", i%3), false, "", false)
			}
		}, false},
		{"ten proven among two hundred", func(a *attempts) {
			for i := range 10 {
				a.add(1, fmt.Sprintf("p%d.example", i), true, fmt.Sprint("words ", string(rune('a'+i))), true)
				a.elsewhere(18)
			}
		}, true},
		{"ten proven among more than two hundred", func(a *attempts) {
			for i := range 10 {
				a.add(1, fmt.Sprintf("p%d.example", i), true, fmt.Sprint("words ", string(rune('a'+i))), true)
				a.elsewhere(25)
			}
		}, false},
		{"thirty of anybody among fifty", func(a *attempts) {
			for i := range 30 {
				a.add(1, fmt.Sprintf("q%d.example", i), true, fmt.Sprint("words ", i), false)
				a.elsewhere(i % 2)
			}
		}, true},
		{"twenty-nine of anybody", func(a *attempts) {
			for i := range 29 {
				a.add(1, fmt.Sprintf("q%d.example", i), true, fmt.Sprint("words ", i), false)
			}
			a.elsewhere(30)
		}, false},
		{"a reader counts once", func(a *attempts) {
			for range 4 {
				for r := range 4 {
					*a = append(*a, newsletter.Attempt{Reader: int64(r + 1), Domain: org, Refused: true, Words: "user unknown"})
				}
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a attempts
			c.make(&a)
			a = append(a, gone)
			j := newsletter.DefaultJudgement()
			d := j.Doubts(a)
			if got := d.Of(gone); (got != "") != c.want {
				t.Errorf("in doubt: %q, want %t", got, c.want)
			}
		})
	}
}

func TestTheThirdDoubtSuppresses(t *testing.T) {
	j := newsletter.DefaultJudgement()
	for _, c := range []struct {
		days []float64
		want bool
	}{
		{[]float64{0}, false},
		{[]float64{0, 7}, false},
		{[]float64{0, 7, 14}, true},
		{[]float64{0, 5, 10}, true},
		{[]float64{0, 4.9, 9.8}, false},         // the second is too soon; the third is the second that counts
		{[]float64{0, 1, 2, 3, 4, 5, 6}, false}, // daily digests: 0 and 5
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, true},
	} {
		var sent []time.Time
		for _, day := range c.days {
			sent = append(sent, time.Unix(1e9, 0).Add(time.Duration(day*float64(24*time.Hour))))
		}
		if got := j.DoubtsEnough(sent); got != c.want {
			t.Errorf("in doubt on days %v: enough %t, want %t", c.days, got, c.want)
		}
	}
}

func TestRefusalWordsKeepWhatIsCommon(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`550 5.1.1 <mira@example.org>: Recipient address rejected: User unknown`, "recipient address user unknown"},
		{`550-5.1.1 The email account that you tried to reach does not exist a1-2 gsmtp`, "the email account that you tried to reach does not exist gsmtp"},
		{`No such user "mira" here, see https://example.org/x id=7`, "no such user here, see"},
		{`Host or domain name not found. Name service error for name=example.org type=MX`, "host or domain name not name service error for"},
		{"", ""},
	} {
		if got := newsletter.RefusalWords(c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestRunsAreReadAsTheyAreWritten(t *testing.T) {
	for _, s := range []string{"10 of 12", "1 of 1", "10 of 200"} {
		if r, err := newsletter.ParseRun(s); err != nil || r.String() != s {
			t.Errorf("%q: %v, %v", s, r, err)
		}
	}
	for _, s := range []string{"", "10", "12 of 10", "0 of 5", "a of b", "-1 of 5", "10/12", "1 of 99999"} {
		if r, err := newsletter.ParseRun(s); err == nil {
			t.Errorf("%q is read as %v", s, r)
		}
	}
}
