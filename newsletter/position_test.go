package newsletter_test

import (
	"maps"
	"strings"
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
	if !p.Merge(q).Covers(p) || !p.Merge(q).Covers(q) || p.Covers(q) || !p.Covers(nil) {
		t.Error("Covers is wrong")
	}
	if got := newsletter.Position(nil).Merge(q).String(); got != "b=3 c=2" {
		t.Errorf("nothing merged with q is %q", got)
	}
}

func TestRecheck(t *testing.T) {
	items := []newsletter.Item{{Seq: 9, Category: "a"}, {Seq: 8, Category: "b"}, {Seq: 5, Category: "a"}}
	tests := []struct{ name, base, target, current, categories, left, carried, arrived string }{
		{"nothing changed", "a=4 b=4", "a=9 b=9", "a=4 b=4", "a b", "9 8 5", "a=9 b=9", "true"},
		{"some received meanwhile", "a=4 b=4", "a=9 b=9", "a=5 b=4", "a b", "9 8", "a=9 b=9", "true"},
		{"all received meanwhile", "a=4 b=4", "a=9 b=9", "a=9 b=8", "a b", "", "", "true"},
		{"a category given up", "a=4 b=4", "a=9 b=9", "a=4 b=4", "b", "8", "b=9", "true"},
		{"another category chosen", "a=4 b=4", "a=9 b=9", "a=4 b=4 c=9", "a b c", "9 8 5", "a=9 b=9", "true"},
		{"an earlier mail has not arrived", "a=4 b=4", "a=9 b=9", "a=3 b=4", "a b", "9 8 5", "a=9 b=9", "false"},
		{"an earlier mail of another category has not arrived", "a=4 b=4 c=7", "a=9 b=9 c=9", "a=4 b=4 c=1", "a b c", "9 8 5", "a=9 b=9", "true"},
		{"an earlier mail of a category given up has not arrived", "a=4 b=4", "a=9 b=9", "a=3 b=4", "b", "8", "b=9", "true"},
	}
	for _, test := range tests {
		left, carried, arrived := newsletter.Recheck(items, position(t, test.base), position(t, test.target), position(t, test.current), strings.Fields(test.categories))
		var seqs []string
		for _, item := range left {
			seqs = append(seqs, string(rune('0'+item.Seq)))
		}
		if got := strings.Join(seqs, " "); got != test.left || carried.String() != test.carried || (test.arrived == "true") != arrived {
			t.Errorf("%s: left %q, carried %q, arrived %v", test.name, got, carried, arrived)
		}
	}
}
