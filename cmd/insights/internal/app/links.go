package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/subscribers"
)

// keysSetting is under which the database remembers the keys that have made its links.
const keysSetting = "secret_fingerprints"

// CanLink says whether links can be made and checked: a secret is set, and the database
// knows one of its keys. What only reads needs none.
func (a *App) CanLink(ctx context.Context) error {
	if a.keyFault != nil {
		return a.keyFault
	}
	recorded, err := a.db.Setting(ctx, keysSetting)
	if err == nil {
		_, err = subscribers.Recognise(strings.Fields(recorded), a.Registry.Keys.Fingerprints())
	}
	return a.wordKeys(err)
}

// signs is CanLink for what makes links that go out: the database remembers the keys.
func (a *App) signs(ctx context.Context) error {
	if a.keyFault != nil {
		return a.keyFault
	}
	return a.wordKeys(a.db.EditSetting(ctx, keysSetting, func(recorded string) (string, error) {
		all, err := subscribers.Recognise(strings.Fields(recorded), a.Registry.Keys.Fingerprints())
		return strings.Join(all, " "), err
	}))
}

// forgetDevelopmentKeys makes a database of insights dev forget its keys: no link that they
// made has left its inbox.
func forgetDevelopmentKeys(ctx context.Context, db *database.DB) error {
	if use, err := db.Use(ctx); err != nil || use != Development {
		return err
	}
	return db.SetSetting(ctx, keysSetting, "")
}

// CheckKeys says whether the database of a configuration, where there is one that can be
// read, knows one of the configured keys.
func CheckKeys(ctx context.Context, c config.Config) error {
	db, err := openDatabase(ctx, &c)
	if err != nil {
		return nil // that is for serve to say, which may make or migrate it
	}
	defer db.Close()
	a := &App{Publication: Publication{Config: c}, db: db, Database: db.String(), Registry: &subscribers.Registry{}}
	a.Registry.Keys, a.keyFault = Keyring(&c)
	return a.CanLink(ctx)
}

// wordKeys says what to do where the keys are not those of the database.
func (a *App) wordKeys(err error) error {
	if !errors.Is(err, subscribers.ErrKeys) {
		return err
	}
	return unusable(fmt.Errorf("%w (%s): no link in any email sent so far would work; put the old secret after the new one, separated by a space: INSIGHTS_SECRET=\"NEW OLD\"; if the old one is lost for good: insights key accept", err, a.Database))
}

// AcceptKeys makes the database remember the configured keys, although it knows none of
// them, unless dry. accepted is false if it knows one.
func (a *App) AcceptKeys(ctx context.Context, dry bool) (accepted bool, err error) {
	if err := a.CanLink(ctx); err == nil || !errors.Is(err, subscribers.ErrKeys) {
		return false, err
	}
	if dry {
		return true, nil
	}
	return true, a.db.EditSetting(ctx, keysSetting, func(recorded string) (string, error) {
		all, _ := subscribers.Recognise(nil, append(strings.Fields(recorded), a.Registry.Keys.Fingerprints()...))
		return strings.Join(all, " "), nil
	})
}
