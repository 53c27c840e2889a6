package newsletter_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/newsletter"
)

func TestSubjectFor(t *testing.T) {
	items := func(titles ...string) (items []newsletter.Item) {
		for _, title := range titles {
			items = append(items, newsletter.Item{Title: title})
		}
		return items
	}
	long := strings.Repeat("A title of some words, ", 10)
	tests := []struct {
		items []newsletter.Item
		staff string
		want  string
	}{
		{nil, "", ""},
		{items("One"), "", "One"},
		{items("One", "Two"), "", "One and 1 more"},
		{items("One", "Two", "Three"), "", "One and 2 more"},
		{items("One", "Two"), "Staff say", "Staff say"},
		{items(long, "Two"), "", "A title of some words, A title of some words, A title of some words, A title… and 1 more"},
		{items(strings.Repeat("ü", 200)), "", strings.Repeat("ü", 89) + "…"},
	}
	for _, test := range tests {
		got := newsletter.SubjectFor(test.items, test.staff)
		if got != test.want || utf8.RuneCountInString(got) > 90 {
			t.Errorf("%d characters: %q, want %q", utf8.RuneCountInString(got), got, test.want)
		}
	}
}

func TestTerminalStates(t *testing.T) {
	terminal := map[newsletter.DeliveryState]bool{newsletter.Sent: true, newsletter.Failed: true, newsletter.Skipped: true, newsletter.Uncertain: true}
	for _, s := range newsletter.DeliveryStates {
		if s.Terminal() != terminal[s] {
			t.Errorf("%s: terminal is %v", s, s.Terminal())
		}
	}
}
