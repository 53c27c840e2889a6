package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberAddCommand(p *program) *cobra.Command {
	var name, cadence, basis string
	var categories []string
	var confirmed, dryRun bool
	cmd := &cobra.Command{
		Use: "add ADDR", Short: "Add a subscriber; sends a confirmation email unless --confirmed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if confirmed && strings.TrimSpace(basis) == "" {
				return usageError("--confirmed needs --basis: why may we email them? For example --basis \"signed up at the fair, 3 May\"")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				preferences, err := parsePreferences(&a.Config, cadence, categories)
				if err != nil {
					return err
				}
				address, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				signUp := subscribers.SignUp{Address: address, Name: name, Preferences: preferences, Source: "staff"}
				if dryRun {
					return wouldAdd(p.out, signUp, confirmed)
				}
				a.RenameCategories(ctx)
				s, added, err := a.Registry.Add(ctx, signUp, confirmed, basis)
				if errors.Is(err, subscribers.ErrSuppressed) {
					return partly(err)
				}
				if err != nil {
					return err
				}
				gets := subscribers.Preferences{Cadence: s.Cadence, Categories: s.Categories}
				switch {
				case !added:
					p.out.Line("%s is already %s, %s: nothing was changed;\nto change what they get: insights subscriber set %[1]s", s.Address, s.Status, gets)
				case s.Status == subscribers.Pending:
					p.out.Line("%s is pending: a confirmation email is queued", s.Address)
				default:
					p.out.Line("%s is %s, %s", s.Address, s.Status, gets)
				}
				return p.out.Document(editedJSON{subscriberJSON: subscriberDocument(s), Changed: added})
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "their `name`")
	cmd.Flags().StringVar(&cadence, "cadence", "weekly", "how often: instant, daily, weekly, monthly")
	cmd.Flags().StringSliceVar(&categories, "categories", nil, "`slugs`, separated by commas (default: all)")
	cmd.Flags().BoolVar(&confirmed, "confirmed", false, "they have already agreed; needs --basis")
	cmd.Flags().StringVar(&basis, "basis", "", "why we may email them, kept as evidence")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	completeCategories(p, cmd, "categories")
	return cmd
}

func wouldAdd(out *console.Console, s subscribers.SignUp, confirmed bool) error {
	status := subscribers.Pending
	if confirmed {
		status = subscribers.Confirmed
	}
	document := map[string]any{"email": s.Address, "status": status, "cadence": s.Cadence, "categories": s.Categories, "dry_run": true}
	return out.Result(document, "would add %s as %s, %s", s.Address, status, s.Preferences)
}
