package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func digestPreviewCommand(p *program) *cobra.Command {
	var to, category string
	var asHTML, asText, asEML bool
	cmd := &cobra.Command{
		Use: "preview [ID]", Short: "Print the email that would be sent", Args: cobra.MaximumNArgs(1),
		Long: `Print the email that would be sent: of a planned digest (ID), or what one
subscriber would get now (--to), or what a new reader would get first.
Nothing changes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asText && asHTML || asText && asEML || asHTML && asEML {
				return usageError("choose one of --text, --html and --eml")
			}
			return p.withLinks(func(ctx context.Context, a *app.App, args []string) error {
				id := ""
				if len(args) == 1 {
					id = args[0]
				}
				preview, err := previewed(ctx, a, to, category, id)
				if err != nil {
					return err
				}
				if asEML && !p.out.JSON {
					return showMessage(p.out, a, preview)
				}
				return showMail(p.out, preview.Message.With(preview.Copy), asHTML)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "as this subscriber (`address`) would get it")
	categoryFlag(p, cmd, &category, "only this `category`")
	cmd.Flags().BoolVar(&asText, "text", false, "the text part (default)")
	cmd.Flags().BoolVar(&asHTML, "html", false, "the HTML part")
	cmd.Flags().BoolVar(&asEML, "eml", false, "the whole message, byte for byte")
	return cmd
}

// previewed makes the requested email.
func previewed(ctx context.Context, a *app.App, to, category, id string) (newsletter.Preview, error) {
	if to == "" {
		return sample(ctx, a, category, id)
	}
	if id != "" {
		return newsletter.Preview{}, usageError("--to shows what a reader would get now: leave out the number of a digest")
	}
	reader, err := findSubscriber(ctx, a, to)
	if err != nil {
		return newsletter.Preview{}, err
	}
	slug, err := parseCategory(&a.Config, category)
	if err != nil {
		return newsletter.Preview{}, err
	}
	lib, err := a.Library()
	if err != nil {
		return newsletter.Preview{}, err
	}
	preview, err := a.Preview.For(ctx, lib, reader, slug)
	if err == nil && preview.Digest.Readers == 0 {
		err = fmt.Errorf("%s would get nothing now: %s (status %s)", reader.Address, preview.Digest.Reason, reader.Status)
	}
	return preview, otherLibrary(err)
}

// sample is what most readers of a planned digest get, or what a new reader would.
func sample(ctx context.Context, a *app.App, category, id string) (newsletter.Preview, error) {
	if id != "" {
		d, err := findDigest(ctx, a, id)
		if err != nil {
			return newsletter.Preview{}, err
		}
		return a.Preview.OfDigest(d)
	}
	slug, err := parseCategory(&a.Config, category)
	if err != nil {
		return newsletter.Preview{}, err
	}
	lib, err := a.Library()
	if err != nil {
		return newsletter.Preview{}, err
	}
	preview, err := a.Preview.ForNew(ctx, lib, slug)
	if errors.Is(err, newsletter.ErrNothingPublished) {
		err = fmt.Errorf("%w: publish one (remove draft: true), or wait until its date", err)
	}
	return preview, otherLibrary(err)
}

// showMessage prints a message byte for byte as it would be sent.
func showMessage(out *console.Console, a *app.App, preview newsletter.Preview) error {
	composer, err := a.Composer()
	if err != nil {
		return err
	}
	prepared, err := composer.Prepare(preview.Message)
	if err != nil {
		return err
	}
	message, err := prepared.Append(nil, preview.Copy)
	if err != nil {
		return err
	}
	_, err = out.Out.Write(message)
	return err
}

func showMail(out *console.Console, message newsletter.Message, asHTML bool) error {
	if out.JSON {
		return out.Document(map[string]string{"from": message.From, "to": message.To, "subject": message.Subject, "text": message.Text, "html": message.HTML})
	}
	if asHTML {
		_, err := fmt.Fprint(out.Out, message.HTML)
		return err
	}
	out.Line("From: %s\nTo: %s\nSubject: %s\n\n%s", message.From, message.To, message.Subject, message.Text)
	return nil
}
