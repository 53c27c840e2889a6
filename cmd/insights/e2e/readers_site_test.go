package e2e

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

const readersTitle, readersAuthor = `Insights & <notes>`, "Example Studio"

// readersSite is a daemon whose feeds are read by programs of others. They reach it
// by a proxy at the site's own address, which keeps what was asked and answered.
type readersSite struct {
	*site
	library   *content.Library
	html      map[*content.Insight]string // in full; to make it takes long under -race
	documents []document
	traffic   traffic
}

// document is one document that a reader finds, saved in a file.
type document struct {
	Feed   string       `json:"-"` // "all", a category's slug, "digests"
	Format feeds.Format `json:"-"`
	Head   string       `json:"-"` // address of the feed's own document, which this is, or an archive of
	URL    string       `json:"url"`
	File   string       `json:"file"`
}

func (d document) isXML() bool { return d.Format != feeds.JSON }

func newReadersSite(t *testing.T) *readersSite {
	t.Helper()
	dir := readersFolder(t)
	library, err := content.Load(os.DirFS(dir), content.Options{Categories: readersCategories()})
	if err != nil {
		t.Fatal(err)
	}
	categories, err := json.Marshal(readersCategories())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(nil)
	base := "http://" + proxy.Listener.Addr().String()
	r := &readersSite{library: library, html: make(map[*content.Insight]string)}
	for _, in := range library.Insights() {
		r.html[in] = in.FullHTML(base)
	}
	r.site = newServe(t, newMailServer(t, nil).addr, map[string]string{
		"CONTENT_DIR": dir, "SITE_BASE_URL": base, "SITE_TITLE": readersTitle, "SITE_AUTHOR": readersAuthor,
		"SITE_AUTHORITY": "example.com,2025", "SITE_TIME_ZONE": "UTC", "SITE_CATEGORIES": string(categories),
	})
	r.base = base
	proxy.Config.Handler = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: r.addr})
			p.Out.Host = p.In.Host
		},
		ModifyResponse: r.traffic.keep,
	}
	proxy.Start()
	t.Cleanup(proxy.Close)
	r.start("serve")
	r.findDocuments(t)
	return r
}

// traffic is what every program asked for, and the answers' status.
type traffic struct {
	mu       sync.Mutex
	statuses map[string][]int // by program and path
}

func (tr *traffic) keep(r *http.Response) error {
	program, _, _ := strings.Cut(r.Request.UserAgent(), "/")
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.statuses == nil {
		tr.statuses = make(map[string][]int)
	}
	key := program + " " + r.Request.URL.Path
	tr.statuses[key] = append(tr.statuses[key], r.StatusCode)
	return nil
}

// checkStatuses checks what a program was answered to each of its requests for
// each of the documents.
func (r *readersSite) checkStatuses(t *testing.T, program string, documents []document, want ...int) {
	t.Helper()
	r.traffic.mu.Lock()
	defer r.traffic.mu.Unlock()
	for _, d := range documents {
		key := program + " " + strings.TrimPrefix(d.URL, r.base)
		if got := r.traffic.statuses[key]; !slices.Equal(got, want) {
			t.Errorf("%s: answered %d; want %d", key, got, want)
		}
	}
}

// findDocuments follows every link to a feed, as a reader does that knows no
// address but the site's.
func (r *readersSite) findDocuments(t *testing.T) {
	t.Helper()
	var heads []string
	for n := range parseHTML(t, r.get("/feeds").Body).Descendants() {
		address := attribute(n, "href")
		if slices.Contains([]string{".rss", ".atom", ".json"}, path.Ext(address)) && !slices.Contains(heads, address) {
			heads = append(heads, address)
		}
	}
	want := []string{r.base + "/digests"}
	for _, name := range append([]string{"all"}, r.slugs()...) {
		want = append(want, r.base+"/feeds/"+name)
	}
	slices.Sort(want)
	stems := make([]string, len(heads))
	for i, head := range heads {
		stems[i] = strings.TrimSuffix(head, path.Ext(head))
	}
	slices.Sort(stems)
	if found := slices.Compact(stems); !slices.Equal(found, want) || len(heads) != 3*len(want) {
		t.Fatalf("/feeds leads to %q; want each of %q in three formats", heads, want)
	}
	for _, address := range r.subscriptions(t) {
		if !slices.Contains(heads, address) {
			t.Errorf("/feeds.opml leads to %s, /feeds does not", address)
		}
	}
	dir := t.TempDir()
	for _, head := range heads {
		feed := strings.TrimSuffix(path.Base(head), path.Ext(head))
		for address := head; address != ""; {
			d := document{Feed: feed, Format: feeds.Format(strings.TrimPrefix(path.Ext(address), ".")), Head: head, URL: address}
			d.File = filepath.Join(dir, strconv.Itoa(len(r.documents))+path.Ext(address))
			answer := r.get(address)
			if answer.Status != http.StatusOK || len(r.documents) > 1000 {
				t.Fatalf("%s, document %d: %d", address, len(r.documents), answer.Status)
			}
			writeFile(t, d.File, answer.Body)
			r.documents = append(r.documents, d)
			address = older(t, d.Format, answer.Body)
		}
	}
	archives := len(r.documents) - len(heads)
	if archives < 6 {
		t.Errorf("%d archive documents; the insights are to need some in every format", archives)
	}
	t.Logf("%d insights in %d documents, %d of them archives", len(r.library.Insights()), len(r.documents), archives)
}

// older is the address of the document with older insights (RFC 5005, section 4;
// JSON Feed's next_url), or "".
func older(t *testing.T, format feeds.Format, body string) (address string) {
	t.Helper()
	if format == feeds.JSON {
		var page struct {
			Next string `json:"next_url"`
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		return page.Next
	}
	type links []struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	}
	var document struct {
		Atom links `xml:"http://www.w3.org/2005/Atom link"`
		RSS  links `xml:"channel>link"`
	}
	if err := xml.Unmarshal([]byte(body), &document); err != nil {
		t.Fatal(err)
	}
	for _, link := range append(document.Atom, document.RSS...) {
		if link.Rel == "prev-archive" {
			address = link.Href
		}
	}
	return address
}

func (r *readersSite) slugs() (slugs []string) {
	for _, c := range r.library.Categories() {
		slugs = append(slugs, c.Slug)
	}
	return slugs
}

// subscriptions are the feeds that /feeds.opml lists.
func (r *readersSite) subscriptions(t *testing.T) (addresses []string) {
	t.Helper()
	var list struct {
		Feeds []struct {
			URL string `xml:"xmlUrl,attr"`
		} `xml:"body>outline>outline"`
	}
	if err := xml.Unmarshal([]byte(r.get("/feeds.opml").Body), &list); err != nil {
		t.Fatal(err)
	}
	for _, feed := range list.Feeds {
		addresses = append(addresses, feed.URL)
	}
	if want := len(r.slugs()); len(addresses) != want { // that of all insights is apart
		t.Errorf("/feeds.opml lists %d feeds; want %d", len(addresses), want)
	}
	return addresses
}

// only returns the documents that a reader is to read.
func (r *readersSite) only(choose func(document) bool) (documents []document) {
	for _, d := range r.documents {
		if choose(d) {
			documents = append(documents, d)
		}
	}
	return documents
}

func urlsOf(documents []document) (urls []string) {
	for _, d := range documents {
		urls = append(urls, d.URL)
	}
	return urls
}

func filesOf(documents []document) (files []string) {
	for _, d := range documents {
		files = append(files, d.File)
	}
	return files
}
