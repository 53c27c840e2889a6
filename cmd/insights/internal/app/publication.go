package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/readership"
	"github.com/scaledbydesign/insights/templates"
)

// Publication is what is published, as the configuration says. It needs no database.
type Publication struct {
	Config   config.Config
	Followed bool // the base URL is that of insights dev in this folder
	// Unread is why the database could not be asked which insights staff have withdrawn;
	// nil also where there is none.
	Unread error

	known    func() map[string][]string // ids of the insights that the database knows, by slug; nil = no database
	withheld func() map[string]bool     // ids of insights that staff have withdrawn; nil = no database
}

// OpenPublication returns the publication of a configuration; next to a running insights
// dev, what that serves. No database need exist: where there is one, what staff have
// withdrawn is not published.
func OpenPublication(ctx context.Context, c config.Config) (*Publication, error) {
	p := &Publication{Config: c}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	db, err := openDatabase(ctx, &c)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && c.Origin("database.url") != config.ByDefault {
			p.Unread = err
		}
		return p, nil
	}
	defer db.Close()
	ids, err := withheldIn(ctx, db)
	if err != nil {
		p.Unread = err
	}
	p.withheld = func() map[string]bool { return ids }
	if known, err := db.InsightIDs(ctx); err == nil { // else an older schema's
		p.known = func() map[string][]string { return known }
	}
	if c.Origin("database.url") != config.ByDefault {
		return p, nil
	}
	return p, p.follow(ctx, db)
}

// askWithin bounds how long a command that needs no database waits for one.
const askWithin = 3 * time.Second

// Library reads the insights. Files with faults are left out: see [Publication.Faults].
func (p *Publication) Library() (*content.Library, error) {
	lib, err := p.load(nil)
	return lib, unusable(err)
}

// load reads the insights, given the previous ones.
func (p *Publication) load(previous *content.Library) (*content.Library, error) {
	c := &p.Config
	fsys, err := p.insights()
	if err != nil {
		return nil, err
	}
	options := content.Options{Categories: c.Site.Categories, Location: c.Zone(), Previous: previous}
	if p.known != nil {
		options.Known = p.known()
	}
	if p.withheld != nil {
		options.Withheld = p.withheld()
	}
	return content.Load(fsys, options)
}

// Faults are a library's faults, with the files named as an editor opens them.
func (p *Publication) Faults(lib *content.Library) content.Faults { return p.Named(lib.Faults()) }

// Named returns faults with their files named as an editor opens them.
func (p *Publication) Named(faults content.Faults) content.Faults {
	named := slices.Clone(faults)
	for i := range named {
		named[i].File = filepath.Join(p.Config.Content.Dir, named[i].File)
	}
	return named
}

// insights is the configured folder of insights, or the embedded one.
func (p *Publication) insights() (fs.FS, error) {
	if p.Config.Content.Dir == "" {
		return content.Embedded(), nil
	}
	// A root keeps symbolic links from leading out of the folder.
	root, err := os.OpenRoot(p.Config.Content.Dir)
	if err != nil {
		return nil, unusable(fmt.Errorf("content.dir: %w; it must be a folder with *.md files", err))
	}
	return root.FS(), nil
}

// Feeds makes every feed of a library.
func (p *Publication) Feeds(lib *content.Library) (*feeds.Set, error) {
	set, err := feeds.Build(lib, p.feedSite(), nil)
	return set, unusable(err)
}

// feedSite describes the site in feeds.
func (p *Publication) feedSite() feeds.Site {
	c := &p.Config
	return feeds.Site{
		BaseURL: c.Site.BaseURL, Title: c.Site.Title, Description: c.Site.Description, Language: c.Site.Language,
		Author: c.Site.Author, Rights: c.Site.Copyright, Authority: c.Site.Authority,
		Generator: feeds.Generator{Name: "Insights", Version: Version, URI: "https://github.com/scaledbydesign/insights"},
		Icon:      c.Site.BaseURL + "/assets/icon.png",
		Favicon:   c.Site.BaseURL + "/assets/favicon.png",
		Logo:      c.Site.BaseURL + "/assets/logo.png",
		Hub:       c.HubURL(),
		OwnHub:    c.WebSub.Hub == config.OwnHub,
	}
}

// override is the folder whose files replace embedded templates, or nil.
func (p *Publication) override() (fs.FS, error) {
	if p.Config.Templates.Dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(p.Config.Templates.Dir)
	if err != nil {
		return nil, unusable(fmt.Errorf("templates.dir: %w", err))
	}
	return root.FS(), nil
}

func (p *Publication) pages() (*templates.Pages, error) {
	override, err := p.override()
	if err != nil {
		return nil, err
	}
	pages, err := templates.NewPages(override)
	return pages, unusable(err)
}

func (p *Publication) emails() (*templates.Emails, error) {
	override, err := p.override()
	if err != nil {
		return nil, err
	}
	emails, err := templates.NewEmails(p.Config.Site, override)
	return emails, unusable(err)
}

// CheckFiles reports every fault of the files that a configuration names: templates, and
// domains that nobody can sign up from.
func CheckFiles(c config.Config) error {
	p := &Publication{Config: c}
	if _, err := p.override(); err != nil {
		return err
	}
	_, pages := p.pages()
	_, emails := p.emails()
	if err := errors.Join(pages, emails); err != nil {
		return err
	}
	_, err := refusedDomains(&c)
	return err
}

// FeedReaders is the present estimate of who follows the feeds, by document; nil when
// nobody has asked for a feed for a week, or nobody has counted.
func (p *Publication) FeedReaders(ctx context.Context) (map[string]readership.Estimate, error) {
	db, err := openDatabase(ctx, &p.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return estimateReaders(ctx, db)
}

func estimateReaders(ctx context.Context, db *database.DB) (map[string]readership.Estimate, error) {
	counts, err := db.Readership(ctx, readership.Today()-readership.WindowDays+1)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	return readership.Estimates(counts), nil
}

// KnownIDs are the ids of the insights that the database knows, by slug. Its error wraps
// fs.ErrNotExist where there is no database.
func (p *Publication) KnownIDs(ctx context.Context) (map[string][]string, error) {
	db, err := openDatabase(ctx, &p.Config)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.InsightIDs(ctx)
}

// knownIn asks a database for the ids that it knows. While it doesn't answer, what it
// said last is still true: ids are never forgotten.
func knownIn(db *database.DB, log *slog.Logger) func() map[string][]string {
	var mu sync.Mutex
	var last map[string][]string
	return func() map[string][]string {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		known, err := db.InsightIDs(ctx)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			log.Warn("cannot compare the ids of insights with the database", "error", err)
			return last
		}
		last = known
		return known
	}
}
