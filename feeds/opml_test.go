package feeds_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOPMLListsEveryFeedOnce(t *testing.T) {
	type outline struct {
		Attributes []xml.Attr `xml:",any,attr"`
		Outlines   []outline  `xml:"outline"`
	}
	var doc struct {
		XMLName xml.Name `xml:"opml"`
		Version string   `xml:"version,attr"`
		Head    struct {
			Title    string    `xml:"title"`
			Modified string    `xml:"dateModified"`
			Owner    string    `xml:"ownerName"`
			Docs     *struct{} `xml:"docs"`
		} `xml:"head"`
		Outlines []outline `xml:"body>outline"`
	}
	d := document(t, build(t, load(t, small()), testSite), "/feeds.opml")
	if err := xml.Unmarshal(d.Body, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != "2.0" || doc.Head.Title != "Insights" || doc.Head.Owner != "Example Studio" || doc.Head.Modified != "Sun, 01 Feb 2026 12:00:00 +0000" {
		t.Errorf("version %s, head %+v", doc.Version, doc.Head)
	}
	if doc.Head.Docs != nil {
		t.Error("docs: the validator refuses it")
	}
	attributes := func(o outline) map[string]string {
		values := map[string]string{}
		for _, a := range o.Attributes {
			values[a.Name.Local] = a.Value
		}
		return values
	}
	if len(doc.Outlines) != 1 {
		t.Fatalf("%d folders", len(doc.Outlines))
	}
	folder := doc.Outlines[0]
	if diff := cmp.Diff(map[string]string{"text": "Insights"}, attributes(folder)); diff != "" {
		t.Errorf("folder: %s", diff)
	}
	feed := func(title, description, name, home string) map[string]string {
		return map[string]string{
			"type": "rss", "version": "RSS2", "language": "en", "text": title, "title": title, "description": description,
			"xmlUrl": "https://example.com/news/feeds/" + name + ".rss", "htmlUrl": "https://example.com/news" + home,
		}
	}
	want := []map[string]string{} // that of all insights would bring each insight twice
	for _, c := range categories {
		title := "Insights: " + c.Name
		description := c.Description
		if description == "" {
			description = title
		}
		want = append(want, feed(title, description, c.Slug, "/categories/"+c.Slug))
	}
	var got []map[string]string
	for _, o := range folder.Outlines {
		got = append(got, attributes(o))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOPMLLeavesOutWhatXMLForbids(t *testing.T) {
	site := testSite
	site.Title, site.Author, site.Description = "In\u0008sights & <more>", "a\u0001", "b\u0002\uFFFF"
	d := document(t, build(t, load(t, small()), site), "/feeds.opml")
	if body := string(d.Body); strings.ContainsAny(body, "\u0001\u0002\u0008\uFFFD\uFFFF") || !strings.Contains(body, `text="Insights &amp; &lt;more&gt;"`) {
		t.Errorf("%s", body)
	}
}
