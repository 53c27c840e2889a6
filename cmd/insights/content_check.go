package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func contentCheckCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR]", Short: "Check every insight and report all faults", Args: cobra.MaximumNArgs(1),
		Long: `Check every insight and report all faults as file:line. It reads DIR, or the
configured content.dir, or the insights inside the binary, including scheduled
ones. It also reports raw HTML, links and invisible characters that are left
out, and links and sizes that feeds and emails can't handle, and compares ids
with those in the database.

Exit code 3 means that faults were found.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pub, err := p.publication(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				pub.Config.Content.Dir = args[0]
			}
			lib, err := pub.Library()
			if err != nil {
				return err
			}
			faults := pub.Named(slices.Concat(lib.Faults(), lib.Flaws(), changedIDs(cmd.Context(), p.out, pub, lib)))
			notes := pub.Named(slices.Concat(lib.Notes(), tooLarge(&pub.Config, lib)))
			return reportFaults(p.out, cmp.Or(pub.Config.Content.Dir, "inside the binary"), lib, faults, notes)
		},
	}
}

func reportFaults(out *console.Console, where string, lib *content.Library, faults, notes content.Faults) error {
	failed := faulty(faults)
	document := map[string]any{"ok": len(faults) == 0, "faults": faultDocuments(faults), "notes": faultDocuments(notes)}
	switch {
	case out.JSON && len(faults) > 0:
		return errors.Join(out.Document(document), &shown{failed})
	case out.JSON:
		return out.Document(document)
	}
	for _, n := range notes {
		out.Note("note: %v", n)
	}
	if len(faults) == 0 {
		drafts := ""
		if hidden := len(lib.All()) - len(lib.Insights()); hidden > 0 {
			drafts = fmt.Sprintf(" (%d not visible: drafts or in the future)", hidden)
		}
		out.Line("%s%s, no faults: %s", console.Count(len(lib.All()), "insight"), drafts, where)
		return nil
	}
	for _, f := range faults {
		out.Line("%v", f)
	}
	return failed
}

type faultJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

func faultDocuments(faults content.Faults) []faultJSON {
	documents := []faultJSON{}
	for _, f := range faults {
		documents = append(documents, faultJSON(f))
	}
	return documents
}

// tooLarge notes each insight that is too large to be in feeds as a whole.
func tooLarge(c *config.Config, lib *content.Library) content.Faults {
	var notes content.Faults
	for in, n := range feeds.TooLarge(lib, c.Site.BaseURL) {
		notes = append(notes, content.Fault{File: in.File, Message: fmt.Sprintf(
			"%s bytes of HTML: above %s, feeds have the summary and a link", console.Thousands(n), console.Thousands(feeds.MaxEntry))})
	}
	return notes
}

// changedIDs compares the insights with those that the database knows by the same
// address. Without a readable database there is nothing to compare.
func changedIDs(ctx context.Context, out *console.Console, pub *app.Publication, lib *content.Library) content.Faults {
	known, err := pub.KnownIDs(ctx)
	if err != nil {
		if pub.Config.Origin("database.url") != config.ByDefault || !errors.Is(err, fs.ErrNotExist) {
			out.Note("ids were not compared with the database: %v", err)
		}
		return nil
	}
	return lib.ChangedIDs(known)
}

// faulty is the error of a check that found faults.
func faulty(faults content.Faults) error {
	return &problems{errors.New(console.Count(len(faults), "fault"))}
}
