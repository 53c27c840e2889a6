package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func (p *program) contentCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR]", Short: "Report every fault of every insight", Args: cobra.MaximumNArgs(1),
		Long: `Report every fault of every insight, as file:line. It reads DIR, or the
configured content.dir, or the insights inside the binary, scheduled ones
included. When their files have no fault it looks for what feeds and emails
can't carry, and compares ids with those that the database knows.

Exit code 3 means that there are faults.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.configHere(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				c.Content.Dir = args[0]
			}
			lib, err := c.library(nil)
			faults, ok := errors.AsType[content.Faults](err)
			if err != nil && !ok {
				return err
			}
			var notes content.Faults
			if !ok {
				faults = c.inFolder(append(lib.DeadLinks(), p.changedIDs(cmd.Context(), &c, lib)...))
				notes = c.inFolder(c.tooLarge(lib))
			}
			return p.reportFaults(cmp.Or(c.Content.Dir, "inside the binary"), lib, faults, notes)
		},
	}
}

func (p *program) reportFaults(where string, lib *content.Library, faults, notes content.Faults) error {
	type fault struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Message string `json:"message"`
	}
	list := func(faults content.Faults) []fault {
		list := []fault{}
		for _, f := range faults {
			list = append(list, fault(f))
		}
		return list
	}
	failed := &coded{errors.New(count(len(faults), "fault")), exitProblems, p.out.json}
	if done, err := p.out.document(map[string]any{"ok": len(faults) == 0, "faults": list(faults), "notes": list(notes)}); done {
		if len(faults) > 0 {
			return errors.Join(err, failed)
		}
		return err
	}
	for _, n := range notes {
		p.out.note("note: %v", n)
	}
	if len(faults) == 0 {
		drafts := ""
		if hidden := len(lib.All()) - len(lib.Insights()); hidden > 0 {
			drafts = fmt.Sprintf(" (%d not visible: drafts or in the future)", hidden)
		}
		p.out.line("%s%s, no fault: %s", count(len(lib.All()), "insight"), drafts, where)
		return nil
	}
	for _, f := range faults {
		p.out.line("%v", f)
	}
	return failed
}

// tooLarge notes each insight that is too large for feeds by itself.
func (c *Config) tooLarge(lib *content.Library) content.Faults {
	var notes content.Faults
	for _, in := range lib.All() {
		if n := len(in.FullHTML(c.Site.BaseURL)); n > feeds.MaxSize && !in.Draft {
			notes = append(notes, content.Fault{File: in.File, Message: fmt.Sprintf(
				"%s bytes of HTML: feed readers and caches are slow with documents of more than %s", thousands(n), thousands(feeds.MaxSize))})
		}
	}
	return notes
}

// inFolder names files with their folder.
func (c *Config) inFolder(faults content.Faults) content.Faults {
	for i := range faults {
		faults[i].File = filepath.Join(c.Content.Dir, faults[i].File)
	}
	return faults
}

// changedIDs compares the insights with those that the database knows by the same
// address. Without a database that can be read there is nothing to compare with.
func (p *program) changedIDs(ctx context.Context, c *Config, lib *content.Library) content.Faults {
	db, err := c.openDatabase(ctx)
	if err != nil {
		if c.explicit["database.url"] != byDefault || !errors.Is(err, fs.ErrNotExist) {
			p.out.note("ids are not compared with those of the database: %v", err)
		}
		return nil
	}
	defer db.Close()
	known, err := db.InsightIDs(ctx)
	if err != nil {
		p.out.note("ids are not compared with those of the database: %v", err)
		return nil
	}
	present := make(map[string]bool)
	for _, in := range lib.All() {
		present[in.ID] = true
	}
	var faults content.Faults
	for _, in := range lib.All() {
		ids := known[in.Slug]
		if len(ids) == 0 || slices.Contains(ids, in.ID) && len(ids) == 1 {
			continue
		}
		i := slices.IndexFunc(ids, func(id string) bool { return !present[id] }) // else it has another address now
		if i < 0 {
			continue
		}
		faults = append(faults, content.Fault{File: in.File, Message: fmt.Sprintf(
			"id: was %s, as the database knows %s, and is %s now: readers would see the insight as new; put the old id back or, if it is another insight, give it a slug of its own",
			ids[i], in.Path(), in.ID)})
	}
	return faults
}
