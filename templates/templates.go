// Package templates turns what the site has to say into words: HTML pages for
// the browser and the emails of the newsletter. Its sources are embedded and
// parsed once; a folder of one's own may replace any of them. It decides
// nothing: what a page shows is in the view it is given.
package templates

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed site/*.tmpl assets/* email/*.tmpl
var embedded embed.FS

// Embedded is everything that an override may replace: site/, assets/ and email/.
func Embedded() fs.FS { return embedded }

// layout is the source that surrounds every page; the files whose names start
// with an underscore are pieces that pages share.
const layout = "site/_layout.tmpl"

// View is what one page shows: one of the types of this package whose names end
// in Page.
type View interface {
	template() string // the file's name in site/, without .tmpl
	places() places
}

// Pages renders the site's pages. It is immutable and safe for concurrent use.
type Pages struct {
	assets map[string]Asset
	urls   map[string]string // of each asset by its name
	byName map[string]*template.Template
}

// NewPages parses the embedded sources. Files of override, which may be nil,
// replace those of the same name: site/article.tmpl, assets/site.css. A source
// that can't be parsed, or that asks a view for something it lacks, is an error
// that names the file.
func NewPages(override fs.FS) (*Pages, error) {
	p := &Pages{byName: make(map[string]*template.Template)}
	src := source{override}
	if err := p.loadAssets(src); err != nil {
		return nil, err
	}
	names, err := src.names("site")
	if err != nil {
		return nil, err
	}
	var shared, pages []string
	for _, name := range names {
		switch {
		case path.Ext(name) != ".tmpl":
		case strings.HasPrefix(path.Base(name), "_"):
			shared = append(shared, name)
		default:
			pages = append(pages, name)
		}
	}
	base := template.New("").Funcs(p.funcs())
	if err := src.parse(base, shared); err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range pages {
		t := template.Must(base.Clone()) // fails only once executed
		if err := src.parse(t, []string{name}); err != nil {
			faults = append(faults, err)
			continue
		}
		p.byName[strings.TrimSuffix(path.Base(name), ".tmpl")] = t
	}
	for _, v := range samples() {
		// A page is tried before a reader does.
		if _, err := p.Render(v); err != nil && len(faults) == 0 {
			faults = append(faults, err)
		}
	}
	return p, errors.Join(faults...)
}

// Render returns the page of a view, UTF-8 HTML.
func (p *Pages) Render(v View) ([]byte, error) {
	t := p.byName[v.template()]
	if t == nil {
		return nil, fmt.Errorf("templates: there is no site/%s.tmpl", v.template())
	}
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, layout, v); err != nil {
		return nil, fmt.Errorf("templates: site/%s.tmpl: %w", v.template(), err)
	}
	return v.places().resolve(page.Bytes()), nil
}

// source reads a file from the override where that has it, else the embedded one.
type source struct{ override fs.FS }

func (s source) read(name string) ([]byte, error) {
	if s.override != nil {
		b, err := fs.ReadFile(s.override, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return embedded.ReadFile(name)
}

// names lists the files of a folder in both places, each once, in order.
func (s source) names(dir string) ([]string, error) {
	entries, err := embedded.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if s.override != nil {
		own, err := fs.ReadDir(s.override, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("templates: %w", err)
		}
		entries = append(entries, own...)
	}
	var names []string
	for _, e := range entries {
		if name := path.Join(dir, e.Name()); !e.IsDir() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s source) parse(t *template.Template, names []string) error {
	for _, name := range names {
		b, err := s.read(name)
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		if _, err := t.New(name).Parse(string(b)); err != nil {
			return fmt.Errorf("templates: %w", err) // names the file and the line
		}
	}
	return nil
}
