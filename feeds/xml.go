package feeds

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"strings"

	gorilla "github.com/gorilla/feeds"

	"github.com/scaledbydesign/insights/content"
)

// markup is escaped by its maker and written as it is.
type markup struct {
	XML string `xml:",innerxml"`
}

// cdata is written as a CDATA section: the same to a parser as escaped text, a
// fifth smaller, and legible. encoding/xml splits "]]>".
type cdata struct {
	Type string `xml:"type,attr,omitempty"`
	Text string `xml:",cdata"`
}

// link is a link of RFC 4287, in Atom and, under its prefix, in RSS.
type link struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

// legal leaves out what is not a Char of XML 1.0 (section 2.2), and ends lines as
// an XML parser would read them (section 2.11). An escape would not help: a
// reference to such a character is an error too.
func legal(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\t', r == '\n',
			0x20 <= r && r <= 0xD7FF,
			0xE000 <= r && r <= 0xFFFD,
			0x10000 <= r && r <= 0x10FFFF:
			return r
		}
		return -1
	}, s)
}

// asHTML returns HTML that shows the plain text.
func asHTML(plain string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(plain)
}

// xmlFile is an XML document whose root element begins a line, which gorilla/feeds
// does not see to, and whose last line ends.
type xmlFile struct{ root any }

// FeedXml makes it a document that gorilla/feeds can write.
func (x xmlFile) FeedXml() any { return x }

func (x xmlFile) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	if err := e.EncodeToken(xml.CharData("\n")); err != nil {
		return err
	}
	return e.Encode(x.root)
}

func (x xmlFile) bytes() ([]byte, error) {
	var b bytes.Buffer
	if err := gorilla.WriteXML(x, &b); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Namespaces of the extensions that Atom and RSS share.
const (
	historyNamespace = "http://purl.org/syndication/history/1.0" // RFC 5005
	mediaNamespace   = "http://search.yahoo.com/mrss/"           // Media RSS
)

// history says of a document what it is of its feed (RFC 5005).
type history struct {
	Complete *struct{} `xml:"fh:complete"`
	Archive  *struct{} `xml:"fh:archive"`
}

func (f Feed) history() history {
	var h history
	if f.Complete {
		h.Complete = new(struct{})
	}
	if f.Archive != "" {
		h.Archive = new(struct{})
	}
	return h
}

// media is an element of Media RSS: a picture as content, or as what stands for
// the entry in lists.
type media struct {
	URL    string `xml:"url,attr"`
	Type   string `xml:"type,attr,omitempty"`
	Medium string `xml:"medium,attr,omitempty"`
}

// picture returns the entry's picture as content, or nil.
func picture(image string) *media {
	if image == "" {
		return nil
	}
	picture := &media{URL: image, Medium: "image"}
	if u, err := url.Parse(image); err == nil {
		picture.Type = content.ImageType(u.Path)
	}
	return picture
}

// thumbnail returns the picture that represents the entry in lists, or nil.
func thumbnail(image string) *media {
	if image == "" {
		return nil
	}
	return &media{URL: image}
}
