package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// StaticFile is one file of a static copy of the site: the bytes with which the
// site answers GET.
type StaticFile struct {
	Name     string // in the copy's folder, such as "insights/some-slug/index.html"
	Body     []byte
	Gzip     []byte    // the answer in that coding; nil: it would be no smaller
	Brotli   []byte    // likewise
	Modified time.Time // Last-Modified; zero: not known
}

// Copy makes the files of a static copy of the site (see [StaticPaths]) and hands
// each to write, which is called by several goroutines at once, and no longer when
// it has returned an error. Every file is what the site itself answers, so that the
// two can't differ.
//
// Archive documents of the feeds are among them; feeds of several categories are,
// with their archives, only when combined. So is 404.html, for hosts that look for
// it, and what hosts such as Netlify and Cloudflare Pages read: _headers says of
// each file what the site does, _redirects where addresses lead that are no files.
// Mostly programs ask for these, which follow no page that redirects: hence there
// is none.
func (s *Site) Copy(ctx context.Context, combined bool, write func(StaticFile) error) error {
	set := s.site.Feeds()
	paths := append(StaticPaths(s.site.Library(), set, s.site.Pages), set.Archives()...)
	if combined {
		for _, head := range set.Combinations() {
			archives, err := set.ArchivesOf(head)
			if err != nil {
				return err
			}
			paths = append(append(paths, head), archives...)
		}
	}
	headers := make([]http.Header, len(paths))
	err := each(ctx, len(paths), func(ctx context.Context, i int) error {
		file, header, err := s.file(ctx, paths[i], http.StatusOK)
		if err != nil {
			return err
		}
		headers[i] = header
		return write(file)
	})
	if err != nil {
		return err
	}
	missing, _, err := s.file(ctx, "/404.html", http.StatusNotFound)
	if err != nil {
		return err
	}
	redirects, err := s.redirects(ctx)
	if err != nil {
		return err
	}
	for _, file := range []StaticFile{missing, {Name: "_headers", Body: s.site.headerRules(paths, headers)}, {Name: "_redirects", Body: redirects}} {
		if err := write(file); err != nil {
			return err
		}
	}
	return nil
}

// each calls do for 0 to n-1, some at the same time, until one fails.
func each(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// file asks the site for a path in every coding that a web server can send from
// files.
func (s *Site) file(ctx context.Context, path string, status int) (StaticFile, http.Header, error) {
	a, err := s.ask(ctx, path, "", status)
	if err != nil {
		return StaticFile{}, nil, err
	}
	f := StaticFile{Name: fileName(path, a.header), Body: a.body.Bytes()}
	if modified := a.header.Get("Last-Modified"); modified != "" {
		if f.Modified, err = http.ParseTime(modified); err != nil {
			return f, nil, fmt.Errorf("%s: Last-Modified: %w", path, err)
		}
	}
	for _, coded := range []struct {
		name string
		body *[]byte
	}{{"gzip", &f.Gzip}, {"br", &f.Brotli}} {
		b, err := s.ask(ctx, path, coded.name, status)
		if err != nil {
			return f, nil, err
		}
		if b.header.Get("Content-Encoding") == coded.name {
			*coded.body = b.body.Bytes()
		}
	}
	return f, a.header, nil
}

// fileName is where web servers look for a path: pages are the index of a folder.
func fileName(path string, header http.Header) string {
	name := strings.TrimPrefix(path, "/")
	if header.Get("Content-Type") == htmlType && !strings.HasSuffix(name, ".html") {
		name = strings.TrimPrefix(name+"/index.html", "/")
	}
	return name
}

// kept is an answer in memory.
type kept struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
func (k *kept) WriteHeader(status int)      { k.status = status }

func (s *Site) ask(ctx context.Context, path, coding string, status int) (*kept, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, (&url.URL{Path: path}).String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	if coding != "" {
		r.Header.Set("Accept-Encoding", coding)
	}
	k := &kept{status: http.StatusOK, header: make(http.Header)}
	s.ServeHTTP(k, r)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if k.status != status {
		return nil, fmt.Errorf("%s answers %d, not %d", path, k.status, status)
	}
	return k, nil
}

// redirects writes a _redirects file: the addresses at which programs look for a
// feed, and those of categories and insights that had another slug before.
func (s *Site) redirects(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	paths := []string{"/feed", "/feed/", "/rss.xml", "/index.xml", "/feed.json"}
	for _, c := range s.site.Library().Categories() {
		for _, slug := range c.Formerly {
			paths = append(paths, "/categories/"+slug)
			for _, format := range feeds.Formats() {
				paths = append(paths, "/feeds/"+slug+"."+format.String())
			}
		}
	}
	for _, in := range s.site.Library().Insights() {
		for _, slug := range in.Formerly {
			if to, ok := s.site.Library().Moved(slug); ok && to == in {
				paths = append(paths, "/insights/"+slug)
			}
		}
	}
	for _, path := range paths {
		a, err := s.ask(ctx, path, "", http.StatusMovedPermanently)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(&b, s.site.root+path, a.header.Get("Location"), a.status)
	}
	return b.Bytes(), nil
}

// ruledHeaders are the headers that a host can't know by itself.
var ruledHeaders = []string{
	"Content-Type", "Cache-Control", "Link", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
	"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy",
}

// maxRules is how many rules some hosts read at most, with one to spare.
const maxRules = 99

// headerRules writes a _headers file. Its first rule is for all files and says what
// all have in common but pictures; hosts add up the rules that fit. Pictures get a
// second policy by that, and browsers obey both. Archives have a rule together, for
// there can be any number of them. Feeds of several categories come last: where there
// are too many rules, they do without.
func (s *site) headerRules(paths []string, headers []http.Header) []byte {
	var b bytes.Buffer
	common := http.Header{}
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
		common[name] = headers[0][name]
	}
	written := map[string]bool{}
	rule := func(path string, header, but http.Header) {
		if written[path] || len(written) == maxRules {
			return
		}
		written[path] = true
		fmt.Fprintln(&b, s.root+path)
		for _, name := range ruledHeaders {
			if values := strings.Join(header.Values(name), ", "); values != "" && values != strings.Join(but.Values(name), ", ") {
				fmt.Fprintf(&b, "  %s: %s\n", name, values)
			}
		}
	}
	rule("/*", common, nil)
	for i, path := range paths {
		header := headers[i].Clone()
		switch {
		case header.Get("Content-Type") == htmlType:
			continue // hosts have their way with pages, and it suits ours
		case strings.HasPrefix(path, "/insights/images/"):
			header.Del("Content-Type") // there are several
			path = "/insights/images/*"
		case strings.HasPrefix(path, "/feeds/") && strings.Count(path, "/") == 3:
			header.Del("Content-Type")
			header.Del("Link")
			path = "/feeds/:feed/*"
		}
		rule(path, header, common)
	}
	return b.Bytes()
}

// StaticPaths lists what a static copy of the site consists of: every page, feed,
// image and asset that depends neither on a reader nor on the database. They are
// paths of GET requests, not escaped, in a fixed order, each once.
func StaticPaths(library *content.Library, set *feeds.Set, pages *templates.Pages) []string {
	paths := []string{"/"}
	rest := len(library.Insights())
	if library.Featured() != nil {
		rest--
	}
	paths = append(paths, pagePaths("/", rest)...)
	for _, c := range library.Categories() {
		path := "/categories/" + c.Slug
		paths = append(append(paths, path), pagePaths(path, len(library.In(c.Slug)))...)
	}
	var images []string
	for _, in := range library.Insights() {
		paths = append(paths, in.Path())
		images = append(images, imagePaths(in)...)
	}
	slices.Sort(images)
	paths = append(paths, slices.Compact(images)...)
	paths = append(paths, "/feeds")
	for _, doc := range set.Documents() {
		paths = append(paths, doc.Path)
	}
	paths = append(paths, "/atom.xml", "/feed.xml", "/sitemap.xml", "/robots.txt", "/favicon.ico")
	return append(paths, pages.AssetPaths()...)
}

// pagePaths are the paths of a list's pages after the first.
func pagePaths(base string, n int) []string {
	var paths []string
	for i := 2; (i-1)*perPage < n; i++ {
		paths = append(paths, pagePath(base, i))
	}
	return paths
}

// imagePaths are the images of this site that an insight shows.
func imagePaths(in *content.Insight) []string {
	var paths []string
	if name, ok := strings.CutPrefix(in.Image, "images/"); ok {
		paths = append(paths, "/insights/images/"+name)
	}
	z := html.NewTokenizer(strings.NewReader(in.HTML()))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		for _, a := range t.Attr {
			if u, err := url.Parse(a.Val); err == nil && t.Data == "img" && a.Key == "src" && u.Host == "" && strings.HasPrefix(u.Path, "/insights/images/") {
				paths = append(paths, u.Path)
			}
		}
	}
	return paths
}
