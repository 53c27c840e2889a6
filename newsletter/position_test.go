package newsletter_test

import (
	"maps"
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
	for _, text := range []string{"", "a=1", "a=1 b=0 c=99"} {
		if got := position(t, text).String(); got != text {
			t.Errorf("%q reads %q", text, got)
		}
	}
	if got := position(t, "b=2 a=1").String(); got != "a=1 b=2" {
		t.Errorf("not canonical: %q", got)
	}
	for _, text := range []string{"a", "a=", "=1", "a=x", "a=-1"} {
		if p, err := newsletter.ParsePosition(text); err == nil {
			t.Errorf("%q reads %v", text, p)
		}
	}
}

func TestPositionsAreValues(t *testing.T) {
	p, q := position(t, "a=5 b=1"), position(t, "b=3 c=2")
	before := maps.Clone(p)
	if got := p.Merge(q).String(); got != "a=5 b=3 c=2" {
		t.Errorf("merged %q", got)
	}
	if got := p.Advance(3, []string{"a", "b", "d"}).String(); got != "a=5 b=3 d=3" {
		t.Errorf("advanced %q", got)
	}
	if !maps.Equal(p, before) {
		t.Errorf("changed to %v", p)
	}
	if got := newsletter.Position(nil).Merge(q).String(); got != "b=3 c=2" {
		t.Errorf("nothing merged with q is %q", got)
	}
}
