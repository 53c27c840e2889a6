package smtp_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func digest() newsletter.Message {
	return newsletter.Message{
		MessageID: "mfrggzdfmztwq2lk.d7k2m9@insights.example",
		Date:      time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC),
		From:      `"Insights" <insights@insights.example>`,
		ReplyTo:   "team@insights.example",
		To:        "ada@reader.example",
		ToName:    "Ada Lovelace",
		Subject:   "Prüfen, was wirkt: how to test with few visitors, and five more insights of this week",
		Text:      "Six new insights.\n\n.A line that begins with a dot\nCafé = 3 €, and a line that is longer than any line of a mail should be, so that it wraps softly\ntrailing blank \n",
		HTML:      "<!doctype html><html lang=\"en\"><body><h1>Six new insights</h1>\n<p>Café = 3 €</p></body></html>",
		Boundary:  "=_d7k2m9-0",
		Headers: []newsletter.Header{
			{Name: "List-Id", Value: "<insights.insights.example>"},
			{Name: "List-Unsubscribe", Value: "<https://insights.example/unsubscribe/u1.aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789-_aBcDeFgHiJkLmNoPqRsT>, <mailto:unsubscribe+u1@bounce.insights.example>"},
			{Name: "List-Unsubscribe-Post", Value: "List-Unsubscribe=One-Click"},
			{Name: "Feedback-ID", Value: "d7k2m9:weekly:digest:insightsexample"},
			{Name: "Precedence", Value: "bulk"},
			{Name: "Auto-Submitted", Value: "auto-generated"},
			{Name: "X-Auto-Response-Suppress", Value: "OOF, AutoReply"},
		},
	}
}

func compose(t testing.TB, m newsletter.Message) []byte {
	t.Helper()
	message, err := smtp.Composer{}.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// The golden files were written by another process: equal bytes there and here
// are what a resend after an upgrade needs.
func TestComposeGivesTheSameBytesInEveryProcess(t *testing.T) {
	plain := digest()
	plain.HTML, plain.ToName, plain.ReplyTo, plain.Headers = "", "", "", plain.Headers[5:]
	for name, message := range map[string]newsletter.Message{"digest.eml": digest(), "plain.eml": plain} {
		first := compose(t, message)
		for range 200 {
			if !bytes.Equal(compose(t, message), first) {
				t.Fatalf("%s: two messages from one letter", name)
			}
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, first, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(first)); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", name, diff)
		}
	}
}

func TestComposeFollowsTheRulesOfMessages(t *testing.T) {
	message := compose(t, digest())
	checkForm(t, message)
	m := parse(t, message)
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Reply-To", "List-Unsubscribe"} {
		if n := len(m.header[name]); n != 1 {
			t.Errorf("%d %s fields", n, name)
		}
	}
	for _, name := range []string{"User-Agent", "X-Mailer"} {
		if m.header.Get(name) != "" {
			t.Errorf("%s tells which program writes", name)
		}
	}
	if got := m.header.Get("Date"); got != "Mon, 23 Nov 2026 09:00:00 +0000" {
		t.Errorf("Date %q", got)
	}
	for _, line := range []string{
		"Message-ID: <mfrggzdfmztwq2lk.d7k2m9@insights.example>",
		"List-Unsubscribe: " + strings.Replace(digest().Headers[1].Value, ">, <", ">,\r\n <", 1),
		`To: "Ada Lovelace" <ada@reader.example>`,
		"Reply-To: <team@insights.example>",
	} {
		if !bytes.Contains(message, []byte("\r\n"+line+"\r\n")) {
			t.Errorf("no line %q", line)
		}
	}
	if want := []string{"text/plain", "text/html"}; !slices.Equal(m.types, want) {
		t.Errorf("parts %q, want %q", m.types, want)
	}
	if diff := cmp.Diff(newsletter.Body{Subject: digest().Subject, Text: digest().Text, HTML: digest().HTML + "\n"}, m.words); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func TestALetterWithoutHTMLIsPlainText(t *testing.T) {
	message := digest()
	message.HTML = ""
	m := parse(t, compose(t, message))
	if !slices.Equal(m.types, []string{"text/plain"}) || m.words.Text != message.Text {
		t.Errorf("%q: %q", m.types, m.words.Text)
	}
}

func TestSubjectsComeBackAsTheyWere(t *testing.T) {
	for _, subject := range []string{
		"Plain", "two  blanks", " leading", "trailing ", "   ends   ", "=?utf-8?q?not_encoded?=", "tab\there", "日本語の件名はとても長いので、いくつかの単語に分かれます。そして読めます。",
		"Über uns and a tail", "a head and Über", strings.Repeat("w", 200), strings.Repeat("word ", 60) + "end", strings.Repeat(" ", 90) + "x", "bell \a", "e\u0301 👩‍👩‍👧",
		"List-Unsubscribe: <x>", "a=_b?c", strings.Repeat("é", 300),
	} {
		m := digest()
		m.Subject = subject
		message := compose(t, m)
		checkForm(t, message)
		if got := parse(t, message).words.Subject; got != subject {
			t.Errorf("%q came back as %q", subject, got)
		}
		header, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(header, []byte("\r\n")) {
			if bytes.Contains(line, []byte("=?")) && len(line) > 76 {
				t.Errorf("%q: a line of %d octets with an encoded word (RFC 2047 allows 76)", subject, len(line))
			}
			if len(bytes.TrimSpace(line)) == 0 {
				t.Errorf("%q: a line of blanks within the header", subject)
			}
		}
	}
}

func TestAddressesOfAllScripts(t *testing.T) {
	for _, test := range []struct{ to, name, field string }{
		{"ada@reader.example", "", "<ada@reader.example>"},
		{"ada@bücher.example", "", "<ada@xn--bcher-kva.example>"},
		{"zoë@bücher.example", "", "<zoë@xn--bcher-kva.example>"},
		{"a..b@reader.example", "", `<"a..b"@reader.example>`},
		{"ada@reader.example", `Ada "The Countess", Lovelace`, `"Ada \"The Countess\", Lovelace" <ada@reader.example>`},
		{"ada@reader.example", "a@b.example, c@d.example", `"a@b.example, c@d.example" <ada@reader.example>`},
		{"ada@reader.example", "Zoë", "=?utf-8?q?Zo=C3=AB?= <ada@reader.example>"},
		{"ada@reader.example", "  Ada   Lovelace ", `"Ada Lovelace" <ada@reader.example>`},
	} {
		message := digest()
		message.To, message.ToName = test.to, test.name
		m := parse(t, compose(t, message))
		if got := m.header.Get("To"); got != test.field {
			t.Errorf("To: %s, want %s", got, test.field)
		}
		if list, err := m.header.AddressList("To"); err != nil || len(list) != 1 {
			t.Errorf("%s: %d addresses, %v", test.field, len(list), err)
		}
	}
}

// TestNamesThatLookEncodedAreNotDecoded: a name is shown as it was stored, by programs that
// decode what is quoted, too.
func TestNamesThatLookEncodedAreNotDecoded(t *testing.T) {
	for _, name := range []string{
		"=?utf-8?q?Support?=", "=?UTF-8?B?U3VwcG9ydA==?=", "Ada =?utf-8?q?Support?= Lovelace", `"=?utf-8?q?a?=", \ (b)`,
		"=?iso-8859-1?q?=53?= =?utf-8?q?=75?=", "=? =?", "Zoë =?utf-8?q?Support?=", "=?utf-8?q?" + strings.Repeat("long ", 40) + "?=",
		"=?utf-8?q?Bcc=3A_x=40y.example=0D=0A?=",
	} {
		message := digest()
		message.ToName = name
		quoted := (&mail.Address{Name: name, Address: "a@b.example"}).String()
		message.From, message.ReplyTo = quoted, quoted
		message.Subject = name
		message.Headers = []newsletter.Header{{Name: "List-Id", Value: name + " <insights.example>"}, {Name: "X-Title", Value: name}}
		prepared, err := smtp.Composer{}.Prepare(message)
		if err != nil {
			t.Fatal(err)
		}
		filled, err := prepared.Append(nil, newsletter.Copy{MessageID: message.MessageID, To: message.To, ToName: name})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{compose(t, message), filled} {
			checkForm(t, text)
			m := parse(t, text)
			for _, field := range []string{"From", "To", "Reply-To"} {
				list, err := m.header.AddressList(field)
				if err != nil || len(list) != 1 || list[0].Name != name {
					t.Errorf("%s of %q is %v, %v", field, name, list, err)
				}
				decoded, err := new(mime.WordDecoder).DecodeHeader(m.header.Get(field)) // quotes or not
				if shown, _, _ := strings.Cut(decoded, " <"); err != nil || shown != name {
					t.Errorf("%s of %q is shown as %q, %v", field, name, decoded, err)
				}
			}
			for field, want := range map[string]string{"Subject": name, "List-Id": name + " <insights.example>", "X-Title": name} {
				if got, err := new(mime.WordDecoder).DecodeHeader(m.header.Get(field)); err != nil || got != want {
					t.Errorf("%s is %q, %v, want %q", field, got, err, want)
				}
			}
		}
	}
}

func TestNoFieldCanAddAnother(t *testing.T) {
	fields := map[string]func(*newsletter.Message, string){
		"MessageID": func(l *newsletter.Message, s string) { l.MessageID = "a" + s + "b@c.example" },
		"From":      func(l *newsletter.Message, s string) { l.From = "A" + s + "B <a@b.example>" },
		"ReplyTo":   func(l *newsletter.Message, s string) { l.ReplyTo = "a@b.example" + s },
		"To":        func(l *newsletter.Message, s string) { l.To = "a@b.example" + s },
		"ToName":    func(l *newsletter.Message, s string) { l.ToName = "A" + s + "Bcc: c@d.example" },
		"Subject":   func(l *newsletter.Message, s string) { l.Subject = "a" + s + "Bcc: c@d.example" },
		"Boundary":  func(l *newsletter.Message, s string) { l.Boundary = "a" + s + "b" },
		"List-Id": func(l *newsletter.Message, s string) {
			l.Headers = []newsletter.Header{{Name: "List-Id", Value: "<a>" + s}}
		},
		"Headers": func(l *newsletter.Message, s string) {
			l.Headers = []newsletter.Header{{Name: "X-A" + s + "Bcc", Value: "a"}}
		},
	}
	for field, set := range fields {
		for _, evil := range []string{"\r\n", "\n", "\r", "\x00", "\r\n\r\n"} {
			message := digest()
			set(&message, evil)
			if _, err := (smtp.Composer{}).Compose(message); err == nil || !strings.Contains(err.Error(), field+":") {
				t.Errorf("%s with %q: error %v, want one that names the field", field, evil, err)
			}
		}
	}
}

func TestFaultsOfALetterAreNamedAllAtOnce(t *testing.T) {
	message := digest()
	message.Subject, message.To, message.MessageID, message.Date, message.Text = "", "nobody", "no at sign", time.Time{}, "\xff"
	_, err := smtp.Composer{}.Compose(message)
	for _, field := range []string{"Subject", "To", "MessageID", "Date", "Text"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	for name, h := range map[string][]newsletter.Header{
		"a field of the composer":        {{Name: "bcc", Value: "a@b.example"}},
		"a program's name":               {{Name: "X-Mailer", Value: "a"}},
		"twice":                          {{Name: "List-Id", Value: "<a>"}, {Name: "list-id", Value: "<b>"}},
		"no name":                        {{Name: "", Value: "a"}},
		"a name with a blank":            {{Name: "A B", Value: "a"}},
		"no value":                       {{Name: "X-A", Value: " "}},
		"a control character":            {{Name: "X-A", Value: "a\tb"}},
		"a URL outside ASCII":            {{Name: "List-Help", Value: "<https://bücher.example/>"}},
		"a line that can't be that long": {{Name: "X-A", Value: strings.Repeat("a b ", 300)}},
	} {
		message := digest()
		message.Headers = h
		if _, err := (smtp.Composer{}).Compose(message); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	message = digest()
	message.Boundary = "plain"
	message.HTML = "<p>a</p>\n--plain--\n"
	if _, err := (smtp.Composer{}).Compose(message); err == nil || !strings.Contains(err.Error(), "Boundary") {
		t.Errorf("a boundary that occurs in the text: %v", err)
	}
}

func TestALettersOwnFieldMayHaveWordsOutsideASCII(t *testing.T) {
	message := digest()
	message.Headers = []newsletter.Header{{Name: "List-Id", Value: "Café Über Insights <insights.example>"}}
	m := parse(t, compose(t, message))
	if got := m.header.Get("List-Id"); got != "=?utf-8?q?Caf=C3=A9_=C3=9Cber?= Insights <insights.example>" {
		t.Errorf("List-Id: %s", got)
	}
}

func FuzzCompose(f *testing.F) {
	d := digest()
	f.Add(d.Subject, d.Text, d.HTML, d.To, d.ToName, d.From, d.Headers[1].Value, d.Boundary)
	f.Add("a", "b", "", "c@d.example", "=?utf-8?q?=0D=0A?=", "e@f.example", "<g>", "")
	f.Add("=?", "a\rb\r\nc\n\n", "--=_x\r\n", "é@ü.example", "\u2028", "\"=?utf-8?q?=0D?=\" <e@f.example>", "é <g>", "=_x")
	f.Fuzz(func(t *testing.T, subject, text, html, to, toName, from, header, boundary string) {
		letter := newsletter.Message{
			MessageID: "a@b.example", Date: d.Date, From: from, To: to, ToName: toName, Subject: subject, Text: text, HTML: html,
			Boundary: boundary, Headers: []newsletter.Header{{Name: "X-Fuzz", Value: header}},
		}
		message, err := smtp.Composer{}.Compose(letter)
		if err != nil {
			return
		}
		checkForm(t, message)
		m := parse(t, message)
		want := newsletter.Body{Subject: subject, Text: lines(text)}
		if html != "" {
			want.HTML = lines(html)
		}
		if diff := cmp.Diff(want, m.words); diff != "" {
			t.Errorf("words (-want +got):\n%s", diff)
		}
		fields := []string{"Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Fuzz"}
		if html == "" {
			fields = append(fields, "Content-Transfer-Encoding")
		}
		for name := range m.header {
			if !slices.Contains(fields, name) {
				t.Errorf("an added field %s", name)
			}
		}
		for _, name := range []string{"From", "To"} {
			if list, err := m.header.AddressList(name); err != nil || len(list) != 1 {
				t.Errorf("%s: %q is %d addresses, %v", name, m.header.Get(name), len(list), err)
			}
		}
	})
}

// lines is a body as it comes back: with LF, and one at the end.
func lines(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

// checkForm checks what a relay and RFC 5322 ask of any message.
func checkForm(t testing.TB, message []byte) {
	t.Helper()
	for line := range bytes.Lines(message) {
		text, found := bytes.CutSuffix(line, []byte("\r\n"))
		if !found || bytes.ContainsAny(text, "\r\n\x00") {
			t.Errorf("a line that doesn't end in CRLF, or has more of it: %q", line)
		}
		if len(text) > 998 {
			t.Errorf("a line of %d octets", len(text))
		}
	}
	_, body, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	for _, c := range body {
		if c >= utf8.RuneSelf {
			t.Errorf("octet %#x in the body", c)
		}
	}
}

type parsed struct {
	header mail.Header
	types  []string
	words  newsletter.Body
}

// parse reads a message with the standard library alone.
func parse(t testing.TB, message []byte) parsed {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatalf("%v in\n%s", err, message)
	}
	p := parsed{header: m.Header}
	if p.words.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(kind string, encoding string, r io.Reader) {
		if encoding != "quoted-printable" {
			t.Errorf("a part is in %q", encoding)
		}
		octets, err := io.ReadAll(quotedprintable.NewReader(r))
		if err != nil {
			t.Fatal(err)
		}
		kind, parameters, err := mime.ParseMediaType(kind)
		if err != nil || !strings.EqualFold(parameters["charset"], "utf-8") {
			t.Errorf("part %s %v, %v", kind, parameters, err)
		}
		p.types = append(p.types, kind)
		text := strings.ReplaceAll(string(octets), "\r\n", "\n")
		if kind == "text/html" {
			p.words.HTML = text
		} else {
			p.words.Text = text
		}
	}
	if kind != "multipart/alternative" {
		read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return p
	}
	for r := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatal(err)
		}
		read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
	}
}

func BenchmarkCompose(b *testing.B) {
	message := digest()
	message.Text = strings.Repeat(message.Text, 20)
	message.HTML = strings.Repeat(message.HTML, 120)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		message, err := smtp.Composer{}.Compose(message)
		if err != nil {
			b.Fatal(err)
		}
		size = len(message)
	}
	b.ReportMetric(float64(size), "octets")
}
