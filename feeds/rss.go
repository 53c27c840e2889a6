package feeds

import (
	"strings"
	"time"

	gorilla "github.com/gorilla/feeds"
)

// rssFile is an RSS 2.0 document by the RSS Advisory Board's profile.
type rssFile struct {
	*gorilla.RssFeedXml
	AtomNamespace string     `xml:"xmlns:atom,attr"`
	DCNamespace   string     `xml:"xmlns:dc,attr"`
	SyNamespace   string     `xml:"xmlns:sy,attr"`
	MediaSpace    string     `xml:"xmlns:media,attr"`
	HistorySpace  string     `xml:"xmlns:fh,attr"`
	Channel       rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       markup `xml:"title"`
	Link        string `xml:"link"`
	Description markup `xml:"description"`
	*gorilla.RssFeed
	Copyright      *markup   `xml:"copyright"`
	ManagingEditor *markup   `xml:"managingEditor"`
	Generator      *markup   `xml:"generator"`
	Image          *rssImage `xml:"image"`
	Links          []link    `xml:"atom:link"`
	Period         string    `xml:"sy:updatePeriod,omitempty"`
	Frequency      int       `xml:"sy:updateFrequency,omitempty"`
	history
	Items []rssItem `xml:"item"`
}

type rssImage struct {
	URL   string `xml:"url"`
	Title markup `xml:"title"`
	Link  string `xml:"link"`
}

type rssItem struct {
	Title markup `xml:"title"`
	Link  string `xml:"link"`
	*gorilla.RssItem
	Updated     string   `xml:"atom:updated"` // RSS has no word for it
	Author      *markup  `xml:"author"`       // never: it would be an email address
	Creator     markup   `xml:"dc:creator"`
	Category    []markup `xml:"category"`
	Description markup   `xml:"description"` // before content:encoded, as the profile asks; never absent
	Content     cdata    `xml:"content:encoded"`
	Media       *media   `xml:"media:content"`
	Thumbnail   *media   `xml:"media:thumbnail"`
}

func renderRSS(f Feed) ([]byte, error) {
	channel := rssChannel{
		RssFeed:        (&gorilla.Rss{Feed: f.generic(asHTML)}).RssFeed(),
		Title:          rssText(f.Title),
		Link:           f.HomeURL(),
		Description:    rssText(asHTML(f.Description)),
		Copyright:      rssTextOrNone(f.Site.Rights),
		ManagingEditor: rssTextOrNone(f.Site.editor()),
		Generator:      rssTextOrNone(f.Site.Generator.String()),
		Links:          f.links(RSS),
		history:        f.history(),
	}
	channel.PubDate = "" // only lastBuildDate says what is meant
	channel.Language = f.Site.Language
	channel.Docs = "https://www.rssboard.org/rss-specification"
	if f.Site.Icon != "" {
		channel.Image = &rssImage{URL: f.Site.Icon, Title: channel.Title, Link: channel.Link}
	}
	if f.Archive == "" {
		// Two dialects for the same: how long a reader may wait before it asks again.
		channel.Ttl = int(Refresh / time.Minute)
		channel.Period, channel.Frequency = "hourly", int(time.Hour/Refresh)
	}
	for i, item := range channel.RssFeed.Items {
		e := f.Entries[i]
		extended := rssItem{
			RssItem:     item,
			Title:       rssText(e.Title),
			Link:        e.URL,
			Description: rssText(item.Description),
			Creator:     rssText(e.Author),
			Content:     cdata{Text: e.HTML},
			Updated:     e.Updated.Format(time.RFC3339),
			Media:       picture(e.Image),
			Thumbnail:   thumbnail(e.Image),
		}
		for _, c := range e.Categories {
			extended.Category = append(extended.Category, rssText(c.Name))
		}
		channel.Items = append(channel.Items, extended)
	}
	return xmlFile{rssFile{
		RssFeedXml:    &gorilla.RssFeedXml{Version: "2.0", ContentNamespace: "http://purl.org/rss/1.0/modules/content/"},
		AtomNamespace: "http://www.w3.org/2005/Atom",
		DCNamespace:   "http://purl.org/dc/elements/1.1/",
		SyNamespace:   "http://purl.org/rss/1.0/modules/syndication/",
		MediaSpace:    mediaNamespace,
		HistorySpace:  historyNamespace,
		Channel:       channel,
	}}.bytes()
}

// rssText escapes by hexadecimal references, as the profile recommends: readers
// that decode a title twice, and those that decode it once, then show the same.
func rssText(s string) markup {
	return markup{strings.NewReplacer("&", "&#x26;", "<", "&#x3C;", ">", "&#x3E;").Replace(s)}
}

func rssTextOrNone(s string) *markup {
	if s == "" {
		return nil
	}
	text := rssText(s)
	return &text
}

// editor is written as RSS wants people: address first. Without an address there
// is nobody to name, dc:creator names them.
func (s Site) editor() string {
	if s.Email == "" {
		return ""
	}
	return s.Email + " (" + s.Author + ")"
}
