package web

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/templates"
)

// perPage is how many insights a list shows at once.
const perPage = 100

// pageAge is how long caches may keep a page of the library.
var pageAge = newMaxAge(60)

// head is what every page starts from. An empty path marks a page that is not to
// be passed on.
func (s *site) head(title, path string) templates.Head {
	h := templates.Head{Site: &s.Site, Title: title, Path: path, Dev: s.Inbox != nil, Static: s.Static, Server: s.Server}
	h.Feeds = s.feedLinks("", s.Site.Title)
	if s.Dev && s.Changed != nil {
		h.Script = s.Pages.AssetURL("reload.js")
	}
	return h
}

// sectionHead puts the feeds of the category in front, since readers take the
// first they find.
func (s *site) sectionHead(title, path string, c content.Category) templates.Head {
	h := s.head(title, path)
	h.Section = c.Slug
	h.Feeds = append(s.feedLinks(c.Slug, c.Name), h.Feeds...)
	return h
}

// cached answers with a page of the library, made once for each snapshot.
func (s *site) cached(w http.ResponseWriter, r *http.Request, library *content.Library, path string, view func() templates.View) error {
	page, err := s.pages.get(r.Context(), library, path, s.place(s.lines.pages, r), func() (*body, error) {
		b, err := s.Pages.Render(view())
		return newBody(b, htmlType), err
	})
	if err != nil {
		return err
	}
	s.public(w, pageAge, library.Next())
	return page.send(w, r)
}

func (s *site) index(w http.ResponseWriter, r *http.Request) error {
	library := s.Library()
	featured := library.Featured()
	insights := library.Insights()
	if featured != nil {
		// It is shown above the list and is on no page of it.
		insights = slices.DeleteFunc(slices.Clone(insights), func(in *content.Insight) bool { return in == featured })
	}
	shown, pager, err := paginate(w, r, insights, "/")
	if err != nil || shown == nil && pager.Pages == 0 {
		return err
	}
	return s.cached(w, r, library, r.URL.Path, func() templates.View {
		v := &templates.IndexPage{Head: s.head("", r.URL.Path), Insights: shown, Sections: sections(library), Pager: pager}
		v.Prev, v.Next = pager.Newer, pager.Older
		if pager.Page == 1 {
			v.Featured = featured
		} else {
			v.Title = "Page " + strconv.Itoa(pager.Page)
		}
		return v
	})
}

func (s *site) category(w http.ResponseWriter, r *http.Request) error {
	library := s.Library()
	slug := r.PathValue("category")
	c, ok := library.Category(slug)
	if renamed, found := library.Renamed(slug); !ok && found {
		return moved("/categories/"+renamed.Slug)(w, r)
	}
	if !ok {
		return missing(s.Feeds(), "/feeds/"+slug+".rss")
	}
	insights := library.In(c.Slug)
	shown, pager, err := paginate(w, r, insights, "/categories/"+c.Slug)
	if err != nil || shown == nil && pager.Pages == 0 {
		return err
	}
	return s.cached(w, r, library, r.URL.Path, func() templates.View {
		title := c.Name
		if pager.Page > 1 {
			title += ", page " + strconv.Itoa(pager.Page)
		}
		v := &templates.CategoryPage{
			Head: s.sectionHead(title, r.URL.Path, c), Category: c,
			Insights: shown, Total: len(insights), Sections: sections(library), Pager: pager,
		}
		v.Description = c.Description
		v.Prev, v.Next = pager.Newer, pager.Older
		return v
	})
}

func (s *site) article(w http.ResponseWriter, r *http.Request) error {
	library := s.Library()
	in, ok := library.BySlug(r.PathValue("slug"))
	if !ok {
		return s.forward(w, r, library)
	}
	return s.cached(w, r, library, in.Path(), func() templates.View {
		v := &templates.ArticlePage{Head: s.sectionHead(in.Title, in.Path(), in.Category), Insight: in, Author: cmp.Or(in.Author, s.Site.Author)}
		v.Description, v.Canonical, v.Article = in.Summary, in.Canonical, in
		v.Image = s.imageURL(in.Image)
		v.Body = template.HTML(in.HTML())
		same := library.In(in.Category.Slug)
		if i := slices.Index(same, in); i >= 0 {
			if i > 0 {
				v.Newer = same[i-1]
			}
			if i+1 < len(same) {
				v.Older = same[i+1]
			}
		}
		return v
	})
}

// forward answers for an address at which there is no insight, but may have been one.
func (s *site) forward(w http.ResponseWriter, r *http.Request, library *content.Library) error {
	slug := r.PathValue("slug")
	to, ok := library.Moved(slug)
	if !ok && s.Addresses != nil {
		holders, err := s.Addresses.AtSlug(r.Context(), slug)
		if err != nil {
			return fmt.Errorf("look for a former address: %w", err)
		}
		gone := false
		if to, gone = newsletter.Forward(library, holders, time.Now()); gone {
			return statusError(http.StatusGone)
		}
	}
	if to == nil {
		return statusError(http.StatusNotFound)
	}
	s.public(w, pageAge, library.Next()) // a slug may change back
	http.Redirect(w, r, to.Path(), http.StatusMovedPermanently)
	return nil
}

// imageURL is where the image that a front matter names can be fetched.
func (s *site) imageURL(image string) string {
	if name, ok := strings.CutPrefix(image, "images/"); ok {
		return s.Site.BaseURL + "/insights/images/" + name
	}
	return image
}

// paginate cuts the page of a list that a request asks for. It redirects page/1
// to the list itself; then, and only then, the pager has no pages.
func paginate[T any](w http.ResponseWriter, r *http.Request, list []T, base string) ([]T, templates.Pager, error) {
	pager := templates.Pager{Page: 1, Pages: max(1, (len(list)+perPage-1)/perPage)}
	if given := r.PathValue("page"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || strconv.Itoa(n) != given || n < 1 || n > pager.Pages {
			return nil, pager, statusError(http.StatusNotFound)
		}
		if n == 1 {
			http.Redirect(w, r, base, http.StatusMovedPermanently)
			return nil, templates.Pager{}, nil
		}
		pager.Page = n
	}
	if pager.Page > 1 {
		pager.Newer = pagePath(base, pager.Page-1)
	}
	if pager.Page < pager.Pages {
		pager.Older = pagePath(base, pager.Page+1)
	}
	start := (pager.Page - 1) * perPage
	return list[start:min(start+perPage, len(list))], pager, nil
}

func pagePath(base string, n int) string {
	if n == 1 {
		return base
	}
	return strings.TrimSuffix(base, "/") + "/page/" + strconv.Itoa(n)
}

// sections is every category with the number of its insights.
func sections(library *content.Library) []templates.Section {
	var list []templates.Section
	for _, c := range library.Categories() {
		list = append(list, templates.Section{Category: c, Count: len(library.In(c.Slug))})
	}
	return list
}
