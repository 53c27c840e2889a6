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

// decision is a command by which staff steer one digest.
type decision struct {
	name, short, long string
	would             string // the verb of a dry run
	question          string // asked at a terminal; "" = none, since it can be taken back
	past              string // the participle for a digest in the wrong state
	// decide does it. It changes nothing if the digest is already in that state.
	decide func(ctx context.Context, a *app.App, id int64) (changed bool, err error)
	// did and already are the output of a change and of no change; both get the digest's id.
	did, already string
}

func digestDecisions(p *program) []*cobra.Command {
	var reason string
	pause := decisionCommand(p, decision{
		name: "pause", short: "Pause a digest until it is resumed", would: "pause", past: "paused",
		long: `Pause a digest. Emails in flight finish, at most one per connection; nothing
else is sent until you run: insights digest resume ID.`,
		decide: func(ctx context.Context, a *app.App, id int64) (bool, error) {
			return a.Digests.Pause(ctx, id, newsletter.Reason(reason))
		},
		did: "digest %d is paused; to resume it: insights digest resume %[1]d", already: "digest %d was already paused",
	})
	pause.Flags().StringVar(&reason, "reason", "paused by staff", "the reason, as insights status shows it")
	return []*cobra.Command{
		pause,
		digestResumeCommand(p),
		decisionCommand(p, decision{
			name: "cancel", short: "Cancel a digest; unsent insights stay unread", would: "cancel", past: "cancelled", question: "Cancel it?",
			long: `Cancel a digest. Emails in flight finish; everything else is skipped. What
readers did not get stays unread and goes into the next digest.`,
			decide: func(ctx context.Context, a *app.App, id int64) (bool, error) { return a.Digests.Cancel(ctx, id) },
			did:    "digest %d is cancelled; unsent insights go into the next digest", already: "digest %d was already cancelled",
		}),
		digestRetryCommand(p), digestHoldCommand(p), digestReleaseCommand(p),
	}
}

// ended says that a digest's state does not allow what was asked for.
func ended(ctx context.Context, a *app.App, id int64, past string) error {
	d, err := a.Digests.Digest(ctx, id) // another command may have changed it
	switch {
	case err != nil:
		return err
	case d.State == newsletter.DigestCancelled || d.State == newsletter.DigestFailed:
		return fmt.Errorf("digest %d is %s: it can't be %s; plan a new one: insights digest plan", id, d.State, past)
	}
	return fmt.Errorf("digest %d is %s: it can't be %s", id, d.State, past)
}

func decisionCommand(p *program, d decision) *cobra.Command {
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use: d.name + " ID", Short: d.short, Long: d.long, Args: cobra.ExactArgs(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			digest, err := findDigest(ctx, a, args[0])
			if err != nil {
				return err
			}
			words := fmt.Sprintf("would %s digest %d: it is %s, %s", d.would, digest.ID, digest.State, countsLine(digest))
			if !dryRun {
				if err := d.ask(p.out, digest, yes); err != nil {
					return err
				}
				changed, err := d.decide(ctx, a, digest.ID)
				if errors.Is(err, newsletter.ErrState) {
					err = ended(ctx, a, digest.ID, d.past)
				}
				if err != nil {
					return err
				}
				words = fmt.Sprintf(d.already, digest.ID)
				if changed {
					words = fmt.Sprintf(d.did, digest.ID)
				}
			}
			return showDecided(ctx, p.out, a, digest.ID, words)
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	if d.question != "" {
		cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	}
	return cmd
}

// ask asks a person at a terminal. Scripts go on: nobody is emailed.
func (d *decision) ask(out *console.Console, digest newsletter.Digest, yes bool) error {
	if d.question == "" || yes || digest.State.Stopped() || digest.State == newsletter.DigestDone || !out.Asks() {
		return nil
	}
	out.Note("digest %d: %s, %s", digest.ID, digest.State, countsLine(digest))
	return out.Confirm(d.question, "", false)
}

// showDecided shows the digest as it is now, or in words what was done.
func showDecided(ctx context.Context, out *console.Console, a *app.App, id int64, words string) error {
	if out.JSON {
		d, err := a.Digests.Digest(ctx, id)
		if err != nil {
			return err
		}
		return out.Document(digestDocument(d))
	}
	out.Line("%s", words)
	return nil
}
