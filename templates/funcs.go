package templates

import (
	"cmp"
	"html/template"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// funcs are what the sources of pages may call.
func (p *Pages) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":    p.AssetURL,
		"day":      func(t time.Time) string { return t.Format("2006-01-02") },
		"stamp":    func(t time.Time) string { return t.Format(time.RFC3339) },
		"longDate": func(t time.Time) string { return t.Format("January 2, 2006") },
		"date":     func(t time.Time) string { return t.Format("Jan 2, 2006") },
		"title":    func(c subscribers.Cadence) string { return strings.ToUpper(string(c[:1])) + string(c[1:]) },
		"often":    often,
		"plural":   plural,
		"sequence": sequence,
	}
}

// often says a cadence as part of a sentence.
func often(c subscribers.Cadence) string {
	words := map[subscribers.Cadence]string{
		subscribers.Instant: "as soon as an insight appears", subscribers.Daily: "once a day",
		subscribers.Weekly: "once a week", subscribers.Monthly: "once a month",
	}
	return cmp.Or(words[c], string(c))
}

// sequence says a list as part of a sentence: "a, b and c".
func sequence(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// JSONLD describes the insight of an article in the terms of schema.org.
func (h *Head) JSONLD() map[string]any {
	in := h.Article
	ld := map[string]any{
		"@context":         "https://schema.org",
		"@type":            "Article",
		"headline":         in.Title,
		"description":      in.Summary,
		"articleSection":   in.Category.Name,
		"datePublished":    in.Date.Format(time.RFC3339),
		"dateModified":     in.Updated.Format(time.RFC3339),
		"mainEntityOfPage": h.CanonicalURL(),
		"inLanguage":       h.Site.Language,
		"wordCount":        in.Words,
		"author":           person(cmp.Or(in.Author, h.Site.Author), h.Site),
		"publisher":        person(h.Site.Owner, h.Site),
	}
	if len(in.Tags) > 0 {
		ld["keywords"] = in.Tags
	}
	if h.Image != "" {
		ld["image"] = h.Image
	}
	return ld
}

// person is the owner as an organisation, anybody else by name.
func person(name string, site *Site) map[string]any {
	if name == site.Owner {
		return map[string]any{"@type": "Organization", "name": name, "url": site.OwnerURL}
	}
	return map[string]any{"@type": "Person", "name": name}
}
