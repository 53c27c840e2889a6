package web

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

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
