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
	would             string // do, in a dry run
	mails             bool   // it lets mails go out, so it says how many and asks
	past              string // what can't be done to a digest that is elsewhere
	// decide does it. It changes nothing when the digest is there already.
	decide func(ctx context.Context, a *app.App, id int64) (changed bool, err error)
	// did and already are what is said then; both are given the digest's number.
	did, already string
}

func digestDecisions(p *program) []*cobra.Command {
	var reason string
	pause := decisionCommand(p, decision{
		name: "pause", short: "Stop sending a digest until it is resumed", would: "pause", past: "paused",
		long: "Stop sending a digest: what is in flight ends by itself, at most one mail a\nconnection; nothing else starts until: insights digest resume ID.",
		decide: func(ctx context.Context, a *app.App, id int64) (bool, error) {
			return a.Digests.Pause(ctx, id, newsletter.Reason(reason))
		},
		did: "digest %d is paused; go on with: insights digest resume %[1]d", already: "digest %d was paused before",
	})
	pause.Flags().StringVar(&reason, "reason", "paused by staff", "why, for whoever looks at it later")
	return []*cobra.Command{
		pause,
		decisionCommand(p, decision{
			name: "resume", short: "Go on sending a paused digest", would: "go on sending", past: "resumed", mails: true,
			long:   "Go on sending a digest that staff paused, or that waits for staff because it is\nlate.",
			decide: func(ctx context.Context, a *app.App, id int64) (bool, error) { return a.Digests.Resume(ctx, id) },
			did:    "digest %d goes on; see: insights digest show %[1]d", already: "digest %d is being sent already",
		}),
		decisionCommand(p, decision{
			name: "cancel", short: "End a digest; what was not sent stays unread", would: "end", past: "cancelled",
			long:   "End a digest: what is in flight ends by itself, everything else is skipped. What\nreaders did not get stays unread, and comes with the next digest.",
			decide: func(ctx context.Context, a *app.App, id int64) (bool, error) { return a.Digests.Cancel(ctx, id) },
			did:    "digest %d is cancelled; what was not sent comes with the next digest", already: "digest %d was cancelled before",
		}),
		digestRetryCommand(p), digestHoldCommand(p), digestReleaseCommand(p),
	}
}

func decisionCommand(p *program, d decision) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: d.name + " ID", Short: d.short, Long: d.long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				digest, err := findDigest(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				words := fmt.Sprintf("would %s digest %d: it is %s, %s", d.would, digest.ID, digest.State, countsLine(digest))
				if !dryRun {
					if d.mails && digest.State == newsletter.DigestPaused {
						left := digest.Counts[newsletter.Pending] + digest.Counts[newsletter.Deferred]
						p.out.Note("digest %d: %s of %s to send, %s, first subject %q", digest.ID, console.Thousands(left), console.Count(digest.Readers, "mail"), console.Count(len(digest.Items), "insight"), digest.MainSubject())
						if err := confirm(p.out, "Go on?", yes); err != nil {
							return err
						}
					}
					changed, err := d.decide(cmd.Context(), a, digest.ID)
					if errors.Is(err, newsletter.ErrState) {
						return fmt.Errorf("digest %d is %s: it can't be %s", digest.ID, digest.State, d.past)
					}
					if err != nil {
						return err
					}
					words = fmt.Sprintf(d.already, digest.ID)
					if changed {
						words = fmt.Sprintf(d.did, digest.ID)
					}
				}
				return showDecided(cmd.Context(), p.out, a, digest.ID, words)
			})
		},
	}
	if d.mails {
		cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

// showDecided shows the digest as it is now, or in words what was done.
func showDecided(ctx context.Context, out *console.Console, a *app.App, id int64, words string) error {
	if out.JSON {
		d, err := a.Digests.Digest(ctx, id)
		if err != nil {
			return err
		}
		_, err = out.Document(digestDocument(d))
		return err
	}
	out.Line("%s", words)
	return nil
}
