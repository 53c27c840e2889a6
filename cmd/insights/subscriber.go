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

func (p *program) subscriberCommand() *cobra.Command {
	return noun("subscriber", "The readers who get mail", p.subscriberListCommand(), p.subscriberShowCommand(), p.subscriberAddCommand(),
		p.subscriberSetCommand(), p.subscriberUnsubscribeCommand(), p.subscriberResendCommand(), p.subscriberHistoryCommand(), p.subscriberForgetCommand(),
		p.subscriberImportCommand(), p.subscriberExportCommand())
}

// subscriberJSON is a subscriber as programs see it.
type subscriberJSON struct {
	Email        string           `json:"email"`
	Name         string           `json:"name"`
	Status       string           `json:"status"`
	Reason       string           `json:"reason,omitempty"`
	Cadence      string           `json:"cadence"`
	Categories   []string         `json:"categories"`
	PausedUntil  *time.Time       `json:"paused_until"`
	CreatedAt    *time.Time       `json:"created_at"`
	ConfirmedAt  *time.Time       `json:"confirmed_at"`
	Unsubscribed *time.Time       `json:"unsubscribed_at"`
	Source       string           `json:"source"`
	Position     map[string]int64 `json:"received_up_to,omitempty"`
	History      []eventJSON      `json:"history,omitempty"`
}

type eventJSON struct {
	At     *time.Time `json:"at"`
	What   string     `json:"what"`
	Source string     `json:"source"`
	Detail string     `json:"detail,omitempty"`
}

func subscriberDocument(s subscribers.Subscriber) subscriberJSON {
	return subscriberJSON{
		Email: s.Address.String(), Name: s.Name, Status: string(s.Status), Reason: s.Reason, Cadence: string(s.Cadence), Categories: s.Categories,
		PausedUntil: stamp(s.PausedUntil), CreatedAt: stamp(s.CreatedAt), ConfirmedAt: stamp(s.ConfirmedAt), Unsubscribed: stamp(s.UnsubscribedAt), Source: s.Source,
	}
}

func (p *program) subscriberListCommand() *cobra.Command {
	var status, cadence, category string
	cmd := &cobra.Command{
		Use: "list", Short: "List subscribers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				filter, err := n.config.subscriberFilter(status, cadence, category)
				if err != nil {
					return err
				}
				documents := []subscriberJSON{}
				var rows [][]string
				for s, err := range n.db.List(cmd.Context(), filter) {
					if err != nil {
						return err
					}
					documents = append(documents, subscriberDocument(s))
					rows = append(rows, []string{s.Address.String(), string(s.Status), string(s.Cadence), strings.Join(s.Categories, ",")})
				}
				if done, err := p.out.document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.line("no subscriber matches")
					return nil
				}
				p.out.table([]string{"EMAIL", "STATUS", "CADENCE", "CATEGORIES"}, rows)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only this `status`: pending, confirmed, unsubscribed, suppressed")
	cmd.Flags().StringVar(&cadence, "cadence", "", "only this `cadence`: instant, daily, weekly, monthly")
	cmd.Flags().StringVar(&category, "category", "", "only readers of this `category`")
	p.completeCategories(cmd, "category")
	return cmd
}

func (c *Config) subscriberFilter(status, cadence, category string) (f subscribers.Filter, err error) {
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
	f.Category, err = c.category(category)
	return f, err
}

func (p *program) subscriberShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ADDR", Short: "Show one subscriber with their history", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				s, err := n.subscriber(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				document := subscriberDocument(s)
				position, err := n.db.PositionOf(cmd.Context(), s.ID)
				if err != nil {
					return err
				}
				document.Position = position
				for e, err := range n.db.History(cmd.Context(), s.ID) {
					if err != nil {
						return err
					}
					document.History = append(document.History, eventJSON{stamp(e.At), e.What, e.Source, e.Detail})
				}
				if done, err := p.out.document(document); done {
					return err
				}
				p.showSubscriber(n.config, s, document)
				return nil
			})
		},
	}
}

func (p *program) showSubscriber(c *Config, s subscribers.Subscriber, document subscriberJSON) {
	zone := c.zone()
	p.out.line("%s  %s", s.Address, strings.TrimSpace(string(s.Status)+" "+s.Reason))
	if s.Name != "" {
		p.out.line("name        %s", s.Name)
	}
	p.out.line("cadence     %s\ncategories  %s", s.Cadence, strings.Join(s.Categories, ", "))
	if !s.PausedUntil.IsZero() {
		p.out.line("paused      until %s", moment(s.PausedUntil, zone))
	}
	p.out.line("confirmed   %s", moment(s.ConfirmedAt, zone))
	p.out.line("")
	for _, e := range document.History {
		p.out.line("%s  %s by %s", moment(*e.At, zone), e.What, e.Source)
		if e.Detail != "" {
			p.out.line("    %s", e.Detail)
		}
	}
}

// parseAddress reads an address a person wrote.
func parseAddress(word string) (subscribers.Address, error) {
	a, err := subscribers.ParseAddress(word)
	if err != nil {
		return a, usageError("%q: %v", word, err)
	}
	return a, nil
}

// subscriber finds one by the address a person wrote.
func (n *newsroom) subscriber(ctx context.Context, address string) (subscribers.Subscriber, error) {
	a, err := parseAddress(address)
	if err != nil {
		return subscribers.Subscriber{}, err
	}
	s, err := n.db.ByKey(ctx, a.Key())
	if errors.Is(err, subscribers.ErrNotFound) {
		return s, n.unknown(ctx, a)
	}
	return s, err
}

// unknown says that an address is no subscriber's, and what is kept of it all the same.
func (n *newsroom) unknown(ctx context.Context, a subscribers.Address) error {
	kept, err := n.registry.Kept(ctx, a)
	switch {
	case err != nil:
		return err
	case kept.Status == subscribers.Suppressed:
		return fmt.Errorf("%s is no subscriber, and is suppressed since %s (%s: %s);\nto let mail go there again: insights suppress remove %[1]s",
			a, moment(kept.SuppressedAt, n.config.zone()), kept.Cause, kept.Reason)
	case kept.Status == subscribers.Unsubscribed:
		return fmt.Errorf("%s is no subscriber; they said no once, and were forgotten:\nonly they can sign up again", a)
	}
	return fmt.Errorf("%s is no subscriber; see: insights subscriber list", a)
}

func (p *program) subscriberAddCommand() *cobra.Command {
	var name, cadence, basis string
	var categories []string
	var confirmed, dryRun bool
	cmd := &cobra.Command{
		Use: "add ADDR", Short: "Add a reader: they get a confirmation mail, unless --confirmed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if confirmed && strings.TrimSpace(basis) == "" {
				return usageError("--confirmed needs --basis: on what ground may they be mailed? For example --basis \"signed up at the fair, 3 May\"")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				preferences, err := n.config.preferences(cadence, categories)
				if err != nil {
					return err
				}
				address, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				signUp := subscribers.SignUp{Address: address, Name: name, Preferences: preferences, Source: "staff"}
				if dryRun {
					return p.wouldAdd(signUp, confirmed)
				}
				n.config.renameCategories(cmd.Context(), n.db, p.log())
				s, added, err := n.registry.Add(cmd.Context(), signUp, confirmed, basis)
				if errors.Is(err, subscribers.ErrSuppressed) {
					return &coded{err, exitPartly, false}
				}
				if err != nil {
					return err
				}
				if done, err := p.out.document(editedJSON{subscriberJSON: subscriberDocument(s), Changed: added}); done {
					return err
				}
				gets := subscribers.Preferences{Cadence: s.Cadence, Categories: s.Categories}
				switch {
				case !added:
					p.out.line("%s is %s already, %s: nothing was changed;\nto change what they get: insights subscriber set %[1]s", s.Address, s.Status, gets)
				case s.Status == subscribers.Pending:
					p.out.line("%s is pending: a confirmation mail is queued", s.Address)
				default:
					p.out.line("%s is %s, %s", s.Address, s.Status, gets)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "their `name`")
	cmd.Flags().StringVar(&cadence, "cadence", "weekly", "how often: instant, daily, weekly, monthly")
	cmd.Flags().StringSliceVar(&categories, "categories", nil, "`slugs`, separated by commas (default: all)")
	cmd.Flags().BoolVar(&confirmed, "confirmed", false, "they have agreed already; needs --basis")
	cmd.Flags().StringVar(&basis, "basis", "", "the ground on which they may be mailed, kept as evidence")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	p.completeCategories(cmd, "categories")
	return cmd
}

func (p *program) wouldAdd(s subscribers.SignUp, confirmed bool) error {
	status := subscribers.Pending
	if confirmed {
		status = subscribers.Confirmed
	}
	document := map[string]any{"email": s.Address.String(), "status": status, "cadence": s.Cadence, "categories": s.Categories, "dry_run": true}
	if done, err := p.out.document(document); done {
		return err
	}
	p.out.line("would add %s as %s, %s", s.Address, status, s.Preferences)
	return nil
}

// preferences reads what staff wrote; no category means all of them.
func (c *Config) preferences(cadence string, categories []string) (subscribers.Preferences, error) {
	parsed, err := subscribers.ParseCadence(cadence)
	if err != nil {
		return subscribers.Preferences{}, usageError("%v", err)
	}
	p := subscribers.Preferences{Cadence: parsed}
	for _, word := range categories {
		slug, err := c.category(strings.TrimSpace(word))
		if err != nil {
			return p, err
		}
		if slug != "" {
			p.Categories = append(p.Categories, slug)
		}
	}
	if len(p.Categories) == 0 {
		p.Categories = c.categorySlugs()
	}
	return p, nil
}
