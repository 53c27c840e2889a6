package feeds

import (
	"encoding/xml"
	"time"
)

// opmlFile is an OPML 2.0 document: a list of feeds that readers import.
type opmlFile struct {
	XMLName  xml.Name   `xml:"opml"`
	Version  string     `xml:"version,attr"`
	Title    string     `xml:"head>title"`
	Modified string     `xml:"head>dateModified"`
	Owner    string     `xml:"head>ownerName"`
	Folder   opmlFolder `xml:"body>outline"`
}

// opmlFolder keeps the feeds together in a reader. It has a text and nothing
// else: some readers take an outline with a title for a feed.
type opmlFolder struct {
	Text  string     `xml:"text,attr"`
	Feeds []opmlFeed `xml:"outline"`
}

type opmlFeed struct {
	Type        string `xml:"type,attr"`
	Text        string `xml:"text,attr"`
	Title       string `xml:"title,attr"`
	XMLURL      string `xml:"xmlUrl,attr"`
	HTMLURL     string `xml:"htmlUrl,attr"`
	Version     string `xml:"version,attr"`
	Language    string `xml:"language,attr,omitempty"`
	Description string `xml:"description,attr"`
}

// renderOPML lists feeds of the site, whose own feed is all. Each is listed once, as
// RSS: a list of all formats would subscribe people to everything three times.
func renderOPML(all Feed, feeds []Feed, updated time.Time) ([]byte, error) {
	all = all.clean()
	file := opmlFile{
		Version:  "2.0",
		Title:    all.Title,
		Modified: updated.Format(time.RFC1123Z),
		Owner:    all.Site.Author,
		Folder:   opmlFolder{Text: all.Title},
	}
	for _, f := range feeds {
		f = f.clean()
		file.Folder.Feeds = append(file.Folder.Feeds, opmlFeed{
			Type:        "rss",
			Text:        f.Title,
			Title:       f.Title,
			XMLURL:      f.SelfURL(RSS),
			HTMLURL:     f.HomeURL(),
			Version:     "RSS2",
			Language:    f.Site.Language,
			Description: f.Description,
		})
	}
	return xmlFile{file}.bytes()
}
