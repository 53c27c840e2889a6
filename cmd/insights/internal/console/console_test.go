package console

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

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
	c := Console{Out: &Output{Writer: &b}}
	c.Table([]string{"ANSWER", "END"}, [][]string{{"550 \x1b[2Jno\tsuch\nuser\u202e", "x"}})
	if want := "ANSWER                 END\n550  [2Jno such user   x\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestDurationsAreWritten(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5 minutes", time.Hour: "1 hour", 90 * time.Second: "1 minute 30 seconds",
		72 * time.Hour: "72 hours", time.Hour + time.Second: "1 hour 1 second", 300 * time.Millisecond: "300ms",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0 readers", 1: "1 reader", 999: "999 readers", 1842: "1,842 readers", 1234567: "1,234,567 readers", -1000: "-1,000 readers"} {
		if got := Count(n, "reader"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestMeterSaysOnceWhatIsInTheWay(t *testing.T) {
	var shown bytes.Buffer
	m := (&Console{Err: &shown}).Meter("digest 7")
	start := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		g    Progress
		want string
	}{
		{Progress{Total: 20000, Ended: 10000, Sent: 10000}, "digest 7: 10,000 of 20,000, 0 per second, 0 failed\n"},
		{Progress{Total: 20000, Ended: 11000, Sent: 11000, Failed: 3}, "digest 7: 11,000 of 20,000, 100 per second, 1m30s left, 3 failed\n"},
		{Progress{Total: 20000, Ended: 11000, Sent: 11000, Failed: 3, Obstacle: "sending is on hold: why"}, "sending is on hold: why\ndigest 7: 11,000 of 20,000, 50 per second, 3m0s left, 3 failed\n"},
		{Progress{Total: 20000, Ended: 11000, Sent: 11000, Failed: 3, Obstacle: "sending is on hold: why"}, "digest 7: 11,000 of 20,000, 33 per second, 4m30s left, 3 failed\n"},
		{Progress{Total: 20000, Ended: 20000, Sent: 20000, Failed: 3, Done: true}, "digest 7 continues\ndigest 7: 20,000 of 20,000, 250 per second, 3 failed\n"},
		{Progress{Total: 20000, Ended: 20000, Sent: 10000, Deferred: 7, NextTry: start}, "digest 7: 20,000 of 20,000, 0 per second, 0 failed, 7 deferred, next try at 09:00:00 UTC\n"}, // most were skipped
	} {
		shown.Reset()
		m.Show(step.g, start.Add(time.Duration(i)*noticeEvery))
		if shown.String() != step.want {
			t.Errorf("step %d shows %q, want %q", i, shown.String(), step.want)
		}
	}
}
