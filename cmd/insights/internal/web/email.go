package web

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

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
