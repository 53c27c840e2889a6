package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) digestPreviewCommand() *cobra.Command {
	var to, category string
	var asHTML, asText, asEML bool
	cmd := &cobra.Command{
		Use: "preview [ID]", Short: "Print the mail that would go out", Args: cobra.MaximumNArgs(1),
		Long: `Print the mail that would go out: of a planned digest (ID), or what one
subscriber would get now (--to), or what a new reader would get first.
Nothing changes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asText && asHTML || asText && asEML || asHTML && asEML {
				return usageError("choose one of --text, --html and --eml")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				id := ""
				if len(args) == 1 {
					id = args[0]
				}
				message, own, err := n.preview(cmd.Context(), to, category, id)
				if err != nil {
					return err
				}
				if asEML && !p.out.json {
					return p.showMessage(n.config, message, own)
				}
				return p.showMail(message.With(own), asHTML)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "as this subscriber (`address`) would get it")
	cmd.Flags().StringVar(&category, "category", "", "only this `category`")
	cmd.Flags().BoolVar(&asText, "text", false, "the text part (default)")
	cmd.Flags().BoolVar(&asHTML, "html", false, "the HTML part")
	cmd.Flags().BoolVar(&asEML, "eml", false, "the whole message, byte for byte")
	p.completeCategories(cmd, "category")
	return cmd
}

// preview makes a mail without storing or numbering anything.
func (n *newsroom) preview(ctx context.Context, to, category, id string) (message newsletter.Message, own newsletter.Copy, err error) {
	reader := subscribers.Subscriber{PublicID: "preview", ConfirmedAt: time.Now()}
	reader.Address, _ = subscribers.ParseAddress("reader@example.com")
	var d newsletter.Digest
	var variant newsletter.Variant
	if to == "" {
		d, variant, err = n.sample(ctx, category, id)
	} else {
		if reader, err = n.subscriber(ctx, to); err != nil {
			return message, own, err
		}
		d, variant, err = n.planFor(ctx, reader, category)
	}
	if err != nil {
		return message, own, err
	}
	rendered, err := n.writer.Render(d, variant)
	if err != nil {
		return message, own, err
	}
	body := newsletter.StoredBody{Body: rendered, Date: d.CreatedAt.UTC().Truncate(time.Second), BaseURL: n.config.Site.BaseURL}
	return n.writer.Message(d, variant.Number, body), n.writer.Copy(d.UID, reader), nil
}

// sample is a planned digest's largest variant, or what a new reader would get.
func (n *newsroom) sample(ctx context.Context, category, id string) (d newsletter.Digest, v newsletter.Variant, err error) {
	if id != "" {
		if d, err = n.digest(ctx, id); err != nil {
			return d, v, err
		}
		for _, candidate := range d.Variants {
			if candidate.Readers > v.Readers {
				v = candidate
			}
		}
		return d, v, nil
	}
	slug, err := n.config.category(category)
	if err != nil {
		return d, v, err
	}
	lib, err := n.library()
	if err != nil {
		return d, v, err
	}
	if d, err = n.planner.Sample(ctx, lib, slug, n.config.Digests.StartWith); err != nil {
		return d, v, otherLibrary(err)
	}
	if len(d.Items) == 0 {
		return d, v, fmt.Errorf("no insight has appeared yet: start insights dev or insights serve once")
	}
	return d, d.Variants[0], nil
}

// planFor is what one subscriber would get now.
func (n *newsroom) planFor(ctx context.Context, reader subscribers.Subscriber, category string) (d newsletter.Digest, v newsletter.Variant, err error) {
	slug, err := n.config.category(category)
	if err != nil {
		return d, v, err
	}
	lib, err := n.library()
	if err != nil {
		return d, v, err
	}
	d, err = n.planner.Plan(ctx, lib, newsletter.Request{Only: reader.ID, Category: slug, DryRun: true})
	if err != nil {
		return d, v, otherLibrary(err)
	}
	if d.Readers == 0 {
		return d, v, fmt.Errorf("%s would get nothing now: %s (status %s)", reader.Address, d.Reason, reader.Status)
	}
	return d, d.Variants[0], nil
}

// showMessage prints a message byte for byte as it would be sent.
func (p *program) showMessage(c *Config, m newsletter.Message, own newsletter.Copy) error {
	composer, err := c.composer()
	if err != nil {
		return err
	}
	prepared, err := composer.Prepare(m)
	if err != nil {
		return err
	}
	message, err := prepared.Append(nil, own)
	if err != nil {
		return err
	}
	_, err = p.out.stdout.Write(message)
	return err
}

func (p *program) showMail(message newsletter.Message, asHTML bool) error {
	if done, err := p.out.document(map[string]string{"from": message.From, "to": message.To, "subject": message.Subject, "text": message.Text, "html": message.HTML}); done {
		return err
	}
	if asHTML {
		_, err := fmt.Fprint(p.out.stdout, message.HTML)
		return err
	}
	p.out.line("From: %s\nTo: %s\nSubject: %s\n\n%s", message.From, message.To, message.Subject, message.Text)
	return nil
}
