package feeds_test

import (
	"encoding/xml"
	"html"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

// feed is what a reader makes of a document: this file reads documents by the
// standards' names and knows nothing of how they were written.
type feed struct {
	ID, Title, Description, Language, Author, Rights, Generator string
	Self, Home, Icon, Logo                                      string
	Hub, Current, Previous                                      string // JSON calls the last next_url
	Archive, Complete                                           bool   // XML alone
	TTL, Frequency                                              int    // RSS alone
	Period                                                      string // RSS alone
	Updated                                                     time.Time
	Entries                                                     []entry
}

type entry struct {
	ID, URL, Title, Summary, HTML, Author, Language, Image string
	Published, Updated                                     time.Time
	Categories                                             []string // as people read them
	Terms                                                  []string // Atom alone
	ImageType                                              string   // RSS alone
	Minutes                                                int      // JSON alone
	Featured                                               bool     // JSON alone
}

func parse(tb testing.TB, format feeds.Format, body []byte) feed {
	tb.Helper()
	switch format {
	case feeds.RSS:
		return parseRSS(tb, body)
	case feeds.Atom:
		return parseAtom(tb, body)
	default:
		return parseJSON(tb, body)
	}
}

// take notes what a link of a feed says. It reports false when the feed should have
// no such link.
func (f *feed) take(link xmlLink, mediaType string) bool {
	places := map[string]*string{"self": &f.Self, "hub": &f.Hub, "current": &f.Current, "prev-archive": &f.Previous}
	place := places[link.Rel]
	if link.Rel == "hub" {
		mediaType = ""
	}
	if place == nil || *place != "" || link.Type != mediaType || link.Href == "" {
		return false
	}
	*place = link.Href
	return true
}

// xmlHistory is what RFC 5005 says of a document.
type xmlHistory struct {
	Archive  *struct{} `xml:"http://purl.org/syndication/history/1.0 archive"`
	Complete *struct{} `xml:"http://purl.org/syndication/history/1.0 complete"`
}

// xmlMedia is an element of Media RSS.
type xmlMedia struct {
	URL    string `xml:"url,attr"`
	Type   string `xml:"type,attr"`
	Medium string `xml:"medium,attr"`
}

type xmlLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

func parseRSS(tb testing.TB, body []byte) feed {
	tb.Helper()
	var doc struct {
		XMLName xml.Name `xml:"rss"`
		Version string   `xml:"version,attr"`
		Channel struct {
			Title         string    `xml:"title"`
			Links         []rssLink `xml:"link"`
			Description   string    `xml:"description"`
			Language      string    `xml:"language"`
			Copyright     string    `xml:"copyright"`
			PubDate       *string   `xml:"pubDate"`
			Editor        string    `xml:"managingEditor"`
			LastBuildDate string    `xml:"lastBuildDate"`
			Generator     string    `xml:"generator"`
			TTL           int       `xml:"ttl"`
			Period        string    `xml:"http://purl.org/rss/1.0/modules/syndication/ updatePeriod"`
			Frequency     int       `xml:"http://purl.org/rss/1.0/modules/syndication/ updateFrequency"`
			xmlHistory
			Image struct {
				URL   string `xml:"url"`
				Title string `xml:"title"`
				Link  string `xml:"link"`
			} `xml:"image"`
			Items []struct {
				Title       []string   `xml:"title"`
				Link        []string   `xml:"link"`
				Description []string   `xml:"description"`
				Author      []string   `xml:"author"`
				Creator     []string   `xml:"http://purl.org/dc/elements/1.1/ creator"`
				PubDate     []string   `xml:"pubDate"`
				Updated     []string   `xml:"http://www.w3.org/2005/Atom updated"`
				Content     []string   `xml:"http://purl.org/rss/1.0/modules/content/ encoded"`
				Media       []xmlMedia `xml:"http://search.yahoo.com/mrss/ content"`
				Thumbnail   []xmlMedia `xml:"http://search.yahoo.com/mrss/ thumbnail"`
				Categories  []struct {
					Name   string  `xml:",chardata"`
					Domain *string `xml:"domain,attr"`
				} `xml:"category"`
				GUID []struct {
					ID        string `xml:",chardata"`
					PermaLink string `xml:"isPermaLink,attr"`
				} `xml:"guid"`
			} `xml:"item"`
		} `xml:"channel"`
	}
	unmarshalXML(tb, body, &doc)
	if doc.Version != "2.0" {
		tb.Errorf("RSS version %q", doc.Version)
	}
	c := doc.Channel
	if c.PubDate != nil {
		tb.Errorf("channel has the pubDate %s: lastBuildDate says it", *c.PubDate)
	}
	f := feed{
		Title: c.Title, Description: html.UnescapeString(c.Description), Language: c.Language, Author: c.Editor,
		Rights: c.Copyright, Generator: c.Generator, Icon: c.Image.URL, Updated: mustTime(tb, time.RFC1123Z, c.LastBuildDate),
		TTL: c.TTL, Period: c.Period, Frequency: c.Frequency, Archive: c.Archive != nil, Complete: c.Complete != nil,
	}
	for _, link := range c.Links {
		if link.XMLName.Space == "" {
			f.Home = link.Text
		} else if !f.take(link.xmlLink, "application/rss+xml") {
			tb.Errorf("channel has the link %+v", link)
		}
	}
	if c.Image.URL != "" && (c.Image.Title != c.Title || c.Image.Link != f.Home) {
		tb.Errorf("image of %q, %s; want title and link of the channel", c.Image.Title, c.Image.Link)
	}
	for _, item := range c.Items {
		if item.Author != nil {
			tb.Errorf("RSS item has the author %q: want dc:creator alone", item.Author)
		}
		if len(item.GUID) != 1 || item.GUID[0].PermaLink != "false" {
			tb.Fatalf("guid %+v: want one with isPermaLink=false", item.GUID)
		}
		e := entry{
			ID: item.GUID[0].ID, Title: only(tb, "title", item.Title), URL: only(tb, "link", item.Link),
			Summary: html.UnescapeString(only(tb, "description", item.Description)),
			HTML:    only(tb, "content:encoded", item.Content), Author: only(tb, "dc:creator", item.Creator),
			Published: mustTime(tb, time.RFC1123Z, only(tb, "pubDate", item.PubDate)),
			Updated:   mustTime(tb, time.RFC3339, only(tb, "atom:updated", item.Updated)),
		}
		for _, category := range item.Categories {
			if category.Domain != nil {
				tb.Errorf("category %q has a domain: rss-parser shows it as an object", category.Name)
			}
			e.Categories = append(e.Categories, category.Name)
		}
		if item.Media != nil || item.Thumbnail != nil {
			media, thumbnail := only(tb, "media:content", item.Media), only(tb, "media:thumbnail", item.Thumbnail)
			if media.Medium != "image" || media.URL != thumbnail.URL {
				tb.Errorf("media:content %+v, media:thumbnail %+v", media, thumbnail)
			}
			e.Image, e.ImageType = media.URL, media.Type
		}
		f.Entries = append(f.Entries, e)
	}
	return f
}

type rssLink struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	xmlLink
}

func parseAtom(tb testing.TB, body []byte) feed {
	tb.Helper()
	type person struct {
		Name string `xml:"name"`
	}
	type text struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	}
	var doc struct {
		XMLName   xml.Name  `xml:"http://www.w3.org/2005/Atom feed"`
		Language  string    `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
		ID        []string  `xml:"id"`
		Title     []string  `xml:"title"`
		Subtitle  []string  `xml:"subtitle"`
		Updated   []string  `xml:"updated"`
		Rights    string    `xml:"rights"`
		Generator string    `xml:"generator"`
		Icon      string    `xml:"icon"`
		Logo      string    `xml:"logo"`
		Author    []person  `xml:"author"`
		Links     []xmlLink `xml:"link"`
		xmlHistory
		Entries []struct {
			Language   string     `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
			ID         []string   `xml:"id"`
			Title      []text     `xml:"title"`
			Published  []string   `xml:"published"`
			Updated    []string   `xml:"updated"`
			Author     []person   `xml:"author"`
			Links      []xmlLink  `xml:"link"`
			Summary    []text     `xml:"summary"`
			Content    []text     `xml:"http://www.w3.org/2005/Atom content"`
			Thumbnail  []xmlMedia `xml:"http://search.yahoo.com/mrss/ thumbnail"`
			Categories []struct {
				Term  string `xml:"term,attr"`
				Label string `xml:"label,attr"`
				Text  string `xml:",chardata"`
			} `xml:"category"`
		} `xml:"entry"`
	}
	unmarshalXML(tb, body, &doc)
	f := feed{
		ID: only(tb, "id", doc.ID), Title: only(tb, "title", doc.Title), Description: only(tb, "subtitle", doc.Subtitle),
		Language: doc.Language, Rights: doc.Rights, Generator: doc.Generator, Icon: doc.Icon, Logo: doc.Logo,
		Author: only(tb, "author", doc.Author).Name, Updated: mustTime(tb, time.RFC3339, only(tb, "updated", doc.Updated)),
		Archive: doc.Archive != nil, Complete: doc.Complete != nil,
	}
	for _, link := range doc.Links {
		switch {
		case link.Rel == "alternate" && link.Type == "text/html" && f.Home == "":
			f.Home = link.Href
		case !f.take(link, "application/atom+xml"):
			tb.Errorf("feed has the link %+v", link)
		}
	}
	for _, item := range doc.Entries {
		title := only(tb, "title", item.Title)
		if title.Type != "" && title.Type != "text" {
			tb.Errorf("title %q of type %q: most readers show it as text", title.Text, title.Type)
		}
		e := entry{
			ID: only(tb, "id", item.ID), Title: title.Text, Author: only(tb, "author", item.Author).Name, Language: item.Language,
			Published: mustTime(tb, time.RFC3339, only(tb, "published", item.Published)),
			Updated:   mustTime(tb, time.RFC3339, only(tb, "updated", item.Updated)),
		}
		if link := only(tb, "link", item.Links); link.Rel == "alternate" {
			e.URL = link.Href
		}
		for _, summary := range item.Summary {
			if summary.Type != "html" {
				tb.Errorf("summary of type %q", summary.Type)
			}
			e.Summary = html.UnescapeString(summary.Text)
		}
		if item.Thumbnail != nil {
			e.Image = only(tb, "media:thumbnail", item.Thumbnail).URL
		}
		for _, content := range item.Content {
			if content.Type != "html" {
				tb.Errorf("content of type %q", content.Type)
			}
			e.HTML += content.Text
		}
		for _, category := range item.Categories {
			if category.Text != "" {
				tb.Errorf("category has the text %q: Atom wants term and label", category.Text)
			}
			e.Categories = append(e.Categories, category.Label)
			e.Terms = append(e.Terms, category.Term)
		}
		f.Entries = append(f.Entries, e)
	}
	return f
}

func unmarshalXML(tb testing.TB, body []byte, v any) {
	tb.Helper()
	if err := xml.Unmarshal(body, v); err != nil {
		tb.Fatalf("not well-formed: %v", err)
	}
}

func only[T any](tb testing.TB, name string, values []T) (value T) {
	tb.Helper()
	if len(values) != 1 {
		tb.Errorf("%d of %s, want 1", len(values), name)
		return value
	}
	return values[0]
}

func mustTime(tb testing.TB, layout, s string) time.Time {
	tb.Helper()
	t, err := time.Parse(layout, s)
	if err != nil {
		tb.Error(err)
	}
	return t.UTC()
}
