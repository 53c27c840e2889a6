package feeds

import (
	"time"

	gorilla "github.com/gorilla/feeds"
)

// atomFile is an Atom 1.0 document (RFC 4287).
type atomFile struct {
	*gorilla.AtomFeed
	MediaSpace   string         `xml:"xmlns:media,attr"`
	HistorySpace string         `xml:"xmlns:fh,attr"`
	Language     string         `xml:"xml:lang,attr,omitempty"`
	Generator    *atomGenerator `xml:"generator"`
	Link         []link         `xml:"link"`
	history
	Entries []atomEntry `xml:"entry"`
}

type atomGenerator struct {
	URI     string `xml:"uri,attr,omitempty"`
	Version string `xml:"version,attr,omitempty"`
	Name    string `xml:",chardata"`
}

type atomEntry struct {
	*gorilla.AtomEntry
	Language  string         `xml:"xml:lang,attr,omitempty"`
	Category  []atomCategory `xml:"category"`
	Content   cdata          `xml:"content"`
	Thumbnail *media         `xml:"media:thumbnail"`
}

type atomCategory struct {
	Term  string `xml:"term,attr"`
	Label string `xml:"label,attr,omitempty"`
}

func renderAtom(f Feed) ([]byte, error) {
	file := atomFile{
		AtomFeed:     (&gorilla.Atom{Feed: f.generic(asHTML)}).AtomFeed(),
		MediaSpace:   mediaNamespace,
		HistorySpace: historyNamespace,
		Language:     f.Site.Language,
		Link:         append(f.links(Atom), link{Rel: "alternate", Type: "text/html", Href: f.HomeURL()}),
		history:      f.history(),
	}
	file.Id = f.ID()
	file.Icon, file.Logo = f.Site.Icon, f.Site.Logo
	if g := f.Site.Generator; g.Name != "" {
		file.Generator = &atomGenerator{URI: g.URI, Version: g.Version, Name: g.Name}
	}
	for i, entry := range file.AtomFeed.Entries {
		e := f.Entries[i]
		entry.Published = e.Published.Format(time.RFC3339)
		extended := atomEntry{AtomEntry: entry, Language: e.Language, Content: cdata{Type: "html", Text: e.HTML}, Thumbnail: thumbnail(e.Image)}
		for _, c := range e.Categories {
			extended.Category = append(extended.Category, atomCategory{Term: c.Slug, Label: c.Name})
		}
		file.Entries = append(file.Entries, extended)
	}
	return xmlFile{file}.bytes()
}
