// Package app opens what the configuration names and puts it together: an [App] for
// commands, a [Daemon] for serve and dev. It knows every part of the program but the
// terminal.
package app

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Version is the release. The build adds its commit.
const Version = "0.1.0"

// App is the opened program: the publication, and the database as the domain sees it.
type App struct {
	Publication
	Database string // its name, without secrets

	Subscribers subscribers.Store
	Digests     newsletter.DigestStore
	Messages    newsletter.MessageStore
	Status      newsletter.StatusStore
	Explain     newsletter.ExplainStore
	Tests       newsletter.TestStore
	Bounces     newsletter.FeedbackStore
	Resends     newsletter.ResendStore
	Withdrawals newsletter.WithdrawalStore
	Reports     newsletter.ReportStore
	Hub         websub.StatusStore // nil: this site has no hub of its own

	Registry *subscribers.Registry
	Planner  *newsletter.Planner
	Writer   *newsletter.Writer
	Feedback *newsletter.Feedback
	Preview  *newsletter.Previewer

	db          *database.DB
	log         *slog.Logger
	withdrawals withdrawals
	keyFault    error // why there are no keys, and Registry.Keys is nil
}

// Open opens the database, which must be there, and assembles an App on it.
func Open(ctx context.Context, c config.Config, log *slog.Logger) (*App, error) {
	db, err := openDatabase(ctx, &c)
	if err != nil {
		return nil, err
	}
	p := Publication{Config: c}
	var a *App
	if err = p.follow(ctx, db); err == nil {
		a, err = assemble(ctx, p, db, log)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return a, nil
}

// Close closes the database.
func (a *App) Close() error { return a.db.Close() }

func assemble(ctx context.Context, p Publication, db *database.DB, log *slog.Logger) (*App, error) {
	p.known = knownIn(db, log)
	c := &p.Config
	keys, keyFault := Keyring(c)
	emails, err := p.emails()
	if err != nil {
		return nil, err
	}
	refused, err := refusedDomains(c)
	if err != nil {
		return nil, err
	}
	undated, err := db.UndatedUntil(ctx)
	if err != nil {
		return nil, err
	}
	a := &App{
		Publication: p, Database: db.String(), db: db, log: log, keyFault: keyFault,
		Subscribers: db, Digests: db, Messages: db, Status: db, Explain: db, Tests: db, Bounces: db, Withdrawals: db, Resends: db, Reports: db,
	}
	a.withdrawals.store, a.withdrawals.log = db, log
	a.withheld = a.withdrawals.withheld
	if c.WebSub.Hub == config.OwnHub {
		a.Hub = db.WebSub()
	}
	a.Registry = &subscribers.Registry{
		Store: db, Keys: keys, Categories: c.CategorySlugs(), StartWith: c.Digests.StartWith,
		Limits: c.SignUpLimits(), Refused: refused, UndatedUntil: undated, Log: log,
	}
	if use, err := db.Use(ctx); err == nil && use != database.Development {
		if a.Registry.Turns = turns(c); !a.Registry.Turns.Paced() {
			a.Registry.Spread = spread
		}
	}
	a.Planner = &newsletter.Planner{Store: db, Log: log}
	a.Feedback = &newsletter.Feedback{Store: db, Registry: a.Registry, Log: log, Pause: db.PauseRefused, Judgement: c.Judgement(), Complaints: c.Bounces.Complaints, Domain: c.Mail.BounceDomain}
	a.Writer = &newsletter.Writer{Renderer: emails, Registry: a.Registry, Identity: c.Identity()}
	a.Preview = &newsletter.Previewer{Planner: a.Planner, Writer: a.Writer, StartWith: c.Digests.StartWith}
	return a, nil
}

const (
	spread    = time.Second // see subscribers.Registry
	turnAhead = time.Minute // see subscribers.Turns
)

// turns are those of emails, by the pace of sending.
func turns(c *config.Config) subscribers.Turns {
	every := func(perSecond float64) time.Duration {
		if perSecond <= 0 {
			return 0
		}
		return time.Duration(float64(time.Second) / perSecond)
	}
	return subscribers.Turns{Every: every(c.SMTP.Rate), EveryAt: every(c.SMTP.PerDomain), MostAhead: turnAhead}
}

// refusedDomains are the domains that nobody can sign up from.
func refusedDomains(c *config.Config) (subscribers.Domains, error) {
	if c.Limits.Refused == "" {
		return nil, nil
	}
	file, err := os.Open(c.Limits.Refused)
	if err != nil {
		return nil, unusable(fmt.Errorf("limits.refused: %w; it must be a file with one domain per line", err))
	}
	defer file.Close()
	domains, err := subscribers.ParseDomains(file)
	if err != nil {
		return nil, unusable(fmt.Errorf("limits.refused: %s: %w", c.Limits.Refused, err))
	}
	return domains, nil
}

// Use is what a database is for.
type Use = database.Use

const (
	Development = database.Development // emails stay in the inbox
	Production  = database.Production  // emails go to the relay
)

// Use returns what the database is for.
func (a *App) Use(ctx context.Context) (Use, error) { return a.db.Use(ctx) }

// ReadersOf counts the confirmed readers with a cadence.
func (a *App) ReadersOf(ctx context.Context, cadence subscribers.Cadence) (int, error) {
	return a.db.ReadersOf(ctx, cadence)
}

// ReadersOfRemoved counts the confirmed readers of each category that is no longer
// configured.
func (a *App) ReadersOfRemoved(ctx context.Context) (map[string]int, error) {
	return a.db.ReadersBeside(ctx, a.Config.CategorySlugs())
}

// Running reports whether some process sends from the database.
func (a *App) Running(ctx context.Context) bool {
	sending, err := a.db.Sending(ctx)
	return sending && err == nil
}

// MessagesOf makes every message of a planned digest.
func (a *App) MessagesOf(ctx context.Context, d newsletter.Digest) (iter.Seq2[newsletter.Made, error], error) {
	if err := a.CanLink(ctx); err != nil {
		return nil, err
	}
	composer, err := a.Composer()
	if err != nil {
		return nil, err
	}
	return newsletter.Messages(ctx, a.Messages, a.Writer, composer, d), nil
}

// RenameCategories moves the choices of readers to the new slug of a renamed category.
// It must run before a reader gets a category: once readers have chosen the new slug, the
// two can't be merged.
//
// A slug that a category had before and that is configured again, while its present one is
// not, is the rename undone.
func (a *App) RenameCategories(ctx context.Context) {
	rename := func(from, to string) {
		renamed, err := a.db.RenameCategory(ctx, from, to)
		if err != nil {
			a.log.Error("cannot move subscribers to the renamed category", "from", from, "to", to, "error", err)
		}
		if renamed {
			a.log.Info("category renamed", "from", from, "to", to)
		}
	}
	configured := make(map[string]bool)
	for _, category := range a.Config.Site.Categories {
		configured[category.Slug] = true
		for _, from := range category.Formerly {
			rename(from, category.Slug)
		}
	}
	for _, category := range a.Config.Site.Categories {
		now, err := a.db.RenamedTo(ctx, category.Slug)
		if err != nil {
			a.log.Error("cannot read how categories were called", "error", err)
			return
		}
		if now != "" && !configured[now] {
			rename(now, category.Slug)
		}
	}
}
