package feeds

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/content"
)

// ErrNotFound says that there is no document at an address.
var ErrNotFound = errors.New("no such feed document")

// selection returns the feed of the insights of some categories, in the order of
// their slugs; of all insights for none. Who chose every category that there is has
// not chosen those to come.
func (s *Set) selection(categories []content.Category) selection {
	f := Feed{Site: s.site, Name: nameOfAll, Title: s.site.Title, Description: s.site.Description, HomePath: "/"}
	insights := s.lib.Insights()
	if len(categories) > 0 {
		slugs := slugsOf(categories)
		var first, names []string
		for _, c := range categories {
			names = append(names, c.Name)
			first = append(first, append(slices.Clone(c.Formerly), c.Slug)[0])
		}
		slices.Sort(first) // as the name was
		f.Name, f.FirstName = nameOf(categories), strings.Join(first, "+")
		f.Title = s.site.Title + ": " + strings.Join(names, ", ")
		if len(categories) == 1 {
			f.Description, f.HomePath = categories[0].Description, "/categories/"+slugs[0]
			insights = s.lib.In(slugs[0])
		} else {
			if !s.site.OwnHub {
				f.Site.Hub = ""
			}
			insights = slices.DeleteFunc(slices.Clone(insights), func(in *content.Insight) bool {
				return !slices.Contains(slugs, in.Category.Slug)
			})
		}
	}
	f.Path = "/feeds/" + f.Name
	return selection{feed: f, insights: insights}
}

func slugsOf(categories []content.Category) []string {
	slugs := make([]string, len(categories))
	for i, c := range categories {
		slugs[i] = c.Slug
	}
	return slugs
}

// nameOf returns the name of the feed of some categories, of all for none.
func nameOf(categories []content.Category) string {
	if len(categories) == 0 {
		return nameOfAll
	}
	return strings.Join(slugsOf(categories), "+")
}

// address is what the path of a document says.
type address struct {
	categories []content.Category // none: all
	archive    string
	format     Format
}

// MaxCombined is how many categories a feed combines at most: as many as a site may have.
const MaxCombined = 62

// maxArchive is the longest name of an archive, with more digits than there are parts.
const maxArchive = len("2006-01-123456789")

var archiveName = regexp.MustCompile(`^\d{4}-\d\d(-\d+)?$`)

// splitAddress takes the path of a document apart: /feeds/NAME.FORMAT, or
// /feeds/NAME/ARCHIVE.FORMAT. It looks at all of a path once, since strangers write it.
func splitAddress(path string) (feed, archive string, format Format, ok bool) {
	stem, below := strings.CutPrefix(path, "/feeds/")
	dot := strings.LastIndexByte(stem, '.')
	if !below || dot < 0 {
		return "", "", "", false
	}
	format, err := ParseFormat(stem[dot+1:])
	if err != nil {
		return "", "", "", false
	}
	feed, archive, archived := strings.Cut(stem[:dot], "/")
	if feed == "" || archived && (len(archive) > maxArchive || !archiveName.MatchString(archive)) || strings.Count(feed, "+") >= MaxCombined {
		return "", "", "", false
	}
	return feed, archive, format, true
}

// parse reads the path of a document, of whatever feed there could be.
func (s *Set) parse(path string) (address, bool) {
	var a address
	name, archive, format, ok := splitAddress(path)
	if !ok {
		return a, false
	}
	a.archive, a.format = archive, format
	all, several := false, strings.Contains(name, "+")
	for slug := range strings.SplitSeq(name, "+") {
		if slug == nameOfAll {
			all = true
			continue
		}
		c, ok := s.category(slug)
		if !ok && several && s.had(slug, "") {
			continue // the feed lives on without it
		}
		if !ok {
			return a, false
		}
		if !slices.ContainsFunc(a.categories, func(other content.Category) bool { return other.Slug == c.Slug }) {
			a.categories = append(a.categories, c)
		}
	}
	if all {
		a.categories = nil
	} else if len(a.categories) == 0 {
		return a, false
	}
	slices.SortFunc(a.categories, func(a, b content.Category) int { return strings.Compare(a.Slug, b.Slug) })
	return a, true
}

// category returns the category that has a slug, or had it before.
func (s *Set) category(slug string) (content.Category, bool) {
	if c, ok := s.lib.Category(slug); ok {
		return c, true
	}
	return s.lib.Renamed(slug)
}

// Canonical returns the one path of the document that a path asks for: the
// categories of a combined feed are in the order of their slugs, each once and by
// its present slug, without those that there are no more. It reports whether such a feed can be; an archive of it need
// not exist.
func (s *Set) Canonical(path string) (string, bool) {
	if _, ok := s.byPath[path]; ok {
		return path, true
	}
	a, ok := s.parse(path)
	if !ok {
		return "", false
	}
	return documentPath("/feeds/"+nameOf(a.categories), a.archive) + "." + a.format.String(), true
}

// Render makes the document at a canonical path that [Set.Document] does not have:
// an archive, or a feed of several categories. It renders each time it is
// called; its caller keeps what it makes. ErrNotFound: there is no such document.
func (s *Set) Render(path string) (*Document, error) {
	f, format, err := s.find(path)
	if err != nil {
		return nil, err
	}
	d, err := renderDocument(f, format)
	if err != nil {
		return nil, err
	}
	return s.dated(d), nil
}

// Feed returns what the document at a canonical path is made of, or ErrNotFound.
func (s *Set) Feed(path string) (Feed, error) {
	f, _, err := s.find(path)
	return f, err
}

// ArchivesOf returns the paths of the archive documents that the document at a
// canonical path has, newest first, or ErrNotFound.
func (s *Set) ArchivesOf(path string) ([]string, error) {
	d, a, err := s.feedAt(path)
	if err != nil {
		return nil, err
	}
	return d.archivePaths(a.format), nil
}

// archivePaths are the paths of a feed's archive documents in some formats, newest first.
func (d *pagedFeed) archivePaths(formats ...Format) (paths []string) {
	for _, archive := range d.archives {
		for _, format := range formats {
			paths = append(paths, documentPath(d.feed.Path, archive.name)+"."+format.String())
		}
	}
	return paths
}

// Combinations returns the paths of the documents, without archives, of every
// feed of several categories: of n categories 2ⁿ-n-1 feeds, fewest categories first.
func (s *Set) Combinations() []string {
	slugs := slugsOf(s.lib.Categories())
	slices.Sort(slugs)
	var names []string
	for mask := range 1 << len(slugs) {
		if bits.OnesCount(uint(mask)) < 2 {
			continue
		}
		var chosen []string
		for i, slug := range slugs {
			if mask&(1<<i) != 0 {
				chosen = append(chosen, slug)
			}
		}
		names = append(names, strings.Join(chosen, "+"))
	}
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(a, "+") - strings.Count(b, "+") })
	var paths []string
	for _, name := range names {
		for _, format := range Formats() {
			paths = append(paths, "/feeds/"+name+"."+format.String())
		}
	}
	return paths
}

// feedAt returns the feed that a path names; one of several categories is divided at
// each call.
func (s *Set) feedAt(path string) (*pagedFeed, address, error) {
	a, ok := s.parse(path)
	if !ok {
		return nil, a, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	if d := s.pagedFeed(nameOf(a.categories)); d != nil {
		return d, a, nil
	}
	d, err := s.paginate(s.selection(a.categories))
	return d, a, err
}

func (s *Set) find(path string) (Feed, Format, error) {
	d, a, err := s.feedAt(path)
	if err != nil {
		return Feed{}, "", err
	}
	if a.archive == "" {
		return d.headFeed(), a.format, nil
	}
	i := d.archiveNamed(a.archive)
	if i < 0 {
		return Feed{}, "", fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	return d.archiveFeed(i), a.format, nil
}
