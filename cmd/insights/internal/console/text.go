package console

import (
	"fmt"
	"strings"
	"time"
)

// Moment is a time as people read it, with its zone.
func Moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(zone).Format("2006-01-02 15:04 MST")
}

// Duration is a span as people read it: "5 minutes", "1 hour 30 minutes".
func Duration(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / unit.size); n > 0 {
			parts = append(parts, Count(n, unit.name))
			d %= unit.size
		}
	}
	if len(parts) == 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
}

// Stamp is a time for programs: RFC 3339, or null.
func Stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Count is a number with its noun: "1 reader", "1,842 readers".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + noun + "s"
}

// Thousands is a number with its digits in groups: "1,234,567".
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Dash replaces an empty cell.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
