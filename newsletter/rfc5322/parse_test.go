package rfc5322_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

func TestParseReadsWhatIsBadlyMade(t *testing.T) {
	const lines = "From somebody Mon Jan  5\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\nno field at all\nX-Long: one\n two\n"
	for name, test := range map[string]struct{ raw, want string }{
		"no MIME":               {lines + "\nHello", "text/plain: Hello"},
		"CRLF":                  {strings.ReplaceAll(lines, "\n", "\r\n") + "\r\nHello\r\n", "text/plain: Hello\n"},
		"multipart":             {lines + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b--\n", "text/plain: one\n|text/html: two\n"},
		"no last boundary":      {lines + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n", "text/plain: one\n"},
		"another boundary":      {lines + "Content-Type: multipart/mixed; boundary=b\n\n--=_another_one\n\none\n--=_another_one--\n", "text/plain: one\n"},
		"a broken Content-Type": {lines + "Content-Type: text/html; charset=\"utf-8; x\n\none", "text/html: one"},
		"quoted-printable":      {lines + "Content-Transfer-Encoding: quoted-printable\n\na=\nb=3D", "text/plain: ab="},
		"base64 with noise":     {lines + "Content-Transfer-Encoding: base64\n\nSGVs!bG8=\n", "text/plain: Hello"},
	} {
		header, parts, ok := rfc5322.Parse([]byte(test.raw))
		var got []string
		for _, p := range parts {
			got = append(got, p.Type+": "+string(p.Body))
		}
		if !ok || strings.Join(got, "|") != test.want {
			t.Errorf("%s: %t, %q, want %q", name, ok, got, test.want)
		}
		if subject := rfc5322.DecodeHeader(header.Get("subject")); subject != "Grüße" || header.Get("X-Long") != "one two" {
			t.Errorf("%s: subject %q, X-Long %q", name, subject, header.Get("X-Long"))
		}
	}
	if _, _, ok := rfc5322.Parse([]byte("no field at all\n\nHello")); ok {
		t.Error("a text without a header is a message")
	}
}

func TestParseIsBounded(t *testing.T) {
	nested := "Content-Type: text/plain\n\nx"
	for i := range 30 {
		nested = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", i, i, nested, i)
	}
	if _, parts, _ := rfc5322.Parse([]byte(nested)); len(parts) != 0 {
		t.Errorf("%d parts of 30 levels", len(parts))
	}
	if _, parts, _ := rfc5322.Parse([]byte("Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 1000))); len(parts) != 50 {
		t.Errorf("%d of 1,000 parts", len(parts))
	}
	if header, _ := rfc5322.ParseHeader([]byte(strings.Repeat("X: y\n", 1000))); len(header) != 500 {
		t.Errorf("%d of 1,000 fields", len(header))
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		" a\r\n\tb\x1b[0m \u202ec ":        "a b [0m c",
		"\xff":                             "\uFFFD",
		strings.Repeat("é", 300):           strings.Repeat("é", 254) + "…",
		strings.Repeat("x", 1<<20):         strings.Repeat("x", 509) + "…",
		strings.Repeat("x", 512) + "\n\n ": strings.Repeat("x", 512),
	} {
		if got := rfc5322.OneLine(in); got != want {
			t.Errorf("%.40q: %.60q…, %d octets", in, got, len(got))
		}
	}
}
