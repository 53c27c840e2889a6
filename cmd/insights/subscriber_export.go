package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

func subscriberExportCommand(p *program) *cobra.Command {
	var status, format string
	var bom bool
	cmd := &cobra.Command{
		Use: "export", Short: "Export subscribers as CSV or JSON", Args: cobra.NoArgs,
		Long: `Write all subscribers to standard output, one per line: as CSV, or as JSON (JSON
Lines; one array with --json). "subscriber import" reads them back and creates
the same subscribers in an empty database: status, cadence, categories, name,
confirmed_at and source. JSON also has why an address is suppressed, and when
its owner unsubscribed. History, pauses, reading positions, and suppressions of
addresses that are not subscribers are only in a backup.

In CSV, a value that begins with = + - or @, also behind characters that nobody
sees, gets an apostrophe before it, so that a spreadsheet does not run it as a
formula; the import removes it. With --bom the file begins with a byte order
mark, without which Excel takes letters such as é for others; the import takes
files with it, too.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "csv" && format != "json" {
				return usageError("--format %s: use csv or json", format)
			}
			if bom && (p.out.JSON || format == "json") {
				return usageError("--bom is for CSV: JSON has no byte order mark")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				filter, err := parseFilter(&a.Config, status, "", "")
				if err != nil {
					return err
				}
				all := a.Subscribers.List(ctx, filter)
				switch {
				case p.out.JSON:
					return exportArray(p.out, all)
				case format == "json":
					return exportLines(p.out, all)
				}
				return exportCSV(p.out, all, bom)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&format, "format", "csv", "`csv` or json: one object a line")
	cmd.Flags().BoolVar(&bom, "bom", false, "begin CSV with a byte order mark, for spreadsheets")
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
		ConfirmedAt: console.Stamp(s.ConfirmedAt), Source: s.Source, Cause: string(s.Cause), Reason: s.Reason, Unsubscribed: console.Stamp(s.UnsubscribedAt),
	}
}

func exportCSV(out *console.Console, all iter.Seq2[subscribers.Subscriber, error], bom bool) error {
	if bom {
		if _, err := io.WriteString(out.Out, "\ufeff"); err != nil {
			return err
		}
	}
	w, err := lists.NewWriter(out.Out)
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

func exportLines(out *console.Console, all iter.Seq2[subscribers.Subscriber, error]) error {
	w := bufio.NewWriter(out.Out)
	encoder := json.NewEncoder(console.JSONWriter{Writer: w})
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

func exportArray(out *console.Console, all iter.Seq2[subscribers.Subscriber, error]) error {
	l := out.List()
	for s, err := range all {
		if err != nil {
			return err
		}
		l.Add(exported(s))
		if l.Err != nil {
			return l.Err
		}
	}
	_, err := l.End()
	return err
}
