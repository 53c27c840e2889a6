package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func TestEveryHelpFitsEightyColumnsAndSaysWhatItIsFor(t *testing.T) {
	p := &program{out: &console.Console{Out: &console.Output{Writer: new(bytes.Buffer)}}}
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		if cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
			return // cobra's own words
		}
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatalf("%s: %v", cmd.CommandPath(), err)
		}
		if cmd.Short == "" {
			t.Errorf("%s has no short description", cmd.CommandPath())
		}
		for line := range strings.Lines(help.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s --help: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
	}
	look(rootCommand(p))
}
