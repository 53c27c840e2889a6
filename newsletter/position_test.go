package newsletter_test

import (
	"math/rand/v2"
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
)

func position(t *testing.T, s string) newsletter.Position {
	t.Helper()
	p, err := newsletter.ParsePosition(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPositionText(t *testing.T) {
	for _, text := range []string{"", "a=1", "a=1 b=0 c=99", "a=8!3", "a=8!3,6 b=2!1,2"} {
		if got := position(t, text).String(); got != text {
			t.Errorf("%q reads %q", text, got)
		}
	}
	if got := position(t, "b=2 a=1").String(); got != "a=1 b=2" {
		t.Errorf("not canonical: %q", got)
	}
	for _, text := range []string{"a", "a=", "=1", "a=x", "a=-1", "a=8!", "a=8!9", "a=8!3,3", "a=8!6,3", "a=8!0", "a=!3", "a=8!x", "a=8!3!6"} {
		if p, err := newsletter.ParsePosition(text); err == nil {
			t.Errorf("%q reads %v", text, p)
		}
	}
}

func TestPositionsAreValues(t *testing.T) {
	p, q := position(t, "a=5!2,4 b=1"), position(t, "a=3!3 b=3 c=2")
	before := p.String()
	for _, c := range []struct {
		what string
		got  newsletter.Position
		want string
	}{
		{"merged", p.Merge(q), "a=5!4 b=3 c=2"},
		{"merged the other way", q.Merge(p), "a=5!4 b=3 c=2"},
		{"advanced", p.Advance(3, []string{"a", "b", "d"}), "a=5!4 b=3 d=3"},
		{"nothing merged", newsletter.Position(nil).Merge(q), "a=3!3 b=3 c=2"},
		{"lost two", p.Lose("a", 5, 1), "a=5!1,2,4,5 b=1"},
		{"lost what it lacks", p.Lose("a", 2, 6, 0), "a=5!2,4 b=1"},
		{"lost of nothing", p.Lose("z", 1), "a=5!2,4 b=1"},
		{"received a hole", p.Receive("a", 4, 9), "a=5!2 b=1"},
		{"reached", p.Reached("a", 9, []int64{1, 2, 3, 4, 5, 7, 8, 9, 11}, map[int64]bool{4: true, 8: true, 9: true}), "a=9!2,7 b=1"},
		{"reached less", p.Reached("a", 4, []int64{2, 4}, map[int64]bool{4: true}), "a=5!2 b=1"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if p.String() != before {
		t.Errorf("changed to %v", p)
	}
}

func TestApply(t *testing.T) {
	for _, c := range []struct{ p, base, target, want string }{
		{"a=5", "a=5", "a=8", "a=8"},
		{"a=5", "a=5", "a=8!7", "a=8!7"},
		{"a=5!3", "a=5", "a=8", "a=8!3"},         // 3 came back meanwhile
		{"a=5!3", "a=5!3", "a=8", "a=8"},         // 3 was carried
		{"a=5!3,4", "a=5!3", "a=8!7", "a=8!4,7"}, // 3 was carried, 4 came back
		{"a=9!7", "a=5", "a=8", "a=9"},
		{"a=9", "a=5", "a=8!7", "a=9"},
		{"a=8!8", "a=5", "a=8", "a=8"},
		{"a=4", "a=5!3", "a=8", "a=4"},   // what base counts on has not come
		{"a=4!3", "a=5!3", "a=8", "a=4"}, // but the hole was carried
		{"b=2", "a=5 b=2", "a=5 b=4", "a=0 b=4"},
		{"", "", "a=3!1", "a=3!1"},
	} {
		got := position(t, c.p).Apply(position(t, c.base), position(t, c.target))
		if got.String() != c.want {
			t.Errorf("%q from %q to %q: %q, want %q", c.p, c.base, c.target, got, c.want)
		}
	}
}

// TestPositionsAsSets compares positions with plain sets of numbers.
func TestPositionsAsSets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const top = 12
	draw := func(from int64) newsletter.Reach {
		reach := newsletter.Reach{To: from + r.Int64N(top-from+1)}
		for seq := int64(1); seq <= reach.To; seq++ {
			if r.IntN(3) == 0 {
				reach.Holes = append(reach.Holes, seq)
			}
		}
		return reach
	}
	one := func(reach newsletter.Reach) newsletter.Position { return newsletter.Position{"a": reach} }
	for range 20000 {
		base := draw(0)
		p, target := draw(base.To), draw(base.To)
		merged, applied := one(p).Merge(one(target))["a"], one(p).Apply(one(base), one(target))["a"]
		for seq := int64(1); seq <= top+1; seq++ {
			if want := p.Has(seq) || target.Has(seq); merged.Has(seq) != want {
				t.Fatalf("%v merged with %v: %v has %d: %v", p, target, merged, seq, !want)
			}
			if want := p.Has(seq) || target.Has(seq) && !base.Has(seq); applied.Has(seq) != want {
				t.Fatalf("%v from %v to %v: %v has %d: %v", p, base, target, applied, seq, !want)
			}
		}
		for _, q := range []newsletter.Position{one(merged), one(applied)} {
			if back, err := newsletter.ParsePosition(q.String()); err != nil || back.String() != q.String() {
				t.Fatalf("%v reads %v: %v", q, back, err)
			}
		}
	}
}
