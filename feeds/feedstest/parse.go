// Package feedstest reads feed documents as a strict reader does, for tests: by the
// names of the standards, and with no code of what writes them.
package feedstest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"time"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/feeds"
)

// Feed is what a reader makes of a document.
type Feed struct {
	ID, Title, Description, Language, Author, Rights, Generator string
	Self, Home, Icon, Logo                                      string
	Hub, Current, Previous                                      string // JSON calls the last next_url
	Archive, Complete                                           bool   // XML alone
	TTL, Frequency                                              int    // RSS alone
	Period                                                      string // RSS alone
	Updated                                                     time.Time
	Entries                                                     []Entry

	Faults []string // against the standards, or such as some readers stumble over
}

// Entry is one article of a Feed.
type Entry struct {
	ID, URL, Title, Summary, HTML, Author, Language, Image string
	Published, Updated                                     time.Time
	Categories                                             []string // as people read them
	Terms                                                  []string // Atom alone
	ImageType                                              string   // RSS alone
	Minutes                                                int      // JSON alone
	Featured                                               bool     // JSON alone
}

// Parse reads a document. Its error means that no reader could.
func Parse(format feeds.Format, body []byte) (Feed, error) {
	if !utf8.Valid(body) {
		return Feed{}, errors.New("not UTF-8")
	}
	switch format {
	case feeds.RSS:
		return parseRSS(body)
	case feeds.Atom:
		return parseAtom(body)
	}
	return parseJSON(body)
}

func (f *Feed) fault(format string, args ...any) {
	f.Faults = append(f.Faults, fmt.Sprintf(format, args...))
}

// take notes what a link of a feed says. It reports false when the feed should have
// no such link.
func (f *Feed) take(link xmlLink, mediaType string) bool {
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

func parseRSS(body []byte) (f Feed, err error) {
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
	if err := unmarshalXML(body, &doc); err != nil {
		return f, err
	}
	if doc.Version != "2.0" {
		f.fault("RSS version %q", doc.Version)
	}
	c := doc.Channel
	if c.PubDate != nil {
		f.fault("channel has the pubDate %s: lastBuildDate says it", *c.PubDate)
	}
	f = Feed{
		Faults: f.Faults,
		Title:  c.Title, Description: html.UnescapeString(c.Description), Language: c.Language, Author: c.Editor,
		Rights: c.Copyright, Generator: c.Generator, Icon: c.Image.URL, Updated: parseTime(&f, time.RFC1123Z, c.LastBuildDate),
		TTL: c.TTL, Period: c.Period, Frequency: c.Frequency, Archive: c.Archive != nil, Complete: c.Complete != nil,
	}
	for _, link := range c.Links {
		if link.XMLName.Space == "" {
			f.Home = link.Text
		} else if !f.take(link.xmlLink, "application/rss+xml") {
			f.fault("channel has the link %+v", link)
		}
	}
	if c.Image.URL != "" && (c.Image.Title != c.Title || c.Image.Link != f.Home) {
		f.fault("image of %q, %s; want title and link of the channel", c.Image.Title, c.Image.Link)
	}
	for _, item := range c.Items {
		if item.Author != nil {
			f.fault("RSS item has the author %q: want dc:creator alone", item.Author)
		}
		if len(item.GUID) != 1 || item.GUID[0].PermaLink != "false" {
			f.fault("guid %+v: want one with isPermaLink=false", item.GUID)
			continue
		}
		e := Entry{
			ID: item.GUID[0].ID, Title: only(&f, "title", item.Title), URL: only(&f, "link", item.Link),
			Summary: html.UnescapeString(only(&f, "description", item.Description)),
			HTML:    only(&f, "content:encoded", item.Content), Author: only(&f, "dc:creator", item.Creator),
			Published: parseTime(&f, time.RFC1123Z, only(&f, "pubDate", item.PubDate)),
			Updated:   parseTime(&f, time.RFC3339, only(&f, "atom:updated", item.Updated)),
		}
		for _, category := range item.Categories {
			if category.Domain != nil {
				f.fault("category %q has a domain: rss-parser shows it as an object", category.Name)
			}
			e.Categories = append(e.Categories, category.Name)
		}
		if item.Media != nil || item.Thumbnail != nil {
			media, thumbnail := only(&f, "media:content", item.Media), only(&f, "media:thumbnail", item.Thumbnail)
			if media.Medium != "image" || media.URL != thumbnail.URL {
				f.fault("media:content %+v, media:thumbnail %+v", media, thumbnail)
			}
			e.Image, e.ImageType = media.URL, media.Type
		}
		f.Entries = append(f.Entries, e)
	}
	return f, nil
}

type rssLink struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	xmlLink
}

func parseAtom(body []byte) (f Feed, err error) {
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
	if err := unmarshalXML(body, &doc); err != nil {
		return f, err
	}
	f = Feed{
		Faults: f.Faults,
		ID:     only(&f, "id", doc.ID), Title: only(&f, "title", doc.Title), Description: only(&f, "subtitle", doc.Subtitle),
		Language: doc.Language, Rights: doc.Rights, Generator: doc.Generator, Icon: doc.Icon, Logo: doc.Logo,
		Author: only(&f, "author", doc.Author).Name, Updated: parseTime(&f, time.RFC3339, only(&f, "updated", doc.Updated)),
		Archive: doc.Archive != nil, Complete: doc.Complete != nil,
	}
	for _, link := range doc.Links {
		switch {
		case link.Rel == "alternate" && link.Type == "text/html" && f.Home == "":
			f.Home = link.Href
		case !f.take(link, "application/atom+xml"):
			f.fault("feed has the link %+v", link)
		}
	}
	for _, item := range doc.Entries {
		title := only(&f, "title", item.Title)
		if title.Type != "" && title.Type != "text" {
			f.fault("title %q of type %q: most readers show it as text", title.Text, title.Type)
		}
		e := Entry{
			ID: only(&f, "id", item.ID), Title: title.Text, Author: only(&f, "author", item.Author).Name, Language: item.Language,
			Published: parseTime(&f, time.RFC3339, only(&f, "published", item.Published)),
			Updated:   parseTime(&f, time.RFC3339, only(&f, "updated", item.Updated)),
		}
		if link := only(&f, "link", item.Links); link.Rel == "alternate" {
			e.URL = link.Href
		}
		for _, summary := range item.Summary {
			if summary.Type != "html" {
				f.fault("summary of type %q", summary.Type)
			}
			e.Summary = html.UnescapeString(summary.Text)
		}
		if item.Thumbnail != nil {
			e.Image = only(&f, "media:thumbnail", item.Thumbnail).URL
		}
		for _, content := range item.Content {
			if content.Type != "html" {
				f.fault("content of type %q", content.Type)
			}
			e.HTML += content.Text
		}
		for _, category := range item.Categories {
			if category.Text != "" {
				f.fault("category has the text %q: Atom wants term and label", category.Text)
			}
			e.Categories = append(e.Categories, category.Label)
			e.Terms = append(e.Terms, category.Term)
		}
		f.Entries = append(f.Entries, e)
	}
	return f, nil
}

// unmarshalXML is stricter than xml.Unmarshal: nothing comes after the root element.
func unmarshalXML(body []byte, v any) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("not well-formed: %w", err)
	}
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return nil
		}
		if text, ok := token.(xml.CharData); err != nil || !ok || len(bytes.TrimSpace(text)) > 0 {
			return fmt.Errorf("something comes after the root element: %v %v", token, err)
		}
	}
}

func only[T any](f *Feed, name string, values []T) (value T) {
	if len(values) != 1 {
		f.fault("%d of %s, want 1", len(values), name)
		return value
	}
	return values[0]
}

func parseTime(f *Feed, layout, s string) time.Time {
	t, err := time.Parse(layout, s)
	if err != nil {
		f.fault("%v", err)
	}
	return t.UTC()
}
