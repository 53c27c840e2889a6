package web

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
	"github.com/scaledbydesign/insights/templates"
)

// The inbox of development: every email that would have been sent. Looking at it
// changes nothing.

func (s *site) inbox(w http.ResponseWriter, r *http.Request) error {
	messages, err := s.Inbox.Messages(r.Context())
	if err != nil {
		return fmt.Errorf("list inbox: %w", err)
	}
	return s.render(w, http.StatusOK, &templates.InboxPage{Head: s.readerHead("Inbox"), Messages: messages})
}

func (s *site) readEmail(r *http.Request) (email, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return email{}, statusError(http.StatusNotFound)
	}
	raw, err := s.Inbox.Message(r.Context(), id)
	if err != nil {
		return email{}, fmt.Errorf("read inbox: %w", err)
	}
	m, err := parseEmail(raw)
	if err != nil {
		return email{}, fmt.Errorf("parse message %d: %w", id, err)
	}
	return m, nil
}

func (s *site) letter(w http.ResponseWriter, r *http.Request) error {
	m, err := s.readEmail(r)
	if err != nil {
		return err
	}
	v := &templates.InboxMessagePage{
		Head: s.readerHead(m.subject), Subject: m.subject, Headers: m.header,
		Text: spans(m.text), Links: links(m.html),
	}
	if m.html != "" {
		v.Frame = "/_inbox/" + r.PathValue("id") + "/html"
		w.Header().Set("Content-Security-Policy", strings.Replace(w.Header().Get("Content-Security-Policy"), "default-src 'none'", "default-src 'none'; frame-src 'self'", 1))
	}
	return s.render(w, http.StatusOK, v)
}

// letterHTML is the HTML part alone, as an email program would show it: its own
// styles, nothing that acts.
func (s *site) letterHTML(w http.ResponseWriter, r *http.Request) error {
	m, err := s.readEmail(r)
	if err != nil {
		return err
	}
	if m.html == "" {
		return statusError(http.StatusNotFound)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox")
	h.Set("Content-Type", htmlType)
	w.WriteHeader(http.StatusOK)
	w.Write([]byte(m.html))
	return nil
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"]+[^\s<>".,;:!?)\]]`)

// spans divides a plain text into words and web addresses.
func spans(text string) []templates.Span {
	var list []templates.Span
	end := 0
	for _, at := range webAddress.FindAllStringIndex(text, -1) {
		if at[0] > end {
			list = append(list, templates.Span{Text: text[end:at[0]]})
		}
		list = append(list, templates.Span{Text: text[at[0]:at[1]], URL: text[at[0]:at[1]]})
		end = at[1]
	}
	return append(list, templates.Span{Text: text[end:]})
}

// email is a message as a person reads it.
type email struct {
	subject string
	header  rfc5322.Header // decoded
	text    string
	html    string
}

// parseEmail takes the first plain text and the first HTML of a message.
func parseEmail(raw []byte) (email, error) {
	header, parts, ok := rfc5322.Parse(raw)
	if !ok {
		return email{}, errors.New("it has no header")
	}
	for i, f := range header {
		header[i].Value = rfc5322.DecodeHeader(f.Value)
	}
	e := email{subject: header.Get("Subject"), header: header}
	for _, p := range parts {
		switch text := rfc5322.ToUTF8(p.Params["charset"], p.Body); {
		case p.Type == "text/plain" && e.text == "":
			e.text = text
		case p.Type == "text/html" && e.html == "":
			e.html = text
		}
	}
	return e, nil
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
