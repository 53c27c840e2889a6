package bounce_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/newsletter/bounce"
)

func TestKindAndClassOfWholeMessages(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/whole.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			f := strings.Split(file.Name, "/")
			for name, raw := range map[string]string{
				"LF": string(file.Data), "CRLF": strings.ReplaceAll(string(file.Data), "\n", "\r\n"), "CR": strings.ReplaceAll(string(file.Data), "\n", "\r"),
				"mailbox": "From MAILER-DAEMON Mon Mar 16 09:02:11 2026\n" + string(file.Data),
			} {
				got, err := bounce.Parse(strings.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
				if want := strings.TrimPrefix("/"+f[1], "/none"); string(got.Kind) != f[0] || "/"+string(got.Class) != "/"+strings.TrimPrefix(want, "/") {
					t.Errorf("%s: %s %q, recipients %+v: %s", name, got.Kind, got.Class, got.Recipients, got.Text)
				}
			}
		})
	}
}

func TestWhatAReportTells(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  string
		want bounce.Report
	}{
		{
			"a report names the recipient as the sender wrote it",
			"Delivered-To: bounce+a.b@bounces.example.com\nTo: Insights <bounce+a.b@bounces.example.com>\nX-Original-To: other@example.com\nSubject: Undelivered\n" +
				"Content-Type: multipart/report; boundary=d\n\n--d\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example.com\n\n" +
				"Original-Recipient: rfc822;mira+2Bnews@example.org\nFinal-Recipient: rfc822;root@inner.example.org\nAction: failed\nStatus: 5.1.1 (bad)\nDiagnostic-Code: smtp; 550 5.1.1\n  gone\u202e\n" +
				"--d\nContent-Type: message/rfc822\n\nReturn-Path: <bounce+c.d@bounces.example.com>\nMessage-ID: <eq1x.2@example.com>\nTo: Mira <mira@example.org>\n\nhello\n--d--\n",
			bounce.Report{
				Kind: bounce.Failure, Class: bounce.Hard, Text: "550 5.1.1 gone", MessageID: "eq1x.2@example.com", OriginalTo: "mira@example.org",
				To:         []string{"bounce+a.b@bounces.example.com", "other@example.com", "bounce+c.d@bounces.example.com"},
				Recipients: []bounce.Recipient{{Address: "mira+news@example.org", Action: "failed", Status: "5.1.1", Code: 550, Diagnostic: "550 5.1.1 gone", Class: bounce.Hard}},
			},
		},
		{
			"addresses beyond ASCII are decoded",
			"Subject: x\nContent-Type: multipart/report; boundary=d\n\n--d\nContent-Type: message/global-delivery-status\n\nFinal-Recipient: utf-8; m\\x{EF}ra@ex\\x{E4}mple.org\nAction: failed\nStatus: 5.2.2\n--d--\n",
			bounce.Report{
				Kind: bounce.Failure, Class: bounce.Soft, Text: "x",
				Recipients: []bounce.Recipient{{Address: "mïra@exämple.org", Action: "failed", Status: "5.2.2", Class: bounce.Soft}},
			},
		},
		{
			"a complaint names the return path and the reader",
			"To: complaints@example.com\nSubject: report\nContent-Type: multipart/report; boundary=f\n\n--f\nContent-Type: message/feedback-report\n\nFeedback-Type: Abuse\n" +
				"Original-Mail-From: <bounce+a.b@bounces.example.com>\nOriginal-Rcpt-To: rfc822;mira@example.org\n\n--f\nContent-Type: text/rfc822-headers\n\nMessage-Id: <eq1x.2@example.com>\n--f--\n",
			bounce.Report{
				Kind: bounce.Complaint, Text: "report", Feedback: "abuse", MessageID: "eq1x.2@example.com", OriginalTo: "mira@example.org",
				To: []string{"bounce+a.b@bounces.example.com", "complaints@example.com"}, Recipients: []bounce.Recipient{{Address: "mira@example.org"}},
			},
		},
		{
			"a reply names the mail that it answers",
			"To: bounce+a.b@bounces.example.com\nSubject: Out of office\nIn-Reply-To: <eq1x.2@example.com>\n\nGone\x1b[31m.\n",
			bounce.Report{Kind: bounce.AutoReply, Text: "Gone [31m.", MessageID: "eq1x.2@example.com", To: []string{"bounce+a.b@bounces.example.com"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := bounce.Parse(strings.NewReader(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreUnexported(bounce.Report{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoMessageIsAnError(t *testing.T) {
	for _, raw := range []string{"", "\n\n", "hello world", "\x00\x01"} {
		if _, err := bounce.Parse(strings.NewReader(raw)); !errors.Is(err, bounce.ErrNoMessage) {
			t.Errorf("%q: %v, want ErrNoMessage", raw, err)
		}
	}
	if _, err := bounce.Parse(iotest.ErrReader(errors.New("gone"))); err == nil || errors.Is(err, bounce.ErrNoMessage) {
		t.Errorf("an error in reading became %v", err)
	}
}

func TestWhatLiesBeyondTheLimitsIsCut(t *testing.T) {
	status := "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; mira@example.org\nAction: failed\nStatus: 5.1.1\n"
	failed := "X-Failed-Recipients: mira@example.org\n\n550 user unknown\n"
	for name, c := range map[string]struct {
		raw  string
		want bounce.Class
	}{
		"51 parts":           {"Subject: x\nContent-Type: multipart/mixed; boundary=b\n" + strings.Repeat("\n--b\n\nhello\n", 51) + "--b\n" + status, bounce.None},
		"11 levels":          {nested(11) + status, bounce.None},
		"a few levels":       {nested(5) + status, bounce.Hard},
		"more than 1 MiB":    {"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" + strings.Repeat("hello\n", 1<<18) + "\n--b\n" + status, bounce.None},
		"a long header":      {strings.Repeat("X-Long: "+strings.Repeat("y", 990)+"\n", 100) + failed, bounce.None},
		"a header of fields": {strings.Repeat("X: y\n", 501) + failed, bounce.None},
		"a short header":     {"X: y\n" + failed, bounce.Hard},
	} {
		got, err := bounce.Parse(strings.NewReader(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		if got.Class != c.want {
			t.Errorf("%s: %s %q, want %q", name, got.Kind, got.Class, c.want)
		}
	}
}

// nested is the beginning of as many multiparts in each other.
func nested(levels int) string {
	var b strings.Builder
	b.WriteString("Subject: x\n")
	for i := range levels {
		boundary := strings.Repeat("b", i+1)
		b.WriteString("Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n")
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/whole.txtar", "testdata/mailers.txtar"} {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if budget.Sampled(string(raw)) { // TestHostileMessagesCostLittle has the worst
			// Grown from its middle on, too: a body, or a part of one, that is as long.
			for _, grown := range []string{budget.Grown(string(raw)), string(raw[:len(raw)/2]) + budget.Grown(string(raw[len(raw)/2:]))} {
				budget.Check(t, func() { _, _ = bounce.Parse(strings.NewReader(grown)) })
			}
		}
		got, err := bounce.Parse(strings.NewReader(string(raw)))
		if err != nil {
			return
		}
		texts := append([]string{got.Text, got.Feedback, got.MessageID, got.OriginalTo, string(got.Kind)}, got.To...)
		for _, r := range got.Recipients {
			texts = append(texts, r.Address, r.Action, r.Status, r.Diagnostic)
			if r.Class != bounce.None && got.Class == bounce.None {
				t.Errorf("a recipient is %q, the report means nothing", r.Class)
			}
		}
		if len(texts) > 600 {
			t.Errorf("%d texts", len(texts))
		}
		for _, s := range texts {
			if len(s) > 512 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q is no line for people", s)
			}
		}
		if !slices.Contains([]bounce.Class{bounce.None, bounce.Soft, bounce.Blocked, bounce.Hard}, got.Class) || got.Kind != bounce.Failure && got.Class != bounce.None {
			t.Errorf("%s is of class %q", got.Kind, got.Class)
		}
	})
}

func FuzzClassify(f *testing.F) {
	for _, r := range replies(f) {
		f.Add(r.code, r.status, r.text)
	}
	f.Add(450, "4.", "your ip is blocked")
	f.Add(0, "5", "spam (")
	f.Fuzz(func(t *testing.T, code int, status, text string) {
		if budget.Sampled(text) {
			long, grown := budget.Grown(text), budget.Grown(status)
			budget.Check(t, func() { bounce.Classify(code, grown, long) })
		}
		switch got := bounce.Classify(code, status, text); got {
		case bounce.None, bounce.Soft, bounce.Blocked:
		case bounce.Hard:
			if code/100 == 4 {
				t.Errorf("%d is final", code)
			}
		default:
			t.Errorf("class %q", got)
		}
	})
}

func TestWhereAMessageCameBackFrom(t *testing.T) {
	report := func(fields string) string {
		return "From: MAILER-DAEMON@mx.example.net\nSubject: Undelivered Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nFailed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n" +
			fields + "Action: failed\nStatus: 5.1.1\n\n--b\nContent-Type: text/rfc822-headers\n\nTo: Ada@example.com\n\n--b--\n"
	}
	text := func(words string) string {
		return "From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\n\n" + words + "\n\n--- Below this line is a copy of the message.\n\nTo: Ada@example.com\nSubject: digest\n"
	}
	for _, c := range []struct {
		name, raw string
		want      bool
	}{
		{"the report names it", report("Final-Recipient: rfc822; ada@EXAMPLE.com\n"), true},
		{"the report names it as the original one", report("Original-Recipient: rfc822; ada@example.com\nFinal-Recipient: rfc822; box17@inside.example.net\n"), true},
		{"the report names another", report("Final-Recipient: rfc822; ada@elsewhere.example\n"), false},
		{"the report names nobody", report("Final-Recipient: x400; ADA\n"), true},
		{"the words name it", text("Hi. This is the program at mx.example.net.\n\n<ada@example.com>:\nUser unknown"), true},
		{"the words name another", text("Hi. This is the program at mx.example.net.\n\n<ada@elsewhere.example>:\nUser unknown"), false},
		{"the words name nobody", text("Your message was not delivered: mailbox unknown"), true},
	} {
		got, err := bounce.Parse(strings.NewReader(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		if is := got.CameFrom("Ada@example.com"); is != c.want {
			t.Errorf("%s: %v", c.name, is)
		}
	}
}
