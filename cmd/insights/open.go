package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// contentFS is the folder of insights: the configured one, or the embedded.
func (c *Config) contentFS() (fs.FS, error) {
	if c.Content.Dir == "" {
		return content.Embedded(), nil
	}
	// A root keeps symbolic links from leading out of the folder.
	root, err := os.OpenRoot(c.Content.Dir)
	if err != nil {
		return nil, unusable(fmt.Errorf("content.dir: %w; it must be a folder with *.md files", err))
	}
	return root.FS(), nil
}

// library reads the insights.
func (c *Config) library(previous *content.Library) (*content.Library, error) {
	fsys, err := c.contentFS()
	if err != nil {
		return nil, err
	}
	lib, err := content.Load(fsys, content.Options{Categories: c.Site.Categories, Location: c.zone(), Previous: previous})
	if faults, ok := errors.AsType[content.Faults](err); ok {
		for i := range faults { // as an editor opens them
			faults[i].File = filepath.Join(c.Content.Dir, faults[i].File)
		}
	}
	if err == nil && len(lib.All()) == 0 && previous != nil && len(previous.All()) > 0 {
		// More likely a folder that was unmounted than a site that was given up.
		return nil, fmt.Errorf("%s holds no *.md file any more; restart if that is meant", c.Content.Dir)
	}
	return lib, err
}

// unreadable says that the insights can't be read, and why.
func unreadable(err error) error {
	if _, ok := errors.AsType[content.Faults](err); ok {
		err = fmt.Errorf("the insights have faults:\n%w", err)
	}
	return unusable(err)
}

// templatesFS is the folder whose files replace embedded templates, or nil.
func (c *Config) templatesFS() (fs.FS, error) {
	if c.Templates.Dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(c.Templates.Dir)
	if err != nil {
		return nil, unusable(fmt.Errorf("templates.dir: %w", err))
	}
	return root.FS(), nil
}

// checkTemplates reports every fault of the templates that replace embedded ones.
func (c *Config) checkTemplates() error {
	override, err := c.templatesFS()
	if err != nil {
		return err
	}
	_, pages := templates.NewPages(override)
	_, mails := templates.NewEmails(c.Site, override)
	return unusable(errors.Join(pages, mails))
}

// feedSite is what feeds say of the site.
func (c *Config) feedSite() feeds.Site {
	return feeds.Site{
		BaseURL: c.Site.BaseURL, Title: c.Site.Title, Description: c.Site.Description, Language: c.Site.Language,
		Author: c.Site.Author, Rights: c.Site.Copyright, Authority: c.Site.Authority,
		Generator: feeds.Generator{Name: "Insights", Version: version, URI: "https://github.com/scaledbydesign/insights"},
		Icon:      c.Site.BaseURL + "/assets/icon.png",
		Favicon:   c.Site.BaseURL + "/assets/favicon.png",
		Logo:      c.Site.BaseURL + "/assets/logo.png",
		Hub:       c.hubURL(),
		OwnHub:    c.WebSub.Hub == ownHub,
	}
}

// openDatabase opens an existing database with the schema this program needs.
func (c *Config) openDatabase(ctx context.Context) (*database.DB, error) {
	db, err := database.Open(c.Database.URL, false)
	if err != nil {
		return nil, unusable(err)
	}
	if err := db.Check(ctx); err != nil {
		db.Close()
		return nil, unusable(err)
	}
	return db, nil
}

// newsroom is what every command needs that plans or mails.
type newsroom struct {
	config   *Config
	db       *database.DB
	registry *subscribers.Registry
	planner  *newsletter.Planner
	returns  *newsletter.Feedback
	writer   *newsletter.Writer
}

// newsroom opens the database and puts together what mails.
func (p *program) newsroom(ctx context.Context) (*newsroom, error) {
	c, err := p.config()
	if err != nil {
		return nil, err
	}
	db, err := c.openDatabase(ctx)
	if err != nil {
		return nil, err
	}
	var n *newsroom
	if err = c.follow(ctx, db); err == nil {
		n, err = p.assemble(&c, db)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return n, nil
}

// Settings by which commands find out how `insights dev` runs in their folder.
const (
	settingContentDir = "content_dir"
	settingBaseURL    = "base_url"
)

// follow takes from a development database what the environment leaves open: a
// second terminal should see the insights that the first one serves.
func (c *Config) follow(ctx context.Context, db *database.DB) error {
	use, err := db.Use(ctx)
	if err != nil || use != database.Development {
		return err
	}
	if c.explicit["content.dir"] == byDefault {
		if c.Content.Dir, err = db.Setting(ctx, settingContentDir); err != nil {
			return err
		}
		// In messages a path from here is easier to read.
		if here, err := os.Getwd(); err == nil && c.Content.Dir != "" {
			if short, err := filepath.Rel(here, c.Content.Dir); err == nil && filepath.IsLocal(short) {
				c.Content.Dir = short
			}
		}
	}
	if c.explicit["site.base_url"] == byVariable {
		return nil
	}
	c.followed = true
	if c.explicit["listen"] == byVariable {
		c.Site.BaseURL = "http://" + c.Listen
		return nil
	}
	url, err := db.Setting(ctx, settingBaseURL)
	if err == nil && url != "" {
		c.Site.BaseURL = url
	}
	return err
}

// leave records what follow reads.
func (c *Config) leave(ctx context.Context, db *database.DB) error {
	dir := c.Content.Dir
	if dir != "" {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
	}
	return errors.Join(db.SetSetting(ctx, settingContentDir, dir), db.SetSetting(ctx, settingBaseURL, c.Site.BaseURL))
}

func (p *program) assemble(c *Config, db *database.DB) (*newsroom, error) {
	keys, err := c.keyring()
	if err != nil {
		return nil, unusable(err)
	}
	override, err := c.templatesFS()
	if err != nil {
		return nil, err
	}
	mails, err := templates.NewEmails(c.Site, override)
	if err != nil {
		return nil, unusable(err)
	}
	refused, err := c.refused()
	if err != nil {
		return nil, err
	}
	registry := &subscribers.Registry{Store: db, Keys: keys, Categories: c.categorySlugs(), StartWith: c.Digests.StartWith, Limits: c.limits(), Refused: refused, Log: p.log()}
	return &newsroom{
		config: c, db: db, registry: registry,
		planner: &newsletter.Planner{Store: db, Log: p.log()},
		returns: &newsletter.Feedback{Store: db, Registry: registry, Log: p.log(), Pause: db.Pause, Complaints: c.Bounces.Complaints},
		writer: &newsletter.Writer{
			Renderer: mails, Registry: registry,
			Identity: newsletter.Identity{
				BaseURL: c.Site.BaseURL, From: c.Mail.From, ConfirmFrom: c.Mail.ConfirmFrom, ReplyTo: c.Mail.ReplyTo,
				ListID: c.Mail.ListID, ListName: c.Site.Title, BounceDomain: c.Mail.BounceDomain, LeaveByMail: c.Bounces.Listen != "" || c.Bounces.Maildir != "", Zone: c.zone(),
			},
		},
	}, nil
}

// worker is the sender over the transport that the database is for: a database
// of `insights dev` never reaches a mail server.
func (n *newsroom) worker(ctx context.Context, p *program) (*newsletter.Worker, error) {
	transport, err := n.transport(ctx, p.log())
	if err != nil {
		return nil, err
	}
	composer, err := n.config.composer()
	if err != nil {
		return nil, err
	}
	c := n.config
	return &newsletter.Worker{
		Store: n.db, Writer: n.writer, Composer: composer, Transport: transport,
		Connections: c.SMTP.Connections, Rate: c.SMTP.Rate, PerDomain: c.SMTP.PerDomain,
		Retry:       newsletter.Retry{First: c.Digests.Retry.First, Deadline: c.Digests.Retry.Deadline},
		Schedules:   c.schedules(),
		OnUncertain: newsletter.OnUncertain(c.Digests.OnUncertain),
		Grace:       c.ShutdownGrace, Log: p.log(), Wake: n.db.Changed, Feedback: n.returns,
	}, nil
}

func (n *newsroom) transport(ctx context.Context, log *slog.Logger) (newsletter.Transport, error) {
	use, err := n.db.Use(ctx)
	if err != nil {
		return nil, err
	}
	if use == database.Development {
		return n.db.Inbox(), nil
	}
	if n.config.SMTP.Host == "" {
		return nil, unusable(errors.New("smtp.host is not set: INSIGHTS_SMTP_HOST=smtp.example.com"))
	}
	return n.config.relays(log), nil
}

// helo is the name this program gives itself: never the machine's own.
func (c *Config) helo() string {
	if c.SMTP.HELO != "" {
		return c.SMTP.HELO
	}
	return newsletter.DomainOf(c.Mail.From)
}

// keyring makes the keyring from the configured secrets, or in development from
// the secret beside the database.
func (c *Config) keyring() (*subscribers.Keyring, error) {
	secrets := c.secrets()
	if len(secrets) == 0 {
		secret, err := os.ReadFile(c.secretFile())
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("secret is not set: INSIGHTS_SECRET=$(head -c 32 /dev/urandom | base64), or INSIGHTS_SECRET_FILE=/path; it must be the daemon's")
		}
		if err != nil {
			return nil, fmt.Errorf("read the development secret: %w", err)
		}
		secrets = strings.Fields(string(secret))
	}
	return subscribers.NewKeyring(secrets...)
}

// secretFile is where `insights dev` keeps its secret: beside its database, or, when
// that is no file, where the default one would be.
func (c *Config) secretFile() string {
	path, ok := database.FilePath(c.Database.URL)
	if !ok {
		path, _ = database.FilePath(defaultDatabase)
	}
	return path + "-secret"
}

// makeSecret creates the development secret unless there is one.
func (c *Config) makeSecret() error {
	if len(c.secrets()) > 0 {
		return nil
	}
	f, err := os.OpenFile(c.secretFile(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the development secret: %w", err)
	}
	_, err = fmt.Fprintln(f, newSecret())
	return errors.Join(err, f.Close())
}

// newSecret is 256 random bits.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
