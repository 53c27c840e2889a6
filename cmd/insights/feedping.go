package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/feeds"
)

func (p *program) feedPingCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "ping", Short: "Have the feeds pushed to their subscribers now", Args: cobra.NoArgs,
		Long: "Have the feeds pushed to their subscribers now.\n\nWith a hub elsewhere (websub.hub) it is told that every feed has changed. With\nthe site's own hub, subscribers that lack the newest content are tried at once,\nalso those that were given up. The daemon does both by itself after each change.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			switch c.WebSub.Hub {
			case "":
				return unusable(errors.New("websub.hub is not set: INSIGHTS_WEBSUB_HUB=self for a hub of this site's own, or the address of another"))
			case ownHub:
				return p.pushNow(cmd.Context(), &c, dryRun)
			}
			return p.pingHub(cmd.Context(), dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

// pushNow makes the pushes due that the daemon then makes.
func (p *program) pushNow(ctx context.Context, c *Config, dryRun bool) error {
	db, err := c.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	status, err := db.WebSub().Status(ctx)
	if err != nil {
		return err
	}
	due := status.Behind
	if !dryRun {
		if due, err = db.WebSub().PushNow(ctx); err != nil {
			return err
		}
	}
	if done, err := p.out.document(map[string]any{"hub": c.hubURL(), "subscriptions": status.Subscriptions, "due": due, "dry_run": dryRun}); done {
		return err
	}
	what := "due now"
	if dryRun {
		what = "that would be due now"
	}
	p.out.line("pushes %s: %s of %s", what, thousands(due), count(status.Subscriptions, "subscription"))
	return nil
}

// pingHub tells a hub elsewhere that every feed has changed.
func (p *program) pingHub(ctx context.Context, dryRun bool) error {
	c, set, err := p.buildFeeds(ctx)
	if err != nil {
		return err
	}
	type ping struct {
		Topic string `json:"topic"`
		OK    bool   `json:"ok"`
		Error string `json:"error,omitempty"`
	}
	publisher := c.publisher(func() *feeds.Set { return set })
	pings := []ping{}
	failed := 0
	if dryRun {
		for _, topic := range slices.Sorted(maps.Keys(publisher.Topics())) {
			pings = append(pings, ping{Topic: topic})
		}
	} else {
		for _, o := range publisher.PingAll(ctx) {
			answer := ping{Topic: o.Topic, OK: o.Err == nil}
			if o.Err != nil {
				failed++
				answer.Error = o.Err.Error()
			}
			pings = append(pings, answer)
		}
	}
	done, err := p.out.document(map[string]any{"hub": c.hubURL(), "pings": pings, "failed": failed, "dry_run": dryRun})
	if !done {
		var rows [][]string
		for _, answer := range pings {
			said := answer.Error
			switch {
			case dryRun:
				said = "would be told"
			case answer.OK:
				said = "taken"
			}
			rows = append(rows, []string{answer.Topic, said})
		}
		p.out.line("hub %s\n", c.hubURL())
		p.out.table([]string{"FEED", "ANSWER"}, rows)
	}
	switch {
	case err != nil:
		return err
	case failed == 0:
		return nil
	case failed < len(pings):
		return &coded{errors.New("the hub did not take every feed"), exitPartly, done}
	}
	return &coded{errors.New("the hub took no feed"), exitFailed, done}
}
