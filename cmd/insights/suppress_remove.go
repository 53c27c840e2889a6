package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func suppressRemoveCommand(p *program) *cobra.Command {
	var dryRun, yes bool
	var since, domain string
	var digest int64
	cmd := &cobra.Command{
		Use: "remove [ADDR]", Short: "Allow email to an address again, or to many", Args: cobra.MaximumNArgs(1),
		Long: `Allow email to an address again. A reader who was suppressed by a bounce or by
staff receives digests as before; one who complained or unsubscribed must sign
up again.

Without an address, --since, --digest and --domain say which readers: those that
bounces suppressed and that match all of these. Complaints stay, and what staff
suppressed. To send them what they missed: insights digest retry ID.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			many := since != "" || domain != "" || digest != 0
			switch {
			case len(args) == 1 && many:
				return usageError("write an address, or --since, --digest and --domain: not both")
			case len(args) == 0 && !many:
				return usageError("write an address, or at least one of --since, --digest and --domain")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				if len(args) == 1 {
					return unsuppress(ctx, p.out, a, args[0], dryRun)
				}
				at, err := parseSince(since, a.Config.Zone(), time.Now())
				if err != nil {
					return err
				}
				return unsuppressMany(ctx, p.out, a, subscribers.LiftFilter{Since: at, Domain: domain}, digest, yes, dryRun)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "those suppressed since this `time`: 2026-12-01, 2026-12-01 09:00, or how long ago: 24h")
	cmd.Flags().Int64Var(&digest, "digest", 0, "those whose email of this digest was refused or came back, by its `number`")
	cmd.Flags().StringVar(&domain, "domain", "", "those at this `domain`: example.com")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func unsuppress(ctx context.Context, out *console.Console, a *app.App, word string, dryRun bool) error {
	who, err := parseAddress(word)
	if err != nil {
		return err
	}
	if dryRun {
		return out.Result(map[string]any{"email": who.String(), "status": "", "dry_run": true}, "would allow email to %s again, if it is suppressed", who)
	}
	sub, err := a.Registry.Lift(ctx, who, "staff")
	if errors.Is(err, subscribers.ErrNotFound) {
		return fmt.Errorf("%s is not suppressed; see: insights suppress list", who)
	}
	if err != nil {
		return err
	}
	switch sub.Status {
	case "":
		out.Line("%s is no longer suppressed; it is not a subscriber", who)
	case subscribers.Unsubscribed: // before or since, or they declined what others asked for
		out.Line("%s is no longer suppressed, and gets nothing unless they sign up", who)
	default:
		out.Line("%s is %s again", who, sub.Status)
	}
	return out.Document(map[string]any{"email": who.String(), "status": string(sub.Status), "dry_run": false})
}

// unsuppressMany lifts the suppressions by bounces that match.
func unsuppressMany(ctx context.Context, out *console.Console, a *app.App, f subscribers.LiftFilter, digest int64, yes, dryRun bool) error {
	if digest != 0 {
		if _, err := findDigest(ctx, a, fmt.Sprint(digest)); err != nil {
			return err
		}
		f.Emails = make(map[string]bool)
		for b, err := range a.Bounces.Bounces(ctx, newsletter.BounceFilter{Digest: digest}) {
			if err != nil {
				return err
			}
			f.Emails[b.Email] = true
		}
	}
	found, err := a.Registry.Bounced(ctx, f)
	if err != nil {
		return err
	}
	document := map[string]any{"found": len(found), "removed": 0, "dry_run": dryRun}
	switch {
	case len(found) == 0:
		return out.Result(document, "no reader that a bounce suppressed matches; see: insights suppress list")
	case dryRun:
		return out.Result(document, "would allow email to %s again: %s", console.Count(len(found), "reader"), someOf(found))
	}
	out.Note("%s that bounces suppressed: %s", console.Count(len(found), "reader"), someOf(found))
	if err := out.Confirm("Allow email to them again?", "this allows email to many people", yes); err != nil {
		return err
	}
	removed, err := a.Registry.LiftBounced(ctx, found, "staff")
	document["removed"] = removed
	words := fmt.Sprintf("email to %s is allowed again", console.Count(removed, "reader"))
	if err != nil {
		return fmt.Errorf("%s, then: %w; the same command goes on", words, err)
	}
	return out.Result(document, "%s", words)
}

// someOf names the first few.
func someOf(all []subscribers.Address) string {
	var names []string
	for _, a := range all[:min(len(all), 3)] {
		names = append(names, a.String())
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, "and "+console.Thousands(more)+" more")
	}
	return strings.Join(names, ", ")
}
