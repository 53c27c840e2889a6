package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func (p *program) contentCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR]", Short: "Report every fault of every insight and of the feeds", Args: cobra.MaximumNArgs(1),
		Long: `Report every fault of every insight, as file:line. It reads DIR, or the
configured content.dir, or the insights inside the binary. When these have no
fault it makes every feed document, scheduled insights included, and reads it as
a strict feed reader does; and it compares ids with those that the database
knows.

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
				if faults, notes, err = c.judgeFeeds(cmd.Context(), lib); err != nil {
					return err
				}
				faults = append(faults, p.changedIDs(cmd.Context(), &c, lib)...)
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

// judgeFeeds makes every feed document that the insights come to, those that are
// scheduled included, and has it judged. A fault is the file's that it comes from.
func (c *Config) judgeFeeds(ctx context.Context, lib *content.Library) (faults, notes content.Faults, err error) {
	last := lib.AsOf()
	for _, in := range lib.All() {
		if in.Date.After(last) {
			last = in.Date
		}
	}
	lib = lib.At(last)
	set, err := feeds.Build(lib, c.feedSite(), nil)
	if err != nil {
		return nil, nil, unusable(err)
	}
	set.Keep()
	remarks, err := judge(ctx, set, feeds.NewJudge(c.Site.BaseURL, c.hasPicture(lib)))
	if err != nil {
		return nil, nil, err
	}
	source := make(map[string]string) // file by the insight's id in feeds, and by its address
	for _, in := range lib.All() {
		file := filepath.Join(c.Content.Dir, in.File)
		source[feeds.EntryID(c.feedSite(), in.ID)], source[c.Site.BaseURL+in.Path()] = file, file
	}
	said := make(map[content.Fault]bool)
	for _, r := range remarks {
		file := cmp.Or(source[r.Entry], source[r.URL], r.Path)
		f := content.Fault{File: file, Message: "in feeds: " + r.Message}
		if said[f] {
			continue // most insights are in six documents
		}
		said[f] = true
		if file != r.Path {
			f.Message += " (" + r.Path + ")"
		}
		if r.Note {
			notes = append(notes, f)
		} else {
			faults = append(faults, f)
		}
	}
	for _, list := range []content.Faults{faults, notes} {
		slices.SortStableFunc(list, func(a, b content.Fault) int {
			return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Message, b.Message))
		})
	}
	return faults, notes, nil
}

// judge shows a judge every document of a set: in the order of the documents, some
// at the same time.
func judge(ctx context.Context, set *feeds.Set, j *feeds.Judge) ([]feeds.Remark, error) {
	heads := set.Documents()
	archives := set.Archives()
	remarks := make([][]feeds.Remark, len(heads)+len(archives))
	errs := make([]error, len(remarks))
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var judging sync.WaitGroup
	for i := range remarks {
		free <- struct{}{}
		judging.Go(func() {
			defer func() { <-free }()
			if errs[i] = ctx.Err(); errs[i] != nil {
				return
			}
			var d *feeds.Document
			if i < len(heads) {
				d = heads[i]
			} else if d, errs[i] = set.Render(archives[i-len(heads)]); errs[i] != nil {
				return
			}
			remarks[i] = j.Judge(d)
		})
	}
	judging.Wait()
	return append(slices.Concat(remarks...), j.Missing()...), errors.Join(errs...)
}

// hasPicture tells of an address of the site whether a picture of the insights is
// there; other addresses of the site are not its business.
func (c *Config) hasPicture(lib *content.Library) func(address string) bool {
	return func(address string) bool {
		u, err := url.Parse(strings.TrimPrefix(address, c.Site.BaseURL))
		if err != nil {
			return false
		}
		name, inside := strings.CutPrefix(u.Path, "/insights/images/")
		return !inside || lib.HasImage(name)
	}
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
		faults = append(faults, content.Fault{File: filepath.Join(c.Content.Dir, in.File), Message: fmt.Sprintf(
			"id: was %s, as the database knows %s, and is %s now: readers would see the insight as new; put the old id back or, if it is another insight, give it a slug of its own",
			ids[i], in.Path(), in.ID)})
	}
	return faults
}
