// Package feeds owns syndication: it turns a content.Library into RSS 2.0, Atom
// 1.0, JSON Feed 1.1 and OPML 2.0 documents that are valid, complete and the same
// bytes on every machine.
//
// It keeps to RFC 4287 (Atom), RSS 2.0 with the RSS Advisory Board's Best
// Practices Profile, JSON Feed 1.1, OPML 2.0 and RFC 4151 (tag URIs). An insight
// has one id, in every format and in every feed that holds it. Readers that keep
// their articles by id alone (newsboat) therefore show an insight in one feed
// only when somebody subscribes to two that overlap; the standards ask for it.
//
// The package builds documents. It serves nothing, compresses nothing and never
// looks at the clock.
package feeds

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Site is what every feed says about its publisher. BaseURL, Title and Authority
// are needed, the rest may be empty.
type Site struct {
	BaseURL     string // "https://example.com", perhaps with a path; no slash at the end
	Title       string
	Description string
	Language    string // BCP 47, such as "en" or "en-GB"
	Author      string // of insights that name none; empty: Title
	Email       string // where the Author is reached
	Rights      string // copyright notice

	// Authority is the first half of every id, a tag URI's authority and date
	// (RFC 4151): "example.com,2025". It is chosen once and outlives BaseURL: to
	// change it is to make every article new to every reader.
	Authority string

	Generator Generator
	Icon      string // absolute URL of a square picture, GIF, JPEG or PNG, 512 pixels or so
	Favicon   string // absolute URL of a square picture of 64 pixels, for JSON Feed; empty: Icon
	Logo      string // absolute URL of a picture twice as wide as high, for Atom

	// Hub is the address of a WebSub hub that tells subscribers of changes; empty:
	// there is none. OwnHub says that it is the site's own and knows every feed. One
	// elsewhere is told of no feed of several categories, and they don't name it.
	Hub    string
	OwnHub bool
}

// Generator names the program that made a document.
type Generator struct{ Name, Version, URI string }

// String returns "Name/Version (URI)", without what is empty; "" without a name.
func (g Generator) String() string {
	if g.Name == "" {
		return ""
	}
	s := g.Name
	if g.Version != "" {
		s += "/" + g.Version
	}
	if g.URI != "" {
		s += " (" + g.URI + ")"
	}
	return s
}

// EntryID returns the id of an insight in every feed and format: its own when
// that is a tag URI, or "tag:AUTHORITY:" and its UUID.
func EntryID(site Site, insightID string) string {
	if strings.HasPrefix(insightID, "tag:") {
		return insightID
	}
	return "tag:" + site.Authority + ":" + insightID
}

// Validate reports everything that would make the site's documents invalid.
func (s Site) Validate() error {
	var faults []error
	if u, err := url.Parse(s.BaseURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(s.BaseURL, "/") {
		faults = append(faults, fmt.Errorf("base URL %q: write it as https://example.com, with no slash at the end", s.BaseURL))
	}
	if strings.TrimSpace(s.Title) == "" {
		faults = append(faults, errors.New("title is missing: every feed needs one"))
	}
	if _, err := s.since(); err != nil {
		faults = append(faults, err)
	}
	for name, address := range map[string]string{"icon": s.Icon, "favicon": s.Favicon, "logo": s.Logo, "hub": s.Hub} {
		if u, err := url.Parse(address); address != "" && (err != nil || !u.IsAbs()) {
			faults = append(faults, fmt.Errorf("%s %q: write an absolute URL", name, address))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("feeds: invalid site: %w", err)
	}
	return nil
}

var authority = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?,(\d{4}(?:-\d\d){0,2})$`)

// since returns the date in the authority, from which its ids are the site's.
func (s Site) since() (time.Time, error) {
	if match := authority.FindStringSubmatch(s.Authority); match != nil {
		date := match[1] + "-01-01"[len(match[1])-len("2006"):]
		if t, err := time.Parse(time.DateOnly, date); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("authority %q: write a domain you own and a year in which you owned it, such as example.com,2025", s.Authority)
}
