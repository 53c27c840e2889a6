package smtp_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

// master is a message with every mark in every place where one may stand.
func master() newsletter.Message {
	message := digest()
	message.MessageID, message.To, message.ToName = "", "", ""
	message.Text = newsletter.PlaceholderAddress + " begins, and\n." + newsletter.PlaceholderSince + "\n  two  blanks \t\n" + message.Text +
		"\nhttps://example.com/unsubscribe/" + newsletter.PlaceholderUnsubscribe + newsletter.PlaceholderPreferences + "\n\n"
	message.HTML = strings.Replace(message.HTML, "</body>", "<p>To "+newsletter.PlaceholderAddress+" since "+newsletter.PlaceholderSince+",   <a href=\"https://example.com/preferences/"+
		newsletter.PlaceholderPreferences+"\">preferences</a>, <a href=\"https://example.com/unsubscribe/"+newsletter.PlaceholderUnsubscribe+"\">unsubscribe</a></p></body>", 1)
	for i := range message.Headers {
		if message.Headers[i].Name == "List-Unsubscribe" {
			message.Headers[i].Value = "<https://example.com/unsubscribe/" + newsletter.PlaceholderUnsubscribe + ">, <mailto:unsubscribe+" + newsletter.PlaceholderLeave + "@bounce.example.com>"
		}
	}
	return message
}

func adasCopy() newsletter.Copy {
	return newsletter.Copy{
		MessageID: "mfrggzdfmztwq2lk.d7k2m9@insights.example", To: "ada@reader.example", ToName: "Ada Lovelace",
		Unsubscribe: "a1b2c3.UnsubScribe-_~.token", Preferences: "a1b2c3.Prefer.token", Since: "March 3, 2026",
	}
}

// decoded is what a reader's mail program makes of a message.
type decoded struct {
	Header map[string]string
	Parts  []string
}

func decode(t testing.TB, message []byte) decoded {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatalf("%v in\n%s", err, message)
	}
	d := decoded{Header: make(map[string]string)}
	for name, values := range m.Header {
		if name == "Dkim-Signature" {
			continue
		}
		value, err := new(mime.WordDecoder).DecodeHeader(strings.Join(values, " | "))
		if err != nil {
			t.Fatal(err)
		}
		d.Header[name] = strings.Join(strings.Fields(value), " ")
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/alternative" {
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		d.Parts = []string{string(body)}
		return d
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return d
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		d.Parts = append(d.Parts, part.Header.Get("Content-Type")+"\n"+string(body))
	}
}

func fill(t testing.TB, composer smtp.Composer, m newsletter.Message, c newsletter.Copy) []byte {
	t.Helper()
	prepared, err := composer.Prepare(m)
	if err != nil {
		t.Fatal(err)
	}
	message, err := prepared.Append(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestACopySaysWhatItsLetterSays(t *testing.T) {
	plain := master()
	plain.HTML = ""
	endsInAMark := master()
	endsInAMark.Text = newsletter.PlaceholderUnsubscribe
	for name, message := range map[string]newsletter.Message{"two parts": master(), "text alone": plain, "ends in a mark": endsInAMark, "no mark": digest()} {
		for _, c := range []newsletter.Copy{
			adasCopy(),
			{MessageID: "a@b.example", To: "a.b=c+d&e@" + strings.Repeat("long.", 40) + "example", ToName: "Ünï, \"quoted\" \\ and " + strings.Repeat("long ", 30), Unsubscribe: "u&amp='", Preferences: "..p", Since: "“tomorrow” & <today>"},
			{MessageID: "a@b.example", To: "дом@пример.example", Unsubscribe: strings.Repeat("x", 74) + ".y", Preferences: strings.Repeat("=", 80), Since: ""},
		} {
			got, want := decode(t, fill(t, smtp.Composer{}, message, c)), decode(t, compose(t, message.With(c)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, to %s (-composed +filled):\n%s", name, c.To, diff)
			}
		}
	}
}

func TestACopyIsAProperMessage(t *testing.T) {
	message := fill(t, smtp.Composer{Keys: keys(t)}, master(), adasCopy())
	header, body, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	for line := range strings.SplitSeq(string(header), "\r\n") {
		if len(line) > 998 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			t.Errorf("header line of %d octets: %q", len(line), line)
		}
		for _, name := range []string{"List-Unsubscribe", "Message-ID"} {
			if value, ok := strings.CutPrefix(line, name+":"); ok && !strings.HasSuffix(value, ">") && !(name == "List-Unsubscribe" && strings.HasSuffix(value, ">,")) {
				t.Errorf("%s is folded: %q", name, line)
			}
		}
	}
	for line := range strings.SplitSeq(string(body), "\r\n") {
		if len(line) > 76 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) || strings.TrimRight(line, " \t") != line {
			t.Errorf("body line of %d octets: %q", len(line), line)
		}
	}
	if !bytes.Equal(message[len(message)-len(body):], fill(t, smtp.Composer{Keys: keys(t)}, master(), adasCopy())[len(message)-len(body):]) {
		t.Error("made again, the bytes are others")
	}
}

// The empty lines at the end of a message are not signed, and a soft break and the
// break that closes a body make one.
func TestSignaturesAreGoodHoweverABodyEnds(t *testing.T) {
	for _, text := range []string{
		"a\n\n\n", "a " + newsletter.PlaceholderSince, "a\n\n" + newsletter.PlaceholderSince + "\n\n\n", newsletter.PlaceholderSince, "a \t\n \t\n", "\n\na\n ",
	} {
		for _, since := range []string{"March 3", "", " \t "} {
			message, c := master(), adasCopy()
			message.HTML, message.Text, c.Since = "", text, since
			verify(t, fill(t, smtp.Composer{Keys: keys(t)}, message, c), 2)
			if message = message.With(c); strings.TrimSpace(message.Text) != "" {
				message, err := smtp.Composer{Keys: keys(t)}.Compose(message)
				if err != nil {
					t.Fatal(err)
				}
				verify(t, message, 2)
			}
		}
	}
}

func TestABoundaryMayBeAnyWord(t *testing.T) {
	for _, boundary := range []string{"=_text", "=_html", "=_html.text"} {
		message := master()
		message.Boundary = boundary
		if diff := cmp.Diff(decode(t, compose(t, message.With(adasCopy()))), decode(t, fill(t, smtp.Composer{}, message, adasCopy()))); diff != "" {
			t.Errorf("%s (-composed +filled):\n%s", boundary, diff)
		}
	}
}

func TestMarksStandInFieldsOfTheLettersOwn(t *testing.T) {
	message := master()
	message.Subject = "About " + newsletter.PlaceholderSince // is no mark there
	message.Headers = append(message.Headers, newsletter.Header{Name: "X-Reader", Value: "<" + newsletter.PlaceholderAddress + ">, since " + newsletter.PlaceholderSince})
	if diff := cmp.Diff(decode(t, compose(t, message.With(adasCopy()))), decode(t, fill(t, smtp.Composer{}, message, adasCopy()))); diff != "" {
		t.Errorf("(-composed +filled):\n%s", diff)
	}
	prepared, err := smtp.Composer{}.Prepare(message)
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []string{"3. März", "a\tb", strings.Repeat("x", 1000)} {
		c := adasCopy()
		c.Since = since
		if message, err := prepared.Append(nil, c); err == nil {
			t.Errorf("since %q is taken:\n%s", since, message)
		}
	}
	message.Headers[len(message.Headers)-1].Value = "für " + newsletter.PlaceholderAddress + " übrigens"
	if _, err := (smtp.Composer{}).Prepare(message); err == nil || !strings.Contains(err.Error(), "X-Reader") {
		t.Errorf("a mark within encoded words: %v", err)
	}
}

func TestACopyIsRefusedRatherThanRepaired(t *testing.T) {
	prepared, err := smtp.Composer{}.Prepare(master())
	if err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*newsletter.Copy){
		"To":                func(c *newsletter.Copy) { c.To = "a@b.example\r\nBcc: x@y.example" },
		"ToName":            func(c *newsletter.Copy) { c.ToName = "Ada\r\nX: y" },
		"MessageID":         func(c *newsletter.Copy) { c.MessageID = "a b@c" },
		"Copy":              func(c *newsletter.Copy) { c.Unsubscribe = "t>\r\nX: y" },
		"compose email: To": func(c *newsletter.Copy) { c.ToName = strings.Repeat("x", 1000) },
		"List-Unsubscribe":  func(c *newsletter.Copy) { c.Unsubscribe = strings.Repeat("x", 1000) },
	} {
		c := adasCopy()
		spoil(&c)
		if _, err := prepared.Append(nil, c); err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func FuzzFill(f *testing.F) {
	f.Add("text "+newsletter.PlaceholderAddress, "html "+newsletter.PlaceholderSince, "ada@reader.example", "Ada", "tok.en", "a date")
	f.Add("."+newsletter.PlaceholderUnsubscribe+"\n.\n \n", "<p>"+newsletter.PlaceholderPreferences+"\t \n=", "a.b=@x.example", "ü \"", "..", " = \t")
	f.Add("\n"+newsletter.PlaceholderSince+"\n\n", "", "ада@x.example", "A  B", "a=", "")
	f.Fuzz(func(t *testing.T, text, html, to, name, token, since string) {
		message := master()
		message.Text, message.HTML = text, html
		c := newsletter.Copy{MessageID: "a@b.example", To: to, ToName: name, Unsubscribe: token, Preferences: token, Since: since}
		want, err := smtp.Composer{}.Compose(message.With(c))
		if err != nil || strings.Contains(text+html, "\r") {
			return
		}
		signed, err := smtp.Composer{Keys: keys(t)[1:]}.Compose(message.With(c))
		if err != nil {
			t.Fatal(err)
		}
		verify(t, signed, 1)
		prepared, err := smtp.Composer{Keys: keys(t)[1:]}.Prepare(message)
		if err != nil {
			return
		}
		got, err := prepared.Append(nil, c)
		if err != nil {
			return
		}
		if diff := cmp.Diff(decode(t, want), decode(t, got)); diff != "" {
			t.Errorf("(-composed +filled):\n%s", diff)
		}
		verify(t, got, 1)
	})
}

// weighty is a message of the size that a digest has, about 20 KB.
func weighty() newsletter.Message {
	message := master()
	message.HTML = strings.Replace(message.HTML, "</body>", strings.Repeat("<p style=\"color:#333333\">Twenty words of a summary, as a digest has them.</p>\n", 180)+"</body>", 1)
	return message
}

func BenchmarkFill(b *testing.B) {
	message := weighty()
	all := keys(b)
	for _, bench := range []struct {
		name string
		keys []smtp.SigningKey
	}{{"unsigned", nil}, {"rsa", all[:1]}, {"ed25519", all[1:]}, {"both", all}} {
		b.Run(bench.name, func(b *testing.B) {
			prepared, err := smtp.Composer{Keys: bench.keys}.Prepare(message)
			if err != nil {
				b.Fatal(err)
			}
			c := adasCopy()
			b.ReportAllocs()
			var message []byte
			for b.Loop() {
				message, err = prepared.Append(message[:0], c)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(message)))
			}
		})
	}
	b.Run("bare rsa", func(b *testing.B) {
		digest := slices.Repeat([]byte{1}, 32)
		for b.Loop() {
			if _, err := all[0].Key.Sign(nil, digest, sha256Hash); err != nil {
				b.Fatal(err)
			}
		}
	})
}
