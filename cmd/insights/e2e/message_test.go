package e2e

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// message is a message parsed by the standard library alone.
type message struct {
	Raw        []byte
	Header     mail.Header
	Text, HTML string
	TextLinks  []string // in order, each once
	HTMLLinks  []string
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"]+`)

// readMessage parses a message and checks what is asked of every mail:
// its form (RFC 5322, 2045, 2047) and its two parts.
func readMessage(t testing.TB, raw []byte) message {
	t.Helper()
	checkOctets(t, raw)
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("no message of RFC 5322: %v\n%s", err, raw)
	}
	l := message{Raw: raw, Header: m.Header}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type"} {
		if values := l.Header[name]; len(values) != 1 || strings.TrimSpace(values[0]) == "" {
			t.Errorf("%s: %q; want exactly one", name, values)
		}
	}
	for name, values := range l.Header {
		if len(values) != 1 {
			t.Errorf("%s stands there %d times", name, len(values))
		}
	}
	if _, err := l.Header.Date(); err != nil {
		t.Errorf("Date: %v", err)
	}
	if to, err := l.Header.AddressList("To"); err != nil || len(to) != 1 {
		t.Errorf("To: %q; want one address (%v)", l.Header.Get("To"), err)
	}
	l.readParts(t, m.Body)
	for _, link := range webAddress.FindAllString(l.Text, -1) {
		if !slices.Contains(l.TextLinks, link) {
			l.TextLinks = append(l.TextLinks, link)
		}
	}
	for n := range parseHTML(t, l.HTML).Descendants() {
		switch href := attribute(n, "href"); {
		case n.Data == "a" && !slices.Contains(l.HTMLLinks, href):
			l.HTMLLinks = append(l.HTMLLinks, href)
		case n.Data == "img" || n.Data == "script" || n.Data == "link" || n.Data == "object":
			t.Errorf("the HTML part has a <%s>: nothing in it may be loaded", n.Data)
		}
		if strings.Contains(attribute(n, "style"), "url(") {
			t.Errorf("the HTML part loads something by style %q", attribute(n, "style"))
		}
	}
	return l
}

// checkOctets checks the bytes: CRLF only, short lines, an ASCII header and a
// 7-bit body.
func checkOctets(t testing.TB, raw []byte) {
	t.Helper()
	if bytes.Count(raw, []byte("\n")) != bytes.Count(raw, []byte("\r\n")) || bytes.Count(raw, []byte("\r")) != bytes.Count(raw, []byte("\r\n")) {
		t.Error("a line ends in something else than CRLF")
	}
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 {
			t.Errorf("a line of %d octets: %.60s…", len(line), line)
		}
	}
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		if len(line) > 78 {
			t.Errorf("a line of the body of %d octets: %s", len(line), line)
		}
	}
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		// RFC 6532 lets an address stand in UTF-8 where SMTPUTF8 carries it.
		if i := bytes.IndexFunc(line, func(r rune) bool { return r > 126 }); i >= 0 && !bytes.HasPrefix(line, []byte("To:")) {
			t.Errorf("the header is not ASCII: %s", line)
		}
	}
	if i := bytes.IndexFunc(body, func(r rune) bool { return r > 126 }); i >= 0 {
		t.Errorf("the body is not 7-bit at %d", i)
	}
}

// readParts reads multipart/alternative: text first, HTML last, both
// quoted-printable UTF-8.
func (l *message) readParts(t testing.TB, body io.Reader) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(l.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type: %q (%v); want multipart/alternative", l.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(body, parameters["boundary"])
	for i, want := range []string{"text/plain", "text/html"} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("part %d: %v", i+1, err)
		}
		kind, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || kind != want || !strings.EqualFold(parameters["charset"], "utf-8") {
			t.Errorf("part %d is %q; want %s in UTF-8", i+1, part.Header.Get("Content-Type"), want)
		}
		if encoding := part.Header.Get("Content-Transfer-Encoding"); encoding != "quoted-printable" {
			t.Errorf("part %d is %q; want quoted-printable", i+1, encoding)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatalf("part %d: %v", i+1, err)
		}
		decoded := strings.ReplaceAll(string(text), "\r\n", "\n")
		if i == 0 {
			l.Text = decoded
		} else {
			l.HTML = decoded
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("there is more than two parts (%v)", err)
	}
}

// field is a header field, decoded.
func (l *message) field(t testing.TB, name string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(l.Header.Get(name))
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return text
}

// link is the one link of the text part that begins so.
func (l *message) link(t testing.TB, prefix string) string {
	t.Helper()
	for _, link := range l.TextLinks {
		if strings.HasPrefix(link, prefix) {
			return link
		}
	}
	t.Fatalf("the mail has no link to %s…:\n%s", prefix, l.Text)
	return ""
}

// visible is what a person sees of the HTML part.
func (l *message) visible(t testing.TB) string {
	t.Helper()
	var words []string
	var see func(n *html.Node)
	see = func(n *html.Node) {
		if n.Data == "head" || n.Type == html.ElementNode && strings.Contains(attribute(n, "style"), "display:none") {
			return
		}
		if n.Type == html.TextNode {
			words = append(words, strings.Fields(n.Data)...)
		}
		for child := range n.ChildNodes() {
			see(child)
		}
	}
	see(parseHTML(t, l.HTML))
	return strings.Join(words, " ")
}
