package web

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/scaledbydesign/insights/templates"
)

// The inbox of development: every email that would have been sent. Looking at it
// changes nothing.

func (s *site) inbox(w http.ResponseWriter, r *http.Request) error {
	messages, err := s.Inbox.Messages(r.Context())
	if err != nil {
		return fmt.Errorf("list inbox: %w", err)
	}
	v := &templates.InboxPage{Head: s.readerHead("Inbox")}
	for _, m := range messages {
		v.Messages = append(v.Messages, templates.InboxMessage{
			Path: "/_inbox/" + strconv.FormatInt(m.ID, 10), To: m.To, Subject: m.Subject, At: m.At,
		})
	}
	return s.render(w, http.StatusOK, v)
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
