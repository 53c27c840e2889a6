package console

import (
	"bytes"
	"encoding/json"
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
		{Progress{Total: 20000, Ended: 11000, Sent: 11000, Failed: 3, Obstacle: "sending is on hold: why"}, "sending is on hold: why\ndigest 7: 11,000 of 20,000, 50 per second, 3 failed\n"},
		{Progress{Total: 20000, Ended: 11000, Sent: 11000, Failed: 3, Obstacle: "sending is on hold: why"}, "digest 7: 11,000 of 20,000, 33 per second, 3 failed\n"},
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

// What waits for something else, or does not move, has no time left that anybody knows.
func TestTimeLeftDoesNotGrow(t *testing.T) {
	start := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	var shown bytes.Buffer
	m := (&Console{Err: &shown}).Meter("digest 7")
	show := func(after time.Duration, g Progress, want string) {
		t.Helper()
		g.Total = 100
		m.Show(g, start.Add(after))
		if line := m.line(g, start.Add(after)); line != want {
			t.Errorf("after %s: %q, want %q", after, line, want)
		}
	}
	show(0, Progress{}, "digest 7: 0 of 100, 0 per second, 0 failed")
	show(10*time.Second, Progress{Ended: 50, Sent: 50}, "digest 7: 50 of 100, 5 per second, 10s left, 0 failed")
	show(14*time.Second, Progress{Ended: 50, Sent: 50}, "digest 7: 50 of 100, 4 per second, 10s left, 0 failed")
	show(16*time.Second, Progress{Ended: 50, Sent: 50}, "digest 7: 50 of 100, 3 per second, 0 failed")
	show(20*time.Second, Progress{Ended: 80, Sent: 80, Deferred: 4}, "digest 7: 80 of 100, 4 per second, 4s left, 0 failed, 4 deferred")
	show(22*time.Second, Progress{Ended: 95, Sent: 95, Deferred: 4, Behind: 1}, "digest 7: 95 of 100, 4 per second, 0 failed, 4 deferred, 1 waits for an earlier email to the same reader")
	show(22*time.Second, Progress{Ended: 95, Sent: 95, Behind: 5}, "digest 7: 95 of 100, 4 per second, 0 failed, 5 wait for an earlier email to the same reader")
}

func TestJSONDoesNotSteerTheTerminal(t *testing.T) {
	const said = "a\u009b31m \u202eb\x7f\x1b\n\u2066c \u00e9"
	for name, write := range map[string]func(*Console) error{
		"a document": func(c *Console) error { return c.Document([]string{said}) },
		"a list": func(c *Console) error {
			l := c.List()
			l.Add(said)
			_, err := l.End()
			return err
		},
	} {
		var out bytes.Buffer
		if err := write(&Console{Out: &Output{Writer: &out}, JSON: true}); err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 1 || got[0] != said {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(out.String(), "\n", ""), func(r rune) bool { return printable(r) != r }) {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}
