package budget_test

import (
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/content/budget"
)

// failing notes that a test would have failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestWhatTakesTooMuchIsNoticed(t *testing.T) {
	text := budget.Grown("ab ")
	for name, c := range map[string]struct {
		read func()
		want bool
	}{
		"once over": {func() { _ = strings.Count(text, "c") }, false},
		"memory": {func() {
			for range 100 {
				_ = strings.Repeat(text, 2)
			}
		}, !budget.Raced},
	} {
		f := &failing{TB: t}
		if budget.Check(f, c.read); f.failed != c.want {
			t.Errorf("%s: failed %t", name, f.failed)
		}
	}
}

func TestGrownInputsHaveTheSize(t *testing.T) {
	for _, input := range []string{"a", "abc", strings.Repeat("x", budget.Size-1), strings.Repeat("x", budget.Size+1)} {
		if got := len(budget.Grown(input)); got < budget.Size/2 || !strings.HasPrefix(budget.Grown(input), input) {
			t.Errorf("%d bytes become %d", len(input), got)
		}
	}
	if budget.Grown("") != "" {
		t.Error("nothing has grown")
	}
}
