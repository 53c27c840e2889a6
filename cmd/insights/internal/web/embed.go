package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/scaledbydesign/insights/templates"
)

// Sites that are trusted may embed the sign-up form: a form of their own that posts
// to /subscribe, or a script that posts JSON there and reads the answer.

// fromTrusted reports whether a page of a trusted site sent a request. Browsers alone
// say so, and a program may lie: it gains no more than to leave out the form's stamp.
func (s *site) fromTrusted(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && slices.Contains(s.TrustedOrigins, origin)
}

// shareWith lets the script of a trusted site read an answer (CORS).
func (s *site) shareWith(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	if s.fromTrusted(r) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	}
}

// subscribePreflight answers a browser that asks whether a script may post JSON.
func (s *site) subscribePreflight(w http.ResponseWriter, r *http.Request) error {
	s.shareWith(w, r)
	w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
	if s.fromTrusted(r) {
		w.Header().Set("Access-Control-Allow-Methods", "POST")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
		w.Header().Set("Access-Control-Max-Age", "86400")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func isJSON(r *http.Request) bool {
	header := r.Header.Get("Content-Type")
	if len(header) > maxType { // refused, and not to be read for that either
		return false
	}
	kind, _, _ := mime.ParseMediaType(header) // "" is none
	return kind == "application/json"
}

// signUpJSON is a sign-up as scripts send it. Without categories it is for all.
type signUpJSON struct {
	Email      string   `json:"email"`
	Name       string   `json:"name"`
	Cadence    string   `json:"cadence"`
	Categories []string `json:"categories"`
	Website    string   `json:"website"` // the trap
	Stamp      string   `json:"stamp"`
}

// parseJSON reads a sign-up as if it had been a form.
func (s *site) parseJSON(r *http.Request) error {
	var body signUpJSON
	decoder := json.NewDecoder(r.Body)
	err := decoder.Decode(&body)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			if body.Categories == nil {
				for _, c := range s.Site.Categories {
					body.Categories = append(body.Categories, c.Slug)
				}
			}
			r.PostForm = url.Values{"email": {body.Email}, "name": {body.Name}, "cadence": {body.Cadence}, "category": body.Categories, trap: {body.Website}, "stamp": {body.Stamp}}
			return nil
		}
	}
	return unreadable(err)
}

// showFaults answers a script with what is wrong with a form.
func showFaults(w http.ResponseWriter, status int, form templates.Form) error {
	type fault struct {
		Field   string `json:"field,omitempty"`
		Message string `json:"message"`
	}
	faults := []fault{}
	for _, e := range form.Errors {
		field := e.Field
		if field == "category" { // as the form calls it
			field = "categories"
		}
		faults = append(faults, fault{field, e.Message})
	}
	return writeJSON(w, status, map[string]any{"errors": faults})
}

func writeJSON(w http.ResponseWriter, status int, document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client may have gone
	return nil
}
