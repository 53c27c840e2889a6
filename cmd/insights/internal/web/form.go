package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// A form is taken between these ages: programs that fill in forms are faster,
// and a form copied from the page and sent for ever is older.
const (
	minFormAge = 2 * time.Second
	maxFormAge = 24 * time.Hour
)

// stamp is the time of a form, signed.
func (s *site) stamp(t time.Time) string {
	unix := strconv.FormatInt(t.UnixMilli(), 10)
	return unix + "." + s.sign("form", unix)
}

// stampFault says what is wrong with the stamp of a form, or nothing.
func (s *site) stampFault(stamp string) string {
	unix, mac, _ := strings.Cut(stamp, ".")
	ms, err := strconv.ParseInt(unix, 10, 64)
	if err != nil || !hmac.Equal([]byte(mac), []byte(s.sign("form", unix))) {
		return "This form was not made just now by this site. It has been renewed: please send it again."
	}
	switch age := time.Since(time.UnixMilli(ms)); {
	case age < minFormAge:
		return "That was faster than people type. Please send it again."
	case age > maxFormAge:
		return "This form was open for more than a day. Please send it again."
	}
	return ""
}

// sign is a short MAC over a text, for one use.
func (s *site) sign(use, text string) string {
	mac := hmac.New(sha256.New, s.FormKey)
	mac.Write([]byte(use + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:15])
}

// parseForm reads a form of either encoding, within the limit of the body.
func parseForm(r *http.Request) error {
	err := r.ParseForm() // leaves a multipart body alone
	if err == nil {
		err = r.ParseMultipartForm(maxBody)
	}
	if err == nil || errors.Is(err, http.ErrNotMultipart) {
		return nil
	}
	return unreadable(err)
}

// unreadable is what to answer for a body that can't be read.
func unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return statusError(http.StatusBadRequest)
}

// cadences are those that can be chosen, and the present one of a reader, "" = none.
func (s *site) cadences(present subscribers.Cadence) (list []subscribers.Cadence) {
	for _, c := range subscribers.Cadences {
		if c == present || slices.Contains(s.Cadences, c) {
			list = append(list, c)
		}
	}
	return list
}

// usualCadence is what a form suggests.
func (s *site) usualCadence() subscribers.Cadence {
	if len(s.Cadences) == 0 || slices.Contains(s.Cadences, subscribers.Weekly) {
		return subscribers.Weekly
	}
	return s.Cadences[0]
}

// readForm takes what a posted form says, to be shown again or acted on. present is how
// often its reader gets email now, "" = they are not subscribed.
func (s *site) readForm(r *http.Request, present subscribers.Cadence) templates.Form {
	chosen := r.PostForm["category"]
	form := templates.Form{
		Email:      field(r, "email", 320),
		Name:       field(r, "name", 400),
		Cadence:    s.usualCadence(),
		Cadences:   s.cadences(present),
		Categories: s.choices(func(slug string) bool { return slices.Contains(chosen, slug) }),
	}
	if given := r.PostFormValue("cadence"); given != "" {
		if cadence := subscribers.Cadence(given); slices.Contains(form.Cadences, cadence) {
			form.Cadence = cadence
		} else {
			var names []string
			for _, c := range form.Cadences {
				names = append(names, string(c))
			}
			form.Errors = append(form.Errors, templates.FieldError{Field: "cadence", Message: "Choose how often: " + strings.Join(names, ", ") + "."})
		}
	}
	if len(form.Chosen()) == 0 {
		form.Errors = append([]templates.FieldError{{Field: "category", Message: "Choose at least one category."}}, form.Errors...)
	} else if unknown := slices.IndexFunc(chosen, func(slug string) bool { return !slices.Contains(s.Registry.Categories, slug) }); unknown >= 0 {
		form.Errors = append([]templates.FieldError{{Field: "category", Message: "One of the categories does not exist any more. Please look at your choice."}}, form.Errors...)
	}
	return form
}

// field is one posted value, fit to be shown again.
func field(r *http.Request, name string, limit int) string {
	value := strings.ToValidUTF8(r.PostFormValue(name), "\uFFFD")
	return strings.ToValidUTF8(value[:min(len(value), limit)], "") // a letter cut in two
}

// choices are the categories that can be chosen, in the order of the site.
func (s *site) choices(chosen func(slug string) bool) []templates.Choice {
	var list []templates.Choice
	for _, c := range s.Library().Categories() {
		if slices.Contains(s.Registry.Categories, c.Slug) {
			list = append(list, templates.Choice{Category: c, Chosen: chosen(c.Slug)})
		}
	}
	return list
}

// readAddress reads an address from a form. fault is what is wrong with it, in sentences,
// or nothing.
func readAddress(typed string) (a subscribers.Address, fault string) {
	a, err := subscribers.ParseAddress(typed)
	if err == nil {
		return a, ""
	}
	fault = err.Error() + "."
	first, size := utf8.DecodeRuneInString(fault)
	fault = string(unicode.ToUpper(first)) + fault[size:]
	if meant, ok := subscribers.Suggest(typed); ok {
		fault += " Did you mean " + meant.String() + "?"
	}
	return a, fault
}

// nameFault says what is wrong with a name, or nothing.
func nameFault(name string) string {
	switch {
	case utf8.RuneCountInString(name) > 100:
		return "That name is too long: 100 characters at most."
	case strings.ContainsFunc(strings.TrimSpace(name), func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }):
		return "A name can't hold line breaks or other control characters."
	}
	return ""
}
