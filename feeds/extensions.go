package feeds

import (
	"net/url"

	"github.com/scaledbydesign/insights/content"
)

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
