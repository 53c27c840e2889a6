package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) digestSendCommand() *cobra.Command {
	var yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "send ID", Short: "Send a planned digest", Args: cobra.ExactArgs(1),
		Long: `Send a planned digest as it was planned, but for what a reader has received
meanwhile or no longer wants. A running insights sends it.
With --wait this command stays until it is done, and sends by itself if nothing
is running. Sending a digest twice does nothing the second time.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				d, err := n.digest(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.send(cmd.Context(), n, d, yes, wait, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is done")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func (p *program) send(ctx context.Context, n *newsroom, d newsletter.Digest, yes, wait, dryRun bool) error {
	if d.State == newsletter.DigestPlanned {
		about := fmt.Sprintf("digest %d: %s, %s, first subject %q", d.ID, count(d.Readers, "reader"), count(len(d.Items), "insight"), subjectOfDigest(d))
		if dryRun {
			if done, err := p.out.document(digestDocument(d)); done {
				return err
			}
			p.out.line("would send %s", about)
			return nil
		}
		p.out.note("%s", about)
		if err := p.confirm("Send it?", yes); err != nil {
			return err
		}
	}
	changed := false
	if !dryRun {
		var err error
		if changed, err = n.db.Approve(ctx, d.ID); err != nil {
			return err
		}
	}
	if wait {
		if err := p.await(ctx, n, fmt.Sprintf("digest %d", d.ID), p.digestProgress(n, d.ID)); err != nil {
			return err
		}
	}
	d, err := n.db.Digest(ctx, d.ID)
	if err != nil {
		return err
	}
	if done, err := p.out.document(digestDocument(d)); done {
		return err
	}
	switch {
	case d.State == newsletter.DigestDone:
		if !changed {
			p.out.line("digest %d was sent before: %s; nothing was sent again", d.ID, countsLine(d))
		} else {
			p.out.line("digest %d is done: %s", d.ID, countsLine(d))
		}
	case !changed:
		p.out.line("digest %d was approved before and is %s: %s; nothing was started again", d.ID, d.State, countsLine(d))
	case time.Now().Before(d.NotBefore):
		p.out.line("digest %d is approved and goes out at %s", d.ID, moment(d.NotBefore, n.config.zone()))
	case n.running(ctx):
		p.out.line("digest %d is being sent; see: insights digest show %d", d.ID, d.ID)
	default:
		p.out.line("digest %d is approved; the next `insights serve` sends it, or now: insights digest send %d --wait", d.ID, d.ID)
	}
	return nil
}

// running reports whether some process sends from this database.
func (n *newsroom) running(ctx context.Context) bool {
	sending, err := n.db.Sending(ctx)
	return sending && err == nil
}

// confirm asks before anybody is mailed. Without a terminal it never asks.
func (p *program) confirm(question string, yes bool) error {
	return p.sure(question, "this mails people", yes)
}

// sure asks whether what can't be taken back is meant, and needs yes where nobody can
// be asked.
func (p *program) sure(question, why string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(p.stdin) {
		return usageError("%s: add --yes to say that you mean it", why)
	}
	fmt.Fprintf(p.out.stderr, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(p.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &coded{errors.New("nothing was done"), exitUsage, false}
}

func (p *program) digestTestCommand() *cobra.Command {
	var category, id string
	var yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "test ADDR...", Short: "Send a digest to addresses of your own, as a test", Args: cobra.MinimumNArgs(1),
		Long: "Send what a new reader would get first, or a planned digest, to addresses of\nyour own. It counts for nobody: positions do not move.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				return p.sendTest(cmd.Context(), n, args, category, id, yes, wait, dryRun)
			})
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "only this `category`")
	cmd.Flags().StringVar(&id, "digest", "", "this planned digest (its `id`)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is sent")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	p.completeCategories(cmd, "category")
	return cmd
}

func (p *program) sendTest(ctx context.Context, n *newsroom, to []string, category, id string, yes, wait, dryRun bool) error {
	var addresses []subscribers.Address
	for _, word := range to {
		a, err := parseAddress(word)
		if err != nil {
			return err
		}
		addresses = append(addresses, a)
	}
	d, variant, err := n.sample(ctx, category, id)
	if err != nil {
		return err
	}
	rendered, err := n.writer.Render(d, variant)
	if err != nil {
		return err
	}
	rendered = newsletter.PreviewBody(rendered, "test@example.com")
	rendered.Subject = "[Test] " + rendered.Subject
	payload, err := json.Marshal(rendered)
	if err != nil {
		return err
	}
	about := fmt.Sprintf("a test mail to %s, subject %q", strings.Join(to, ", "), rendered.Subject)
	if dryRun {
		if done, err := p.out.document([]deliveryJSON{}); done {
			return err
		}
		p.out.line("would send %s", about)
		return nil
	}
	p.out.note("%s", about)
	if err := p.confirm("Send it?", yes); err != nil {
		return err
	}
	refs, err := n.db.QueueTest(ctx, addresses, string(payload))
	if err != nil {
		return err
	}
	if wait {
		if err := p.await(ctx, n, "test mails", messageProgress(n, refs)); err != nil {
			return err
		}
	}
	return p.showTests(ctx, n, refs)
}

func messageProgress(n *newsroom, refs []newsletter.Ref) func(context.Context) (progress, error) {
	return func(ctx context.Context) (progress, error) {
		g := progress{total: len(refs)}
		for _, ref := range refs {
			m, err := n.db.Delivery(ctx, ref)
			if err != nil {
				return g, err
			}
			if m.State.Terminal() {
				g.ended++
			}
			if m.State == newsletter.Failed {
				g.failed++
			}
		}
		g.done = g.ended == g.total
		return g, nil
	}
}

func (p *program) showTests(ctx context.Context, n *newsroom, refs []newsletter.Ref) error {
	documents := []deliveryJSON{}
	failed := 0
	for _, ref := range refs {
		m, err := n.db.Delivery(ctx, ref)
		if err != nil {
			return err
		}
		documents = append(documents, deliveryDocument(m))
		if m.State == newsletter.Failed {
			failed++
		}
		p.out.line("%s  %s  %s", ref, m.State, strings.TrimSpace(m.Email+"  "+string(m.Reason)))
	}
	_, err := p.out.document(documents)
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%s could not be sent", count(failed, "test mail")))
	}
	return err
}
