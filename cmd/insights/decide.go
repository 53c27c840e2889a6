package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter"
)

// decision is a command by which staff steer one digest.
type decision struct {
	name, short, long string
	would             string // do, in a dry run
	mails             bool   // it lets mails go out, so it says how many and asks
	past              string // what can't be done to a digest that is elsewhere
	// decide does it. It changes nothing when the digest is there already.
	decide func(ctx context.Context, n *newsroom, id int64) (changed bool, err error)
	// did and already are what is said then; both are given the digest's number.
	did, already string
}

func (p *program) digestDecisions() []*cobra.Command {
	var reason string
	pause := p.decisionCommand(decision{
		name: "pause", short: "Stop sending a digest until it is resumed", would: "pause", past: "paused",
		long: "Stop sending a digest: what is in flight ends by itself, at most one mail a\nconnection; nothing else starts until: insights digest resume ID.",
		decide: func(ctx context.Context, n *newsroom, id int64) (bool, error) {
			return n.db.Pause(ctx, id, newsletter.Reason(reason))
		},
		did: "digest %d is paused; go on with: insights digest resume %[1]d", already: "digest %d was paused before",
	})
	pause.Flags().StringVar(&reason, "reason", "paused by staff", "why, for whoever looks at it later")
	return []*cobra.Command{
		pause,
		p.decisionCommand(decision{
			name: "resume", short: "Go on sending a paused digest", would: "go on sending", past: "resumed", mails: true,
			long:   "Go on sending a digest that staff paused, or that waits for staff because it is\nlate.",
			decide: func(ctx context.Context, n *newsroom, id int64) (bool, error) { return n.db.Resume(ctx, id) },
			did:    "digest %d goes on; see: insights digest show %[1]d", already: "digest %d is being sent already",
		}),
		p.decisionCommand(decision{
			name: "cancel", short: "End a digest; what was not sent stays unread", would: "end", past: "cancelled",
			long:   "End a digest: what is in flight ends by itself, everything else is skipped. What\nreaders did not get stays unread, and comes with the next digest.",
			decide: func(ctx context.Context, n *newsroom, id int64) (bool, error) { return n.db.Cancel(ctx, id) },
			did:    "digest %d is cancelled; what was not sent comes with the next digest", already: "digest %d was cancelled before",
		}),
		p.digestRetryCommand(), p.digestHoldCommand(), p.digestReleaseCommand(),
	}
}

func (p *program) decisionCommand(d decision) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: d.name + " ID", Short: d.short, Long: d.long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				digest, err := n.digest(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				words := fmt.Sprintf("would %s digest %d: it is %s, %s", d.would, digest.ID, digest.State, countsLine(digest))
				if !dryRun {
					if d.mails && digest.State == newsletter.DigestPaused {
						left := digest.Counts[newsletter.Pending] + digest.Counts[newsletter.Deferred]
						p.out.note("digest %d: %s of %s to send, %s, first subject %q", digest.ID, thousands(left), count(digest.Readers, "mail"), count(len(digest.Items), "insight"), subjectOfDigest(digest))
						if err := p.confirm("Go on?", yes); err != nil {
							return err
						}
					}
					changed, err := d.decide(cmd.Context(), n, digest.ID)
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
				return p.showDecided(cmd.Context(), n, digest.ID, words)
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
func (p *program) showDecided(ctx context.Context, n *newsroom, id int64, words string) error {
	if p.out.json {
		d, err := n.db.Digest(ctx, id)
		if err != nil {
			return err
		}
		_, err = p.out.document(digestDocument(d))
		return err
	}
	p.out.line("%s", words)
	return nil
}

func (p *program) digestRetryCommand() *cobra.Command {
	var failed, uncertain, yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "retry ID", Short: "Send again what failed, or what nobody knows the fate of", Args: cobra.ExactArgs(1),
		Long: `Send again the mails of a digest that failed (--failed, the default), or of
which nobody knows whether they arrived (--uncertain): those may come twice.
Readers who have received the same meanwhile, or have left, get nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				d, err := n.digest(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				failed = failed || !uncertain
				return p.retry(cmd.Context(), n, d, failed, uncertain, yes, wait, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "those that failed (default)")
	cmd.Flags().BoolVar(&uncertain, "uncertain", false, "those of which nobody knows whether they arrived")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is done")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func (p *program) retry(ctx context.Context, n *newsroom, d newsletter.Digest, failed, uncertain, yes, wait, dryRun bool) error {
	mails := 0
	var what []string
	if failed {
		mails += d.Counts[newsletter.Failed]
		what = append(what, thousands(d.Counts[newsletter.Failed])+" failed")
	}
	if uncertain {
		mails += d.Counts[newsletter.Uncertain]
		what = append(what, thousands(d.Counts[newsletter.Uncertain])+" uncertain")
	}
	about := fmt.Sprintf("digest %d: %s (%s), first subject %q", d.ID, count(mails, "mail"), strings.Join(what, ", "), subjectOfDigest(d))
	switch {
	case mails == 0:
		return p.showDecided(ctx, n, d.ID, fmt.Sprintf("digest %d: nothing to send again (%s)", d.ID, strings.Join(what, ", ")))
	case dryRun:
		return p.showDecided(ctx, n, d.ID, "would send again "+about)
	}
	p.out.note("%s", about)
	if err := p.confirm("Send them again?", yes); err != nil {
		return err
	}
	again, err := n.db.Retry(ctx, d.ID, failed, uncertain)
	if err != nil {
		return err
	}
	if wait {
		if err := p.await(ctx, n, fmt.Sprintf("digest %d", d.ID), p.digestProgress(n, d.ID)); err != nil {
			return err
		}
	}
	words := fmt.Sprintf("%s of digest %d wait to be sent again", count(again, "mail"), d.ID)
	switch {
	case wait:
		if d, err = n.db.Digest(ctx, d.ID); err != nil {
			return err
		}
		words = fmt.Sprintf("digest %d is %s: %s", d.ID, d.State, countsLine(d))
	case d.State == newsletter.DigestPaused:
		words += fmt.Sprintf("; it is paused: insights digest resume %d", d.ID)
	case !n.running(ctx):
		words += "; the next `insights serve` sends them"
	}
	return p.showDecided(ctx, n, d.ID, words)
}

// holdJSON is what `digest hold` did.
type holdJSON struct {
	Held   bool   `json:"held"` // it is, now
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run,omitempty"`
}

func (p *program) digestHoldCommand() *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "hold", Short: "Hold all sending until it is released", Args: cobra.NoArgs,
		Long: `Hold all sending, of digests and of single mails, until it is released with:
insights digest release. A SQLite database that is older than what was sent from
it is held by itself; after restoring PostgreSQL, hold before a daemon starts.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error { return p.hold(cmd.Context(), n, reason, dryRun) })
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "held by staff", "why, for whoever looks at it later")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (p *program) hold(ctx context.Context, n *newsroom, reason string, dryRun bool) error {
	if reason = strings.Join(strings.Fields(reason), " "); reason == "" {
		return usageError("--reason is empty: say why, for whoever looks at it later")
	}
	was, _, err := n.db.Held(ctx)
	if err != nil {
		return err
	}
	document := holdJSON{Held: was != "", Reason: string(was), DryRun: dryRun}
	words := "sending was held before: " + was
	switch {
	case was != "":
	case dryRun:
		words = "would hold all sending"
	default:
		if err := n.db.Hold(ctx, newsletter.Reason(reason)); err != nil {
			return err
		}
		document.Held, document.Reason = true, reason
		words = "all sending is held; go on with: insights digest release"
	}
	if done, err := p.out.document(document); done {
		return err
	}
	p.out.line("%s", words)
	return nil
}

// heldJSON is what `digest release` did.
type heldJSON struct {
	Held     bool   `json:"held"` // it was, before
	Reason   string `json:"reason"`
	Released bool   `json:"released"`
	Digests  int    `json:"digests"`
	Mails    int    `json:"mails"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

func (p *program) digestReleaseCommand() *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "release", Short: "Let sending go on that is held", Args: cobra.NoArgs,
		Long: `Let sending go on that is held, as it is after a database was restored: what it
lists as unsent may have been sent since the copy was made. Look first: insights
status, insights digest list. A digest that is not to go out: insights digest
cancel ID.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				return p.release(cmd.Context(), n, yes, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would go out")
	return cmd
}

func (p *program) release(ctx context.Context, n *newsroom, yes, dryRun bool) error {
	reason, _, err := n.db.Held(ctx)
	if err != nil {
		return err
	}
	document := heldJSON{Held: reason != "", Reason: string(reason), DryRun: dryRun}
	if document.Digests, document.Mails, err = n.db.Unsent(ctx); err != nil {
		return err
	}
	about := fmt.Sprintf("%s of %s", count(document.Mails, "mail"), count(document.Digests, "digest"))
	words := "sending is not held"
	switch {
	case reason == "":
	case dryRun:
		words = fmt.Sprintf("held: %s\nwould let go %s", reason, about)
	default:
		p.out.note("held: %s\n%s would go out", reason, about)
		if err := p.confirm("Let them go?", yes); err != nil {
			return err
		}
		if document.Released, err = n.db.Release(ctx); err != nil {
			return err
		}
		words = "released: " + about + " may go out"
	}
	if done, err := p.out.document(document); done {
		return err
	}
	p.out.line("%s", words)
	return nil
}
