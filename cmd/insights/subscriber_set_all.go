package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

// addToAll gives the command that sets one reader's preferences a second form, which adds a
// category to many.
func addToAll(p *program, cmd *cobra.Command) {
	var all, yes bool
	var add string
	one := cmd.RunE
	cmd.Use = "set ADDR | --with-all-categories --add SLUG"
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.Long += `

With --with-all-categories, add a new category to every reader who has chosen
all the others, confirmed or not: for them it starts with what appears from now
on. That is done once for each category, and recorded in their history. Readers
who have left it out, or have unsubscribed, keep their choice. Interrupted, the
same command goes on.`
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dryRun, err := cmd.Flags().GetBool("dry-run")
		switch {
		case err != nil:
			return err
		case !all && add != "":
			return usageError("--add goes with --with-all-categories; for one reader write: insights subscriber set ADDR --categories …")
		case !all && len(args) != 1:
			return usageError("name one reader by their address, or write --with-all-categories --add SLUG")
		case !all:
			return one(cmd, args)
		case len(args) > 0:
			return usageError("--with-all-categories is about many readers: leave out %s", args[0])
		case add == "":
			return usageError("say which category: --with-all-categories --add SLUG")
		}
		for _, other := range []string{"cadence", "categories", "pause-until"} {
			if cmd.Flags().Changed(other) {
				return usageError("--%s is for one reader: leave it out with --with-all-categories", other)
			}
		}
		return p.withApp(func(ctx context.Context, a *app.App, _ []string) error {
			return addCategory(ctx, p.out, a, add, yes, dryRun)
		})(cmd, nil)
	}
	cmd.Flags().BoolVar(&all, "with-all-categories", false, "every reader who has all categories but the one to add")
	cmd.Flags().StringVar(&add, "add", "", "the new category, by its `slug`")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	completeCategories(p, cmd, "add")
}

// addedJSON is what became of a category that is added to many.
type addedJSON struct {
	Category string `json:"category"`
	Readers  int    `json:"readers"`
	DryRun   bool   `json:"dry_run"`
}

func addCategory(ctx context.Context, out *console.Console, a *app.App, word string, yes, dryRun bool) error {
	slug, err := parseCategory(&a.Config, word)
	if err != nil {
		return err
	}
	readers, err := a.AddCategory(ctx, slug, true)
	if err != nil {
		return err
	}
	count := console.Count(readers, "reader")
	if dryRun {
		return out.Result(addedJSON{slug, readers, true}, "would add %s for %s", slug, count)
	}
	out.Note("%s with all the other categories", count)
	if err := out.Confirm(fmt.Sprintf("Add %s to what they get?", slug), "this changes what many people get", yes); err != nil {
		return err
	}
	if readers, err = a.AddCategory(ctx, slug, false); err != nil {
		return fmt.Errorf("added %s for %s, then: %w; the same command goes on", slug, console.Count(readers, "reader"), err)
	}
	return out.Result(addedJSON{slug, readers, false}, "added %s for %s", slug, console.Count(readers, "reader"))
}
