package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// parseAddress reads an address a person wrote.
func parseAddress(word string) (subscribers.Address, error) {
	a, err := subscribers.ReadAddress(word)
	if err != nil {
		return a, usageError("%q: %v", word, err)
	}
	return a, nil
}

// parseCategory turns the slug or name a person wrote into a slug; "" stays "".
func parseCategory(c *config.Config, word string) (string, error) {
	if word == "" {
		return "", nil
	}
	for _, category := range c.Site.Categories {
		if word == category.Slug || word == category.Name {
			return category.Slug, nil
		}
	}
	return "", usageError("there is no category %q%s", word, didYouMean(word, c.CategorySlugs()))
}

// noteUnserved warns of a cadence that no schedule serves.
func noteUnserved(out *console.Console, c *config.Config, cadence subscribers.Cadence) {
	if slices.Contains(c.UnservedCadences(), cadence) {
		out.Note("warning: no schedule serves %s, so that nothing is sent; add one to digests.schedules", cadence)
	}
}

// parsePreferences reads what staff wrote; no category means all of them.
func parsePreferences(c *config.Config, cadence string, categories []string) (subscribers.Preferences, error) {
	parsed, err := subscribers.ParseCadence(cadence)
	if err != nil {
		return subscribers.Preferences{}, usageError("%v", err)
	}
	p := subscribers.Preferences{Cadence: parsed}
	for _, word := range categories {
		slug, err := parseCategory(c, strings.TrimSpace(word))
		if err != nil {
			return p, err
		}
		if slug != "" {
			p.Categories = append(p.Categories, slug)
		}
	}
	if len(p.Categories) == 0 {
		p.Categories = c.CategorySlugs()
	}
	return p, nil
}

func parseFilter(c *config.Config, status, cadence, category string) (f subscribers.Filter, err error) {
	if status != "" {
		if f.Status, err = subscribers.ParseStatus(status); err != nil {
			return f, usageError("%v", err)
		}
	}
	if cadence != "" {
		if f.Cadence, err = subscribers.ParseCadence(cadence); err != nil {
			return f, usageError("%v", err)
		}
	}
	f.Category, err = parseCategory(c, category)
	return f, err
}

// parsePauseEnd reads the end of a pause: a day in the site's zone, or never.
func parsePauseEnd(c *config.Config, word string) (time.Time, error) {
	if word == "never" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, word, c.Zone())
	if err != nil || !at.After(time.Now()) {
		return at, usageError("--pause-until %q: write a future date, such as 2027-01-31, or never", word)
	}
	return at, nil
}

// parseTime reads a future time: in the site's zone unless it names its own.
func parseTime(word string, zone *time.Location, now time.Time) (time.Time, error) {
	if word == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, word)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if err != nil {
			t, err = time.ParseInLocation(layout, word, zone)
		}
	}
	switch {
	case err != nil:
		return t, usageError("--at %q is not a time: write 2026-12-01 09:00, or with a zone: 2026-12-01T09:00:00Z", word)
	case !t.After(now):
		return t, usageError("--at %s is in the past", console.Moment(t, zone))
	}
	return t, nil
}

// parseSince reads a past time: a day or a time in the site's zone unless it names its
// own, or how long ago.
func parseSince(word string, zone *time.Location, now time.Time) (time.Time, error) {
	if word == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(word); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, word)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if err != nil {
			t, err = time.ParseInLocation(layout, word, zone)
		}
	}
	switch {
	case err != nil:
		return t, usageError("--since %q is not a time: write 2026-12-01, 2026-12-01 09:00, or how long ago: 24h", word)
	case t.After(now):
		return t, usageError("--since %s is in the future", console.Moment(t, zone))
	}
	return t, nil
}

// findDigest finds one by what a person wrote.
func findDigest(ctx context.Context, a *app.App, word string) (newsletter.Digest, error) {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return newsletter.Digest{}, usageError("%q is not the number of a digest; see: insights digest list", word)
	}
	d, err := a.Status.Glance(ctx, id) // which reads no more of a million emails than it must
	if err == nil && d.State == newsletter.DigestPlanning {
		d, err = a.Digests.Digest(ctx, id)
	}
	if errors.Is(err, newsletter.ErrNotFound) {
		return d, fmt.Errorf("there is no digest %d; see: insights digest list", id)
	}
	return d, err
}

// findSubscriber finds one by the address a person wrote.
func findSubscriber(ctx context.Context, a *app.App, address string) (subscribers.Subscriber, error) {
	key, err := parseAddress(address)
	if err != nil {
		return subscribers.Subscriber{}, err
	}
	s, err := a.Subscribers.ByKey(ctx, key.Key())
	if errors.Is(err, subscribers.ErrNotFound) {
		return s, unknown(ctx, a, key)
	}
	return s, err
}

// unknown is the error for an address without a subscriber, with what is still known about it.
func unknown(ctx context.Context, a *app.App, who subscribers.Address) error {
	kept, err := a.Registry.Kept(ctx, who)
	switch {
	case err != nil:
		return err
	case kept.Status == subscribers.Suppressed:
		return fmt.Errorf("%s is not a subscriber, and has been suppressed since %s (%s: %s);\nto allow email to it again: insights suppress remove %[1]s",
			who, console.Moment(kept.SuppressedAt, a.Config.Zone()), kept.Cause, kept.Reason)
	case kept.Status == subscribers.Unsubscribed:
		return fmt.Errorf("%s is not a subscriber: their data was erased;\nonly they can sign up again", who)
	}
	return fmt.Errorf("%s is not a subscriber; see: insights subscriber list", who)
}

// didYouMean is "; did you mean X?" when a known word is near, else "".
func didYouMean(word string, known []string) string {
	near := content.Nearest(word, known)
	if near == "" {
		return ""
	}
	return "; did you mean " + near + "?"
}

func categoryFlag(p *program, cmd *cobra.Command, value *string, usage string) {
	cmd.Flags().StringVar(value, "category", "", usage)
	completeCategories(p, cmd, "category")
}

func completeCategories(p *program, cmd *cobra.Command, flag string) {
	// The flag exists: it was defined just before.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := p.config()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.CategorySlugs(), cobra.ShellCompDirectiveNoFileComp
	})
}

func completeSlugs(p *program) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		pub, err := p.publication(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		lib, err := pub.Library()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slugsOf(lib), cobra.ShellCompDirectiveNoFileComp
	}
}
