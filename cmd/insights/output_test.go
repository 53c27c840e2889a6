package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestEveryHelpFitsEightyColumnsAndSaysWhatItIsFor(t *testing.T) {
	p := &program{out: output{stdout: &result{Writer: new(bytes.Buffer)}}}
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
	look(p.rootCommand())
}

func TestTablesCutTheLastColumnFirstAndThenTheWidest(t *testing.T) {
	row := func(widths ...int) []string {
		var cells []string
		for _, w := range widths {
			cells = append(cells, strings.Repeat("x", w))
		}
		return cells
	}
	for _, test := range []struct {
		name  string
		cells [][]string
		width int
		want  []int
	}{
		{"room enough", [][]string{row(3, 4), row(5, 10)}, 80, []int{5, 10}},
		{"no terminal", [][]string{row(50, 100)}, 0, []int{50, 100}},
		{"the last gives way", [][]string{row(20, 30, 60)}, 80, []int{20, 30, 26}},
		{"then the widest", [][]string{row(20, 60, 60)}, 80, []int{20, 44, 12}},
		{"nothing below the least", [][]string{row(12, 12, 12)}, 20, []int{12, 12, 12}},
	} {
		if got := columnWidths(test.cells, test.width); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestWhatOthersWroteDoesNotSteerTheTerminal(t *testing.T) {
	var b bytes.Buffer
	o := output{stdout: &result{Writer: &b}}
	o.table([]string{"ANSWER", "END"}, [][]string{{"550 \x1b[2Jno\tsuch\nuser\u202e", "x"}})
	if want := "ANSWER                 END\n550  [2Jno such user   x\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestDurationsAreWritten(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5 minutes", time.Hour: "1 hour", 90 * time.Second: "1 minute 30 seconds",
		72 * time.Hour: "72 hours", time.Hour + time.Second: "1 hour 1 second", 300 * time.Millisecond: "300ms",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0 readers", 1: "1 reader", 999: "999 readers", 1842: "1,842 readers", 1234567: "1,234,567 readers", -1000: "-1,000 readers"} {
		if got := count(n, "reader"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
