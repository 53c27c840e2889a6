package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/subscribers"
)

// edit is a command by which staff change one reader.
type edit struct {
	use, short, long string
	would            string // do, in a dry run
	unchanged        string // what is said where nothing was to do; "" = by the status
	do               func(ctx context.Context, n *newsroom, a subscribers.Address) (sub subscribers.Subscriber, said string, err error)
}

// editedJSON is a subscriber after a change.
type editedJSON struct {
	subscriberJSON
	Changed bool `json:"changed"`
	DryRun  bool `json:"dry_run,omitempty"`
}

func (p *program) editCommand(e edit) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: e.use, Short: e.short, Long: e.long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				before, err := n.subscriber(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if dryRun {
					if done, err := p.out.document(editedJSON{subscriberJSON: subscriberDocument(before), DryRun: true}); done {
						return err
					}
					p.out.line("would %s %s, who is %s", e.would, before.Address, before.Status)
					return nil
				}
				sub, said, err := e.do(cmd.Context(), n, before.Address)
				if err != nil {
					return err
				}
				if done, err := p.out.document(editedJSON{subscriberJSON: subscriberDocument(sub), Changed: said != ""}); done {
					return err
				}
				if said == "" && e.unchanged != "" {
					said = fmt.Sprintf("%s %s: nothing to change", sub.Address, e.unchanged)
				} else if said == "" {
					said = fmt.Sprintf("%s is %s already: nothing to change", sub.Address, sub.Status)
				}
				p.out.line("%s", said)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (p *program) subscriberSetCommand() *cobra.Command {
	var cadence, pause string
	var categories []string
	cmd := p.editCommand(edit{
		unchanged: "gets just that already",
		use:       "set ADDR", short: "Change what a reader receives, as they asked", would: "change what is sent to",
		long: "Change a reader's cadence or categories, or pause their digests, because they\nasked for it. Nobody is mailed.",
		do: func(ctx context.Context, n *newsroom, a subscribers.Address) (subscribers.Subscriber, string, error) {
			var wanted subscribers.Preferences
			var until *time.Time
			if cadence == "" && categories == nil && pause == "" {
				return subscribers.Subscriber{}, "", usageError("say what to change: --cadence, --categories or --pause-until")
			}
			if categories != nil && strings.TrimSpace(strings.Join(categories, "")) == "" {
				return subscribers.Subscriber{}, "", usageError("--categories is empty: name one or more; to end all mail: insights subscriber unsubscribe %s", a)
			}
			parsed, err := n.config.preferences(orWeekly(cadence), categories)
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
				at, err := n.config.pauseEnd(pause)
				if err != nil {
					return subscribers.Subscriber{}, "", err
				}
				until = &at
			}
			n.config.renameCategories(ctx, n.db, p.log())
			sub, changed, err := n.registry.StaffPrefer(ctx, a, wanted, until)
			if err != nil || !changed {
				return sub, "", err
			}
			said := fmt.Sprintf("%s gets %s", sub.Address, subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories})
			switch {
			case sub.Status != subscribers.Confirmed:
				said = fmt.Sprintf("%s is %s and gets nothing; once confirmed: %s", sub.Address, sub.Status, subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories})
			case sub.PausedUntil.After(time.Now()):
				said += ", from " + moment(sub.PausedUntil, n.config.zone())
			}
			return sub, said, nil
		},
	})
	cmd.Flags().StringVar(&cadence, "cadence", "", "how often: instant, daily, weekly, monthly")
	cmd.Flags().StringSliceVar(&categories, "categories", nil, "`slugs`, separated by commas")
	cmd.Flags().StringVar(&pause, "pause-until", "", "no digests before this `day`, as 2027-01-31; \"never\" = end the pause")
	p.completeCategories(cmd, "categories")
	return cmd
}

func orWeekly(cadence string) string {
	if cadence == "" {
		return string(subscribers.Weekly)
	}
	return cadence
}

// pauseEnd reads until when a pause lasts: a day in the site's zone, or never.
func (c *Config) pauseEnd(word string) (time.Time, error) {
	if word == "never" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, word, c.zone())
	if err != nil || !at.After(time.Now()) {
		return at, usageError("--pause-until %q: write a day to come, as 2027-01-31, or never", word)
	}
	return at, nil
}

func (p *program) subscriberUnsubscribeCommand() *cobra.Command {
	cmd := p.editCommand(edit{
		use: "unsubscribe ADDR", short: "End all mail to a reader, as they asked", would: "unsubscribe",
		long: "End all mail to a reader, because they asked for it. Only they can subscribe\nagain. Nobody is mailed.",
		do: func(ctx context.Context, n *newsroom, a subscribers.Address) (subscribers.Subscriber, string, error) {
			sub, changed, err := n.registry.StaffUnsubscribe(ctx, a)
			if err != nil || !changed {
				return sub, "", err
			}
			return sub, fmt.Sprintf("%s is unsubscribed", sub.Address), nil
		},
	})
	cmd.Flags().Bool("yes", false, "not needed: it asks nothing")
	return cmd
}

func (p *program) subscriberResendCommand() *cobra.Command {
	return p.editCommand(edit{
		use: "resend-confirm ADDR", short: "Send a reader who has not confirmed a new link", would: "send a new confirmation mail to",
		do: func(ctx context.Context, n *newsroom, a subscribers.Address) (subscribers.Subscriber, string, error) {
			sub, err := n.registry.Resend(ctx, a)
			return sub, fmt.Sprintf("a confirmation mail to %s is queued; earlier links end", a), err
		},
	})
}

func (p *program) subscriberHistoryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "history ADDR", Short: "Show what happened to a reader, and how they consented", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				s, err := n.subscriber(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				events := []eventJSON{}
				var rows [][]string
				for e, err := range n.db.History(cmd.Context(), s.ID) {
					if err != nil {
						return err
					}
					events = append(events, eventJSON{stamp(e.At), e.What, e.Source, e.Detail})
					rows = append(rows, []string{moment(e.At, n.config.zone()), e.What, e.Source, e.Detail})
				}
				if done, err := p.out.document(events); done {
					return err
				}
				p.out.table([]string{"WHEN", "WHAT", "BY", "DETAIL"}, rows)
				return nil
			})
		},
	}
}

func (p *program) subscriberForgetCommand() *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "forget ADDR", Short: "Erase all that is known of an address", Args: cobra.ExactArgs(1),
		Long: `Erase all that is known of an address, because its owner asked for it: the
subscriber, their history, mails that wait, and the address in mails that were
sent, which stay as numbers. Afterwards no file of the database holds it.

What is kept is a keyed hash of the address, so that no import and nobody but
its owner can sign it up again. Backups and logs of mail servers are not
reached: delete, or let expire, those that hold it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error { return p.forget(cmd.Context(), n, args[0], yes, dryRun) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (p *program) forget(ctx context.Context, n *newsroom, word string, yes, dryRun bool) error {
	a, err := parseAddress(word)
	if err != nil {
		return err
	}
	if _, err := n.subscriber(ctx, word); err != nil && dryRun {
		return err
	}
	words := fmt.Sprintf("would erase all that is known of %s", a)
	if !dryRun {
		if err := p.sure(fmt.Sprintf("Erase all that is known of %s? It can't be undone.", a), "this can't be undone", yes); err != nil {
			return err
		}
		switch err := n.registry.Forget(ctx, a); {
		case errors.Is(err, subscribers.ErrTraces):
			return &coded{err, exitPartly, false}
		case errors.Is(err, subscribers.ErrNotFound):
			return fmt.Errorf("%s is no subscriber; see: insights subscriber list", a)
		case err != nil:
			return err
		}
		words = fmt.Sprintf("%s is forgotten; backups made before still hold it", a)
	}
	if done, err := p.out.document(map[string]any{"forgotten": !dryRun, "dry_run": dryRun}); done {
		return err
	}
	p.out.line("%s", words)
	return nil
}

func (p *program) suppressCommand() *cobra.Command {
	return noun("suppress", "Addresses that must not be written to", p.suppressListCommand(), p.suppressAddCommand(), p.suppressRemoveCommand(), p.suppressImportCommand())
}

// suppressionJSON is a suppression as programs see it.
type suppressionJSON struct {
	Email  string     `json:"email"` // "" = kept as a hash alone
	Hash   string     `json:"hash"`
	Status string     `json:"status"`
	Cause  string     `json:"cause"`
	Reason string     `json:"reason"`
	At     *time.Time `json:"at"`
}

func (p *program) suppressListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the addresses that must not be written to", Args: cobra.NoArgs,
		Long: "List the addresses that must not be written to, and those that were forgotten.\nOf one that is no subscriber's only the hash is kept.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				documents := []suppressionJSON{}
				var rows [][]string
				for s, err := range n.db.Suppressions(cmd.Context()) {
					if err != nil {
						return err
					}
					documents = append(documents, suppressionJSON{s.Email, s.Hash, string(s.Status), string(s.Cause), s.Reason, stamp(s.At)})
					who, cause := s.Email, string(s.Cause)
					if who == "" {
						who = "(hash " + s.Hash[:12] + ")"
					}
					if cause == "" {
						cause = string(s.Status)
					}
					rows = append(rows, []string{who, cause, moment(s.At, n.config.zone()), s.Reason})
				}
				if done, err := p.out.document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.line("no address is suppressed")
					return nil
				}
				p.out.table([]string{"WHO", "CAUSE", "SINCE", "REASON"}, rows)
				return nil
			})
		},
	}
}

func (p *program) suppressAddCommand() *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "add ADDR", Short: "Keep all mail from an address, subscriber or not", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" || strings.ContainsFunc(reason, isBreak) || len(reason) > 200 {
				return usageError("--reason: say why in one line, of 200 bytes at most, for whoever looks at it later")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				a, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				words, changed := fmt.Sprintf("would keep all mail from %s", a), false
				if !dryRun {
					if changed, err = n.registry.Suppress(cmd.Context(), a, subscribers.BlockedHere, reason, "staff"); err != nil {
						return err
					}
					words = fmt.Sprintf("%s is suppressed; undo it with: insights suppress remove %[1]s", a)
					if !changed {
						words = fmt.Sprintf("%s was suppressed before", a)
					}
				}
				if done, err := p.out.document(map[string]any{"email": a.String(), "changed": changed, "dry_run": dryRun}); done {
					return err
				}
				p.out.line("%s", words)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in one line")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func isBreak(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }

func (p *program) suppressRemoveCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "remove ADDR", Short: "Let mail go to an address again", Args: cobra.ExactArgs(1),
		Long: "Let mail go to an address again. A reader who was suppressed over bounces, or\nby staff, receives digests as before; who complained, or said no, must sign up\nagain.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				a, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				if dryRun {
					if done, err := p.out.document(map[string]any{"email": a.String(), "status": "", "dry_run": true}); done {
						return err
					}
					p.out.line("would let mail go to %s again, if it is suppressed", a)
					return nil
				}
				sub, err := n.registry.Lift(cmd.Context(), a, "staff")
				if errors.Is(err, subscribers.ErrNotFound) {
					return fmt.Errorf("%s is not suppressed; see: insights suppress list", a)
				}
				if err != nil {
					return err
				}
				if done, err := p.out.document(map[string]any{"email": a.String(), "status": string(sub.Status), "dry_run": false}); done {
					return err
				}
				if sub.Status == "" {
					p.out.line("%s is not suppressed any more; it is no subscriber's", a)
				} else {
					p.out.line("%s is %s again", a, sub.Status)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}
