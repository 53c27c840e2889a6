package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/feeds"
)

// rss2emailReads subscribes rss2email to documents by an OPML file, runs it twice
// and reads its emails. The second run must send none.
func rss2emailReads(t *testing.T, documents []document) (readings []reading) {
	r2e := needs(t, "r2e")
	relay := newMailServer(t, nil)
	host, port, err := net.SplitHostPort(relay.addr)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, data, list := filepath.Join(dir, "rss2email.cfg"), filepath.Join(dir, "rss2email.json"), filepath.Join(dir, "feeds.opml")
	writeFile(t, config, strings.Join([]string{
		"[DEFAULT]", "from = rss2email@example.com", "to = reader@example.com", "name-format = {author}", "html-mail = True", "date-header = True",
		"date-header-order = issued", "verbose = warning", "email-protocol = smtp", "smtp-server = " + host, "smtp-port = " + port,
	}, "\n")+"\n")
	var outlines bytes.Buffer
	for i, d := range documents {
		fmt.Fprintf(&outlines, `<outline type="rss" text="document-%d" xmlUrl="`, i)
		if err := xml.EscapeText(&outlines, []byte(d.URL)); err != nil {
			t.Fatal(err)
		}
		outlines.WriteString(`"/>`)
	}
	writeFile(t, list, `<opml version="2.0"><body>`+outlines.String()+`</body></opml>`)
	run := func(args ...string) (warnings string) {
		t.Helper()
		stdout, stderr, err := runTool(t, nil, r2e, append([]string{"-c", config, "-d", data}, args...)...)
		if err != nil {
			t.Fatalf("r2e %q: %v\n%s%s", args, err, stdout, stderr)
		}
		return stdout + stderr
	}
	run("opmlimport", list)
	warnings := run("run")
	mails := relay.all()
	warnings += run("run")
	if again := relay.all()[len(mails):]; len(again) > 0 {
		t.Errorf("rss2email sends %d insights again, such as:\n%.1000s", len(again), again[0].Raw)
	}
	entries := make(map[string][]entry)
	for _, m := range mails {
		feed, entry := entryOfMessage(t, m.Raw)
		entries[feed] = append(entries[feed], entry)
	}
	for _, d := range documents {
		reading := reading{URL: d.URL, Entries: entries[d.URL]}
		for line := range strings.Lines(warnings) {
			if strings.Contains(line, d.URL+" ") {
				reading.Fault = strings.TrimSpace(line)
			}
		}
		readings = append(readings, reading)
	}
	return readings
}

// entryOfMessage reads a mail of rss2email's.
func entryOfMessage(t *testing.T, raw []byte) (feed string, e entry) {
	t.Helper()
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(field string) string {
		text, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get(field))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	from, err := message.Header.AddressList("From")
	if err != nil {
		t.Fatal(err)
	}
	date, err := message.Header.Date()
	if err != nil {
		t.Fatal(err)
	}
	var body io.Reader = message.Body
	if encoding := message.Header.Get("Content-Transfer-Encoding"); encoding == "base64" {
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	page, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	for n := range parseHTML(t, string(page)).Descendants() {
		if attribute(n, "id") == "body" {
			e.Content = sanitized(t, n)
		}
	}
	e.ID, e.URL, e.Title = decode("X-Rss-Id"), decode("X-Rss-Url"), decode("Subject")
	e.Author, e.Published = from[0].Name, date.Unix()
	// The category comes first, in Atom by its slug.
	if tags := strings.Split(decode("X-Rss-Tags"), ","); len(tags) > 1 {
		e.Categories = tags[1:]
	}
	return decode("X-Rss-Feed"), e
}

// asMailed changes an entry to what rss2email makes of it. It takes a title that
// looks like HTML for HTML, unless the feed can say that it is none, as Atom does.
func asMailed(t *testing.T, format feeds.Format, e *entry) {
	t.Helper()
	if format == feeds.RSS {
		e.Title = strings.NewReplacer("<video>", "", "&nbsp;", " ", "<b>", "**", "</b>", "**", "&amp;", "&").Replace(e.Title)
	}
	e.Content = sanitized(t, parseHTML(t, e.Content).FirstChild.LastChild)
	e.Summary, e.Updated = "", 0
	if e.Categories = e.Categories[1:]; len(e.Categories) == 0 {
		e.Categories = nil
	}
}

// sanitized is what a node holds, without what sanitizers change.
func sanitized(t *testing.T, n *html.Node) string {
	t.Helper()
	var b strings.Builder
	for d := range n.Descendants() {
		d.Attr = slices.DeleteFunc(d.Attr, func(a html.Attribute) bool { return a.Key == "style" })
		slices.SortFunc(d.Attr, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
	}
	for c := range n.ChildNodes() {
		if err := html.Render(&b, c); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSpace(b.String())
}
