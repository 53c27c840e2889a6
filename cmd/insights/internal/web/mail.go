package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/newsletter"
)

// mail is a message of RFC 5322 as a person reads it.
type mail struct {
	subject string
	headers []newsletter.Header // in the order of the message, decoded
	text    string
	html    string
}

func parseMail(raw []byte) (mail, error) {
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return mail{}, err
	}
	var words mime.WordDecoder
	m := mail{headers: headersOf(raw)}
	for i, h := range m.headers {
		if decoded, err := words.DecodeHeader(h.Value); err == nil {
			m.headers[i].Value = decoded
		}
		if strings.EqualFold(h.Name, "Subject") {
			m.subject = m.headers[i].Value
		}
	}
	return m, m.read(textproto.MIMEHeader(msg.Header), msg.Body, 0)
}

// headersOf lists the header fields in their order, unfolded.
func headersOf(raw []byte) []newsletter.Header {
	var list []newsletter.Header
	for line := range bytes.Lines(raw) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if (text[0] == ' ' || text[0] == '\t') && len(list) > 0 {
			list[len(list)-1].Value += " " + strings.TrimLeft(text, " \t")
			continue
		}
		name, value, _ := strings.Cut(text, ":")
		list = append(list, newsletter.Header{Name: name, Value: strings.TrimSpace(value)})
	}
	return list
}

// read takes the first plain text and the first HTML of a part and those in it.
func (m *mail) read(header textproto.MIMEHeader, r io.Reader, depth int) error {
	mediaType, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		mediaType = "text/plain"
	}
	if strings.HasPrefix(mediaType, "multipart/") && depth < 5 {
		parts := multipart.NewReader(r, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read part: %w", err)
			}
			if err := m.read(part.Header, part, depth+1); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("decode %s: %w", mediaType, err)
	}
	switch text := strings.ReplaceAll(string(b), "\r\n", "\n"); {
	case mediaType == "text/plain" && m.text == "":
		m.text = text
	case mediaType == "text/html" && m.html == "":
		m.html = text
	}
	return nil
}

// links are the addresses that an HTML text links to, in order, each once.
func links(text string) []string {
	var list []string
	z := html.NewTokenizer(strings.NewReader(text))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		if t.Type != html.StartTagToken || t.Data != "a" {
			continue
		}
		for _, a := range t.Attr {
			if a.Key == "href" && !slices.Contains(list, a.Val) {
				list = append(list, a.Val)
			}
		}
	}
	return list
}
