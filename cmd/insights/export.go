package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

func (p *program) subscriberExportCommand() *cobra.Command {
	var status, format string
	cmd := &cobra.Command{
		Use: "export", Short: "Write all subscribers as CSV or JSON, to be imported again", Args: cobra.NoArgs,
		Long: `Write all subscribers to standard output, one a line: as CSV, or as JSON (JSON
Lines; one array with --json). "subscriber import" reads each of them again, and
makes the same subscribers of it in an empty database: status, cadence,
categories, name, confirmed_at and source; of JSON also why somebody is
suppressed, and when they unsubscribed. History, pauses and what they have
received are in a backup alone, and so are suppressions of addresses that are no
subscriber's.

In CSV an apostrophe goes before each value that begins with = + - or @, so that
a spreadsheet does not calculate a stranger's words; the import takes it away.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "csv" && format != "json" {
				return usageError("--format %s: csv or json", format)
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				filter, err := n.config.subscriberFilter(status, "", "")
				if err != nil {
					return err
				}
				all := n.db.List(cmd.Context(), filter)
				switch {
				case p.out.json:
					return p.exportArray(all)
				case format == "json":
					return p.exportLines(all)
				}
				return p.exportCSV(all)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "csv", "`csv` or json: one object a line")
	cmd.Flags().StringVar(&status, "status", "", "only this `status`: pending, confirmed, unsubscribed, suppressed")
	return cmd
}

// exportedJSON is a subscriber as an import reads it.
type exportedJSON struct {
	Email        string     `json:"email"`
	Status       string     `json:"status"`
	Cadence      string     `json:"cadence"`
	Categories   []string   `json:"categories"`
	Name         string     `json:"name"`
	ConfirmedAt  *time.Time `json:"confirmed_at"`
	Source       string     `json:"source"`
	Cause        string     `json:"cause,omitempty"`
	Reason       string     `json:"reason,omitempty"`
	Unsubscribed *time.Time `json:"unsubscribed_at,omitempty"`
}

func exported(s subscribers.Subscriber) exportedJSON {
	return exportedJSON{
		Email: s.Address.String(), Status: string(s.Status), Cadence: string(s.Cadence), Categories: s.Categories, Name: s.Name,
		ConfirmedAt: stamp(s.ConfirmedAt), Source: s.Source, Cause: string(s.Cause), Reason: s.Reason, Unsubscribed: stamp(s.UnsubscribedAt),
	}
}

func (p *program) exportCSV(all iter.Seq2[subscribers.Subscriber, error]) error {
	w, err := lists.NewWriter(p.out.stdout)
	if err != nil {
		return err
	}
	for s, err := range all {
		if err == nil {
			err = w.Write(s)
		}
		if err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

func (p *program) exportLines(all iter.Seq2[subscribers.Subscriber, error]) error {
	w := bufio.NewWriter(p.out.stdout)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for s, err := range all {
		if err == nil {
			err = encoder.Encode(exported(s))
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
	}
	return w.Flush()
}

func (p *program) exportArray(all iter.Seq2[subscribers.Subscriber, error]) error {
	l := p.out.list()
	for s, err := range all {
		if err != nil {
			return err
		}
		l.add(exported(s))
		if l.err != nil {
			return l.err
		}
	}
	_, err := l.end()
	return err
}
