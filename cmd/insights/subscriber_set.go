package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberSetCommand(p *program) *cobra.Command {
	var cadence, pause string
	var categories []string
	cmd := editCommand(p, edit{
		unchanged: "gets just that already",
		use:       "set ADDR", short: "Change what a reader receives, as they asked", would: "change what is sent to",
		long: "Change a reader's cadence or categories, or pause their digests, because they\nasked for it. Nobody is mailed.",
		do: func(ctx context.Context, a *app.App, who subscribers.Address) (subscribers.Subscriber, string, error) {
			var wanted subscribers.Preferences
			var until *time.Time
			if cadence == "" && categories == nil && pause == "" {
				return subscribers.Subscriber{}, "", usageError("say what to change: --cadence, --categories or --pause-until")
			}
			if categories != nil && strings.TrimSpace(strings.Join(categories, "")) == "" {
				return subscribers.Subscriber{}, "", usageError("--categories is empty: name one or more; to end all mail: insights subscriber unsubscribe %s", who)
			}
			parsed, err := parsePreferences(&a.Config, orWeekly(cadence), categories)
			if err != nil {
				return subscribers.Subscriber{}, "", err
			}
			if cadence != "" {
				wanted.Cadence = parsed.Cadence
			}
			if categories != nil {
				wanted.Categories = parsed.Categories
			}
			if pause != "" {
				at, err := parsePauseEnd(&a.Config, pause)
				if err != nil {
					return subscribers.Subscriber{}, "", err
				}
				until = &at
			}
			a.RenameCategories(ctx)
			sub, changed, err := a.Registry.StaffPrefer(ctx, who, wanted, until)
			if err != nil || !changed {
				return sub, "", err
			}
			said := fmt.Sprintf("%s gets %s", sub.Address, subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories})
			switch {
			case sub.Status != subscribers.Confirmed:
				said = fmt.Sprintf("%s is %s and gets nothing; once confirmed: %s", sub.Address, sub.Status, subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories})
			case sub.PausedUntil.After(time.Now()):
				said += ", from " + console.Moment(sub.PausedUntil, a.Config.Zone())
			}
			return sub, said, nil
		},
	})
	cmd.Flags().StringVar(&cadence, "cadence", "", "how often: instant, daily, weekly, monthly")
	cmd.Flags().StringSliceVar(&categories, "categories", nil, "`slugs`, separated by commas")
	cmd.Flags().StringVar(&pause, "pause-until", "", "no digests before this `day`, as 2027-01-31; \"never\" = end the pause")
	completeCategories(p, cmd, "categories")
	return cmd
}

func orWeekly(cadence string) string {
	if cadence == "" {
		return string(subscribers.Weekly)
	}
	return cadence
}
