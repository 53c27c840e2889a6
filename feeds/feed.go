package feeds

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	gorilla "github.com/gorilla/feeds"
)

// Format is one of the three forms of a feed. Its value is the extension of the
// document's address.
type Format string

const (
	RSS  Format = "rss"  // RSS 2.0
	Atom Format = "atom" // Atom 1.0
	JSON Format = "json" // JSON Feed 1.1
)

// Formats returns all formats, in the order in which documents are listed.
func Formats() []Format { return []Format{RSS, Atom, JSON} }

// ParseFormat returns the format of that name: "rss", "atom" or "json".
func ParseFormat(name string) (Format, error) {
	if format := Format(name); slices.Contains(Formats(), format) {
		return format, nil
	}
	return "", fmt.Errorf("feed format %q: write rss, atom or json", name)
}

func (f Format) String() string { return string(f) }

// ContentType returns the media type of the format's documents, with their
// charset.
func (f Format) ContentType() string { return f.mediaType() + "; charset=utf-8" }

func (f Format) mediaType() string {
	types := map[Format]string{RSS: "application/rss+xml", Atom: "application/atom+xml", JSON: "application/feed+json"}
	return cmp.Or(types[f], "application/octet-stream") // no format of ours
}

// Feed is what a document says, whatever its format. The feeds of a library and
// the feed of sent digests are made of it.
type Feed struct {
	Site        Site
	Name        string // permanent, unique in the site: "all", a category's slug, "digests"; the id is made of it
	FirstName   string // the name it had before it was renamed; empty: Name
	Title       string
	Description string  // empty: Title
	Path        string  // "/feeds/all": the document's address without the format's extension
	HomePath    string  // "/": the page that shows the same to people
	Entries     []Entry // newest first

	// A long feed is divided as RFC 5005 (section 4) says: its own document holds
	// the newest entries, archive documents the others.
	Archive  string // name of the archive that this document is, such as "2026-03"; empty: it is the feed's own
	Previous string // name of the archive with the next older entries; empty: there are none
	Complete bool   // the feed has no entries but these (RFC 5005, section 2)
	Total    int    // entries of the whole feed; 0: not known
}

// Refresh is how often a feed reader may well ask again.
const Refresh = 15 * time.Minute

// Entry is one article of a feed: an RSS item, an Atom entry. ID, URL, Title and
// Published are needed, the rest may be empty.
type Entry struct {
	ID         string // permanent, see EntryID
	URL        string // absolute
	Title      string // plain text
	Summary    string // plain text
	HTML       string // the whole article, with absolute URLs only; empty: Summary, for readers drop what has no content
	Author     string // empty: the site's
	Published  time.Time
	Updated    time.Time // last significant change; Published when it is not later
	Categories []Category
	Image      string // absolute URL
	Minutes    int    // reading time; 0 = not known
	Featured   bool
	Language   string // empty: the site's
}

// Category is a subject of an entry. RSS and JSON Feed show its name alone.
type Category struct {
	Slug string // for programs: Atom's term
	Name string // for people: Atom's label
}

// ID returns the permanent id of the feed, which depends on nothing but its first
// name and the site's authority.
func (f Feed) ID() string { return EntryID(f.Site, "feed:"+cmp.Or(f.FirstName, f.Name)) }

// SelfURL returns the one address of the document in that format.
func (f Feed) SelfURL(format Format) string { return f.documentURL(f.Archive, format) }

// CurrentURL returns the address of the feed's own document, which archives name
// as the current one.
func (f Feed) CurrentURL(format Format) string { return f.documentURL("", format) }

// PreviousURL returns the address of the archive with the next older entries, or "".
func (f Feed) PreviousURL(format Format) string {
	if f.Previous == "" {
		return ""
	}
	return f.documentURL(f.Previous, format)
}

func (f Feed) documentURL(archive string, format Format) string {
	return f.Site.BaseURL + documentPath(f.Path, archive) + "." + string(format)
}

// documentPath returns the path of a feed's own document or of an archive,
// without the format's extension.
func documentPath(feed, archive string) string {
	if archive == "" {
		return feed
	}
	return feed + "/" + archive
}

// links returns what Atom and RSS say of the document's place: its own address, its
// hub, and its neighbours of RFC 5005.
func (f Feed) links(format Format) []link {
	links := []link{{Rel: "self", Type: format.mediaType(), Href: f.SelfURL(format)}}
	switch {
	case f.Archive != "":
		links = append(links, link{Rel: "current", Type: format.mediaType(), Href: f.CurrentURL(format)})
	case f.hub() != "":
		links = append(links, link{Rel: "hub", Href: f.hub()})
	}
	if previous := f.PreviousURL(format); previous != "" {
		links = append(links, link{Rel: "prev-archive", Type: format.mediaType(), Href: previous})
	}
	return links
}

// hub returns the address of the hub that pushes the document, or "": nothing new
// comes into an archive.
func (f Feed) hub() string {
	if f.Archive != "" {
		return ""
	}
	return f.Site.Hub
}

// HomeURL returns the address of the page that shows the same to people.
func (f Feed) HomeURL() string { return f.Site.BaseURL + f.HomePath }

// Updated returns when the newest of the entries was published or significantly
// changed. A feed without entries has been so since its id came into being: it
// returns the date in the site's authority, which is fixed and valid.
func (f Feed) Updated() time.Time {
	if len(f.Entries) == 0 {
		since, _ := f.Site.since()
		return since
	}
	newest := slices.MaxFunc(f.Entries, func(a, b Entry) int { return a.changed().Compare(b.changed()) })
	return newest.changed().UTC().Truncate(time.Second)
}

func (e Entry) changed() time.Time {
	if e.Updated.After(e.Published) {
		return e.Updated
	}
	return e.Published
}

// Render returns the feed's document in that format, in UTF-8. Equal feeds give
// equal bytes. Characters that XML 1.0 does not allow are removed from every
// format, so that all three say the same. It fails when the site, the feed or an
// entry lacks what a valid document needs.
func Render(f Feed, format Format) ([]byte, error) {
	f = f.clean()
	if err := f.validate(); err != nil {
		return nil, err
	}
	switch format {
	case RSS:
		return renderRSS(f)
	case Atom:
		return renderAtom(f)
	case JSON:
		return renderJSON(f)
	}
	_, err := ParseFormat(string(format))
	return nil, err
}

func (f Feed) validate() error {
	if err := f.Site.Validate(); err != nil {
		return err
	}
	if f.Name == "" || f.Title == "" || f.Path == "" || f.HomePath == "" {
		return fmt.Errorf("feed %q (%s): needs Name, Title, Path and HomePath", f.Name, f.Path)
	}
	var faults []error
	for _, e := range f.Entries {
		if e.ID == "" || e.URL == "" || e.Title == "" || e.Published.IsZero() {
			faults = append(faults, fmt.Errorf("feed %q: entry %q (%s): needs ID, URL, Title and Published", f.Name, e.ID, e.URL))
		}
	}
	return errors.Join(faults...)
}

// clean returns the feed as documents show it: no character that XML does not
// allow, then defaults filled in, times in whole seconds of UTC.
func (f Feed) clean() Feed {
	for _, text := range []*string{
		&f.Name, &f.Title, &f.Description, &f.Path, &f.HomePath,
		&f.Site.BaseURL, &f.Site.Title, &f.Site.Author, &f.Site.Email, &f.Site.Rights, &f.Site.Language,
		&f.Site.Generator.Name, &f.Site.Generator.Version, &f.Site.Generator.URI,
		&f.Site.Icon, &f.Site.Favicon, &f.Site.Logo, &f.Site.Hub,
	} {
		*text = legal(*text)
	}
	f.Description = cmp.Or(f.Description, f.Title)
	f.Site.Author = cmp.Or(f.Site.Author, f.Site.Title)
	f.Site.Favicon = cmp.Or(f.Site.Favicon, f.Site.Icon)
	f.Entries = slices.Clone(f.Entries)
	for i := range f.Entries {
		e := &f.Entries[i]
		for _, text := range []*string{&e.ID, &e.URL, &e.Title, &e.Summary, &e.HTML, &e.Author, &e.Image, &e.Language} {
			*text = legal(*text)
		}
		e.Categories = slices.Clone(e.Categories)
		for j := range e.Categories {
			c := &e.Categories[j]
			c.Slug, c.Name = legal(c.Slug), legal(c.Name)
		}
		e.Author = cmp.Or(e.Author, f.Site.Author)
		if e.HTML == "" {
			e.HTML = "<p>" + asHTML(cmp.Or(e.Summary, e.Title)) + "</p>"
		}
		if e.Language == f.Site.Language {
			e.Language = ""
		}
		e.Updated = e.changed().UTC().Truncate(time.Second)
		e.Published = e.Published.UTC().Truncate(time.Second)
	}
	return f
}

// generic returns the feed as gorilla/feeds knows it: what all formats have in
// common. Each renderer embeds what gorilla makes of it in structs of its own,
// whose fields add what is missing and hide what is wrong: encoding/xml and
// encoding/json take the shallower of two fields of one name.
//
// Summaries differ: summary makes of the plain text what the format wants.
func (f Feed) generic(summary func(plain string) string) *gorilla.Feed {
	feed := &gorilla.Feed{
		Title:       f.Title,
		Link:        &gorilla.Link{Href: f.HomeURL(), Rel: "alternate"},
		Description: f.Description,
		Author:      &gorilla.Author{Name: f.Site.Author, Email: f.Site.Email},
		Updated:     f.Updated(),
		Copyright:   f.Site.Rights,
	}
	for _, e := range f.Entries {
		feed.Add(&gorilla.Item{
			Id:          e.ID,
			IsPermaLink: "false",
			Title:       e.Title,
			Link:        &gorilla.Link{Href: e.URL, Type: "text/html"},
			Author:      &gorilla.Author{Name: e.Author},
			Description: summary(e.Summary),
			Content:     e.HTML,
			Created:     e.Published,
			Updated:     e.Updated,
		})
	}
	return feed
}
