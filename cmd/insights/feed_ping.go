package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/feeds"
)

func feedPingCommand(p *program) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "ping", Short: "Push the feeds to their subscribers now", Args: cobra.NoArgs,
		Long: `Push the feeds to their subscribers now.

With an external hub (websub.hub), tell it that every feed has changed. With the
built-in hub, retry every subscription that lacks the newest content, including
those given up on. The daemon does both by itself after each change.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			switch c.WebSub.Hub {
			case "":
				return &app.Unusable{Err: errors.New("websub.hub is not set: INSIGHTS_WEBSUB_HUB=self for the built-in hub, or the URL of another")}
			case config.OwnHub:
				return pushNow(ctx, p.out, &c, dryRun)
			}
			return pingHub(ctx, p, dryRun)
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

// pushNow makes the pushes due that the daemon then makes.
func pushNow(ctx context.Context, out *console.Console, c *config.Config, dryRun bool) error {
	status, due, err := app.PushNow(ctx, c, dryRun)
	if err != nil {
		return err
	}
	what := "due now"
	if dryRun {
		what = "that would be due now"
	}
	out.Line("pushes %s: %s of %s", what, console.Thousands(due), console.Count(status.Subscriptions, "subscription"))
	return out.Document(map[string]any{"hub": c.HubURL(), "subscriptions": status.Subscriptions, "due": due, "dry_run": dryRun})
}

// pingHub tells a hub elsewhere that every feed has changed.
func pingHub(ctx context.Context, p *program, dryRun bool) error {
	pub, set, err := buildFeeds(ctx, p)
	if err != nil {
		return err
	}
	type ping struct {
		Topic string `json:"topic"`
		OK    bool   `json:"ok"`
		Error string `json:"error,omitempty"`
	}
	publisher, hub := pub.Publisher(func() *feeds.Set { return set }), pub.Config.HubURL()
	pings := []ping{}
	var rows [][]string
	failed := 0
	if dryRun {
		for _, topic := range slices.Sorted(maps.Keys(publisher.Topics())) {
			pings = append(pings, ping{Topic: topic})
			rows = append(rows, []string{topic, "would be told"})
		}
	} else {
		for _, o := range publisher.PingAll(ctx) {
			answer, said := ping{Topic: o.Topic, OK: o.Err == nil}, "accepted"
			if o.Err != nil {
				failed++
				said = o.Err.Error()
				answer.Error = said
			}
			pings = append(pings, answer)
			rows = append(rows, []string{o.Topic, said})
		}
	}
	p.out.Line("hub %s\n", hub)
	err = p.out.Listing(map[string]any{"hub": hub, "pings": pings, "failed": failed, "dry_run": dryRun}, []string{"FEED", "ANSWER"}, rows, "")
	switch {
	case err != nil:
		return err
	case failed == 0:
		return nil
	case failed < len(pings):
		err = partly(errors.New("the hub did not accept every feed"))
	default:
		err = errors.New("the hub accepted no feed")
	}
	if p.out.JSON {
		return &shown{err}
	}
	return err
}
