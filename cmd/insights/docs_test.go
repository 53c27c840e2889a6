package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/")

func TestDocsListEveryCommand(t *testing.T) {
	generated(t, "docs/commands.md", "commands", commandReference(rootCommand(&program{out: &console.Console{Out: &console.Output{Writer: io.Discard}}})))
}

func TestDocsListEveryKey(t *testing.T) {
	generated(t, "docs/configuration.md", "keys", keyReference(config.Keys()))
}

// generated compares what is between <!-- generated: name --> and <!-- end -->.
func generated(t *testing.T, file, name, want string) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := "<!-- generated: " + name + " -->\n"
	before, rest, ok := strings.Cut(string(source), begin)
	is, after, closed := strings.Cut(rest, "<!-- end -->")
	if !ok || !closed {
		t.Fatalf("%s lacks %q and <!-- end -->", file, begin)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+"<!-- end -->"+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if is != want {
		t.Errorf("%s has drifted from the code; run: go test ./cmd/insights -run TestDocs -update", file)
	}
}

// commandReference is each command as its help shows it.
func commandReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("\n")
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasSubCommands() { // a noun
			for _, sub := range c.Commands() {
				walk(sub)
			}
			return
		}
		c.InitDefaultHelpFlag()
		about := c.Long
		if about == "" {
			about = c.Short
		}
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.SortFlags = true
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				flags.AddFlag(f)
			}
		})
		fmt.Fprintf(&b, "### %s\n\n```text\n%s\n\n%s\n", c.CommandPath(), c.UseLine(), about)
		if flags.HasFlags() {
			fmt.Fprintf(&b, "\n%s", strings.ReplaceAll("\n"+flags.FlagUsagesWrapped(78), "\n    ", "\n")[1:])
		}
		b.WriteString("```\n\n")
	}
	for _, group := range root.Groups() {
		for _, c := range root.Commands() {
			if c.GroupID == group.ID && c.Name() != "help" && c.Name() != "completion" {
				walk(c)
			}
		}
	}
	return b.String()
}

// keyReference is each key with its default, by section.
func keyReference(keys []config.Key) string {
	var names []string
	sections := make(map[string][]string)
	for _, k := range keys {
		section, _, nested := strings.Cut(k.Path, ".")
		if !nested {
			section = ""
		}
		if sections[section] == nil && section != "" {
			names = append(names, section)
		}
		var notes []string
		if k.Secret {
			notes = append(notes, "secret")
		}
		if k.Default != "" && k.Default != "[]" && len([]rune(k.Default)) <= 40 {
			notes = append(notes, "`"+strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(k.Default)+"`")
		}
		line := "- `" + k.Path + "`"
		if notes != nil {
			line += " (" + strings.Join(notes, ", ") + ")"
		}
		sections[section] = append(sections[section], line+": "+k.Doc)
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, name := range append([]string{""}, names...) {
		title := name
		if name == "" {
			title = "At the top"
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", title, strings.Join(sections[name], "\n"))
	}
	return b.String()
}
