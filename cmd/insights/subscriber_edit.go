package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

// edit is a command by which staff change one reader.
type edit struct {
	use, short, long string
	would            string // the verb of a dry run
	unchanged        string // what is said where nothing was to do; "" = by the status
	do               func(ctx context.Context, a *app.App, who subscribers.Address) (sub subscribers.Subscriber, said string, err error)
}

// editedJSON is a subscriber after a change.
type editedJSON struct {
	subscriberJSON
	Changed bool `json:"changed"`
	DryRun  bool `json:"dry_run,omitempty"`
}

func editCommand(p *program, e edit) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: e.use, Short: e.short, Long: e.long, Args: cobra.ExactArgs(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			before, err := findSubscriber(ctx, a, args[0])
			if err != nil {
				return err
			}
			if dryRun {
				return p.out.Result(editedJSON{subscriberJSON: subscriberDocument(before), DryRun: true}, "would %s %s, who is %s", e.would, before.Address, before.Status)
			}
			sub, said, err := e.do(ctx, a, before.Address)
			if err != nil {
				return err
			}
			document := editedJSON{subscriberJSON: subscriberDocument(sub), Changed: said != ""}
			if said == "" {
				said = fmt.Sprintf("%s %s: nothing to change", sub.Address, cmp.Or(e.unchanged, "is already "+string(sub.Status)))
			}
			return p.out.Result(document, "%s", said)
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func subscriberSetCommand(p *program) *cobra.Command {
	var cadence, pause string
	var categories []string
	cmd := editCommand(p, edit{
		unchanged: "already gets exactly that",
		use:       "set ADDR", short: "Change a reader's preferences, at their request", would: "change what is sent to",
		long: `Change a reader's cadence or categories, or pause their digests, at their
request. No email is sent.`,
		do: func(ctx context.Context, a *app.App, who subscribers.Address) (subscribers.Subscriber, string, error) {
			var wanted subscribers.Preferences
			var until *time.Time
			if cadence == "" && categories == nil && pause == "" {
				return subscribers.Subscriber{}, "", usageError("say what to change: --cadence, --categories or --pause-until")
			}
			if categories != nil && strings.TrimSpace(strings.Join(categories, "")) == "" {
				return subscribers.Subscriber{}, "", usageError("--categories is empty: name one or more; to stop all email: insights subscriber unsubscribe %s", who)
			}
			parsed, err := parsePreferences(&a.Config, cmp.Or(cadence, string(subscribers.Weekly)), categories)
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
			noteUnserved(p.out, &a.Config, wanted.Cadence)
			a.RenameCategories(ctx)
			sub, changed, err := a.Registry.StaffPrefer(ctx, who, wanted, until)
			if err != nil || !changed {
				return sub, "", err
			}
			said := fmt.Sprintf("%s gets %s", sub.Address, subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories})
			switch {
			case sub.Status == subscribers.Pending:
				said = fmt.Sprintf("%s is pending and gets nothing; an email that they have been sent confirms what it says; to send one for %s: insights subscriber resend-confirm %s", sub.Address, subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories}, sub.Address)
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
	cmd.Flags().StringVar(&pause, "pause-until", "", "no digests before this `day`, such as 2027-01-31; \"never\" ends a pause")
	completeCategories(p, cmd, "categories")
	addToAll(p, cmd)
	return cmd
}

func subscriberUnsubscribeCommand(p *program) *cobra.Command {
	cmd := editCommand(p, edit{
		use: "unsubscribe ADDR", short: "Unsubscribe a reader, at their request", would: "unsubscribe",
		long: `Stop all email to a reader, at their request. Only they can subscribe again. No
email is sent.`,
		do: func(ctx context.Context, a *app.App, who subscribers.Address) (subscribers.Subscriber, string, error) {
			sub, changed, err := a.Registry.StaffUnsubscribe(ctx, who)
			if err != nil || !changed {
				return sub, "", err
			}
			return sub, fmt.Sprintf("%s is unsubscribed", sub.Address), nil
		},
	})
	cmd.Flags().Bool("yes", false, "not needed: no confirmation is asked for")
	return cmd
}

func subscriberResendCommand(p *program) *cobra.Command {
	return editCommand(p, edit{
		use: "resend-confirm ADDR", short: "Send a pending reader a new confirmation link", would: "send a new confirmation email to",
		do: func(ctx context.Context, a *app.App, who subscribers.Address) (subscribers.Subscriber, string, error) {
			sub, err := a.Registry.Resend(ctx, who)
			return sub, fmt.Sprintf("a confirmation email to %s is queued; earlier ones still work, until one is used", who), err
		},
	})
}

func subscriberForgetCommand(p *program) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "forget ADDR", Short: "Erase everything about an address", Args: cobra.ExactArgs(1),
		Long: `Erase everything about an address, at its owner's request: the subscriber, their
history, unsent emails, and the address in sent ones, which are kept only as
counts. Afterwards no file of the database contains it.

A keyed hash of the address is kept, so that no import and nobody but its owner
can sign it up again. Backups and the logs of mail servers are not changed:
delete those that contain it, or let them expire.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			return forget(ctx, p.out, a, args[0], yes, dryRun)
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func forget(ctx context.Context, out *console.Console, a *app.App, word string, yes, dryRun bool) error {
	who, err := parseAddress(word)
	if err != nil {
		return err
	}
	if _, err := findSubscriber(ctx, a, word); err != nil && dryRun {
		return err
	}
	words := fmt.Sprintf("would erase everything about %s", who)
	if !dryRun {
		if err := out.Confirm(fmt.Sprintf("Erase everything about %s? This can't be undone.", who), "this can't be undone", yes); err != nil {
			return err
		}
		switch err := a.Registry.Forget(ctx, who); {
		case errors.Is(err, subscribers.ErrTraces):
			return partly(err)
		case errors.Is(err, subscribers.ErrNotFound):
			return fmt.Errorf("%s is not a subscriber; see: insights subscriber list", who)
		case err != nil:
			return err
		}
		words = fmt.Sprintf("%s is erased; earlier backups still contain it", who)
	}
	return out.Result(map[string]any{"forgotten": !dryRun, "dry_run": dryRun}, "%s", words)
}

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
					status := subscribers.Pending
					if confirmed {
						status = subscribers.Confirmed
					}
					document := map[string]any{"email": address, "status": status, "cadence": preferences.Cadence, "categories": preferences.Categories, "dry_run": true}
					return p.out.Result(document, "would add %s as %s, %s", address, status, preferences)
				}
				noteUnserved(p.out, &a.Config, preferences.Cadence)
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
