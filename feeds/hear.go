package feeds

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// hear reads what a document says. Its error means that no reader could.
func hear(d *Document) (*testimony, error) {
	if !utf8.Valid(d.Body) {
		return nil, errors.New("it is not in UTF-8")
	}
	switch d.Format {
	case RSS:
		return hearRSS(d.Body)
	case Atom:
		return hearAtom(d.Body)
	case JSON:
		return hearJSON(d.Body)
	}
	return hearOPML(d.Body)
}

// spaces are the namespaces that documents use, as paths of elements name them.
var spaces = map[string]string{
	"":                                 "",
	"http://www.w3.org/2005/Atom":      "atom:",
	"http://purl.org/dc/elements/1.1/": "dc:",
	"http://purl.org/rss/1.0/modules/content/":     "content:",
	"http://purl.org/rss/1.0/modules/syndication/": "sy:",
	"http://search.yahoo.com/mrss/":                "media:",
	"http://purl.org/syndication/history/1.0":      "fh:",
}

// element is one that has just ended.
type element struct {
	path string // "rss/channel/item/guid"
	attr []xml.Attr
	text []byte // its own, without that of elements in it
}

func (e *element) get(name string) string {
	for _, a := range e.attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// readXML calls begun when an element begins and ended when it ends. It is stricter
// than encoding/xml: one root, no text beside it, no attribute twice, no prefix
// without a namespace.
//
// Sections of CDATA are most of a feed and have no structure. They are taken out
// before, which makes the reading several times as fast, and put back.
func readXML(body []byte, begun func(path string), ended func(*element)) error {
	body, sections, err := cutCDATA(body)
	if err != nil {
		return err
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var open []*element
	roots := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			if roots != 1 {
				return fmt.Errorf("it has %d root elements", roots)
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			prefix, known := spaces[token.Name.Space]
			if !known {
				return fmt.Errorf("the namespace %q of <%s> is not one of a feed's", token.Name.Space, token.Name.Local)
			}
			for i, a := range token.Attr {
				if slices.ContainsFunc(token.Attr[:i], func(b xml.Attr) bool { return a.Name == b.Name }) {
					return fmt.Errorf("<%s> has the attribute %s twice", token.Name.Local, a.Name.Local)
				}
			}
			e := &element{path: prefix + token.Name.Local, attr: token.Attr}
			if len(open) > 0 {
				e.path = open[len(open)-1].path + "/" + e.path
			} else {
				roots++
			}
			open = append(open, e)
			begun(e.path)
		case xml.EndElement:
			ended(open[len(open)-1])
			open = open[:len(open)-1]
		case xml.ProcInst:
			if token.Target != cdataTarget || sections == nil {
				continue
			}
			if len(sections) == 0 || len(open) == 0 {
				return errors.New("it has a section of CDATA where none may be")
			}
			last := open[len(open)-1]
			last.text, sections = append(last.text, sections[0]...), sections[1:]
		case xml.CharData:
			if len(open) > 0 {
				last := open[len(open)-1]
				last.text = append(last.text, token...)
			} else if len(bytes.TrimSpace(token)) > 0 {
				return errors.New("it has text outside its root element")
			}
		}
	}
}

// cdataTarget is the target of the processing instructions that stand for sections
// of CDATA.
const cdataTarget = "section"

// cutCDATA replaces sections of CDATA. A document with comments, which could hold
// what only looks like one, stays as it is.
func cutCDATA(body []byte) (rest []byte, sections [][]byte, err error) {
	whole := body
	for {
		before, after, found := bytes.Cut(body, []byte("<![CDATA["))
		rest = append(rest, before...)
		if !found {
			break
		}
		section, next, closed := bytes.Cut(after, []byte("]]>"))
		if !closed {
			return nil, nil, errors.New("a section of CDATA does not end")
		}
		if i := bytes.IndexFunc(section, illegal); i >= 0 {
			return nil, nil, fmt.Errorf("XML allows no character like %q", section[i])
		}
		sections = append(sections, section)
		rest = append(rest, "<?"+cdataTarget+"?>"...)
		body = next
	}
	if bytes.Contains(rest, []byte("<!--")) || bytes.Count(rest, []byte("<?"+cdataTarget)) != len(sections) {
		return whole, nil, nil
	}
	return rest, sections, nil
}

// illegal reports what XML 1.0 has no place for (section 2.2).
func illegal(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func hearRSS(body []byte) (*testimony, error) {
	said := &testimony{}
	entry := &claim{}
	root, permalink, description := "", "", false
	err := readXML(body, func(path string) {
		if root == "" {
			root = path
		}
		if path == "rss/channel/item" {
			said.entries = append(said.entries, claim{})
			entry = &said.entries[len(said.entries)-1]
			permalink = ""
		}
	}, func(e *element) {
		switch e.path {
		case "rss":
			if e.get("version") != "2.0" {
				said.faults = append(said.faults, fmt.Sprintf("its version of RSS is %q", e.get("version")))
			}
		case "rss/channel/title":
			said.title = string(e.text)
		case "rss/channel/link":
			said.home = string(e.text)
		case "rss/channel/description":
			description = len(e.text) > 0
		case "rss/channel/lastBuildDate":
			said.updated = string(e.text)
		case "rss/channel/atom:link":
			said.link(e)
		case "rss/channel/item/guid":
			entry.id, permalink = string(e.text), e.get("isPermaLink")
			if permalink != "false" {
				said.faults = append(said.faults, fmt.Sprintf("the guid %s does not say isPermaLink=false: readers take it for an address", entry.id))
			}
		case "rss/channel/item/link":
			entry.url = string(e.text)
		case "rss/channel/item/title":
			entry.title = string(e.text)
		case "rss/channel/item/dc:creator":
			entry.author = string(e.text)
		case "rss/channel/item/pubDate":
			entry.published = string(e.text)
		case "rss/channel/item/atom:updated":
			entry.updated = string(e.text)
		case "rss/channel/item/description":
			entry.summary = string(e.text)
		case "rss/channel/item/content:encoded":
			entry.content = string(e.text)
		case "rss/channel/item/media:content", "rss/channel/item/media:thumbnail":
			entry.pictures = append(entry.pictures, e.get("url"))
		}
	})
	if err == nil && root != "rss" {
		err = fmt.Errorf("its root element is <%s>, not <rss>", root)
	}
	if !description {
		said.faults = append(said.faults, "it has no description")
	}
	return said, err
}

// link takes from a link element what it says of the document's place.
func (t *testimony) link(e *element) {
	switch href := e.get("href"); e.get("rel") {
	case "self":
		t.self = href
	case "alternate", "":
		t.home = href
	case "current", "prev-archive", "next-archive":
		t.neighbours = append(t.neighbours, href)
	}
}

func hearAtom(body []byte) (*testimony, error) {
	said := &testimony{}
	entry := &claim{}
	root, author := "", ""
	const feed, entries = "atom:feed/", "atom:feed/atom:entry/"
	err := readXML(body, func(path string) {
		if root == "" {
			root = path
		}
		if path == "atom:feed/atom:entry" {
			said.entries = append(said.entries, claim{})
			entry = &said.entries[len(said.entries)-1]
		}
	}, func(e *element) {
		switch e.path {
		case feed + "atom:title":
			said.title = string(e.text)
		case feed + "atom:id":
			said.id = string(e.text)
		case feed + "atom:updated":
			said.updated = string(e.text)
		case feed + "atom:author/atom:name":
			author = string(e.text)
		case feed + "atom:link":
			said.link(e)
		case entries + "atom:id":
			entry.id = string(e.text)
		case entries + "atom:link":
			if rel := e.get("rel"); rel == "alternate" || rel == "" {
				entry.url = e.get("href")
			}
		case entries + "atom:title":
			entry.title = string(e.text)
		case entries + "atom:author/atom:name":
			entry.author = string(e.text)
		case entries + "atom:published":
			entry.published = string(e.text)
		case entries + "atom:updated":
			entry.updated = string(e.text)
		case entries + "atom:summary":
			if e.get("type") == "html" {
				entry.summary = string(e.text)
			}
		case entries + "atom:content":
			entry.content = string(e.text)
			if e.get("type") != "html" {
				said.faults = append(said.faults, fmt.Sprintf("the content of %s is of type %q: readers show its marks", entry.id, e.get("type")))
			}
		case entries + "media:thumbnail":
			entry.pictures = append(entry.pictures, e.get("url"))
		}
	})
	if err == nil && root != "atom:feed" {
		err = fmt.Errorf("its root element is <%s>, not Atom's <feed>", root)
	}
	for i := range said.entries { // an entry without an author has the feed's
		if said.entries[i].author == "" {
			said.entries[i].author = author
		}
	}
	return said, err
}

func hearJSON(body []byte) (*testimony, error) {
	var file struct {
		Version string `json:"version"`
		Title   string `json:"title"`
		Home    string `json:"home_page_url"`
		Self    string `json:"feed_url"`
		Next    string `json:"next_url"`
		Items   *[]struct {
			ID        string                  `json:"id"`
			URL       string                  `json:"url"`
			Title     string                  `json:"title"`
			HTML      string                  `json:"content_html"`
			Published string                  `json:"date_published"`
			Modified  string                  `json:"date_modified"`
			Image     string                  `json:"image"`
			Banner    string                  `json:"banner_image"`
			Authors   []struct{ Name string } `json:"authors"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &file); err != nil {
		return nil, err
	}
	said := &testimony{title: file.Title, home: file.Home, self: file.Self}
	if !strings.HasPrefix(file.Version, "https://jsonfeed.org/version/1") {
		said.faults = append(said.faults, fmt.Sprintf("its version is %q", file.Version))
	}
	if file.Next != "" {
		said.neighbours = []string{file.Next}
	}
	if file.Items == nil {
		said.faults = append(said.faults, "it has no list of items")
		return said, nil
	}
	for _, item := range *file.Items {
		e := claim{id: item.ID, url: item.URL, title: item.Title, content: item.HTML, published: item.Published, updated: item.Modified}
		for _, a := range item.Authors {
			e.author += a.Name
		}
		for _, address := range []string{item.Image, item.Banner} {
			if address != "" {
				e.pictures = append(e.pictures, address)
			}
		}
		said.entries = append(said.entries, e)
	}
	return said, nil
}

func hearOPML(body []byte) (*testimony, error) {
	said := &testimony{}
	root, hasBody := "", false
	err := readXML(body, func(path string) {
		if root == "" {
			root = path
		}
		hasBody = hasBody || path == "opml/body/outline"
	}, func(e *element) {
		switch {
		case e.path == "opml/head/title":
			said.title = string(e.text)
		case strings.HasSuffix(e.path, "/outline"):
			if e.get("text") == "" {
				said.faults = append(said.faults, "an outline has no text")
			}
			if address := e.get("xmlUrl"); address != "" {
				said.neighbours, said.home = append(said.neighbours, address), e.get("htmlUrl")
			}
		}
	})
	if err == nil && (root != "opml" || !hasBody) {
		err = errors.New("it is no OPML file with outlines")
	}
	return said, err
}
