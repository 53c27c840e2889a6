package newsletter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Position says how far a reader has read: for each category (by slug) the sequence
// number up to which they have received its insights. Everything above it is new to
// them. A Position is a value: methods return new ones.
type Position map[string]int64

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	p := Position{}
	for field := range strings.FieldsSeq(s) {
		category, number, ok := strings.Cut(field, "=")
		seq, err := strconv.ParseInt(number, 10, 64)
		if !ok || category == "" || err != nil || seq < 0 {
			return nil, fmt.Errorf("parse position %q: bad field %q", s, field)
		}
		p[category] = seq
	}
	return p, nil
}

// String is the canonical form: equal positions have equal strings.
func (p Position) String() string {
	var b strings.Builder
	for _, category := range slices.Sorted(maps.Keys(p)) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%d", category, p[category])
	}
	return b.String()
}

// Merge returns the maximum of both in every category: what either received.
func (p Position) Merge(other Position) Position {
	merged := maps.Clone(p)
	if merged == nil {
		merged = Position{}
	}
	for category, seq := range other {
		merged[category] = max(merged[category], seq)
	}
	return merged
}

// Advance returns p moved forward to seq in the given categories, never back.
func (p Position) Advance(seq int64, categories []string) Position {
	to := Position{}
	for _, category := range categories {
		to[category] = seq
	}
	return p.Merge(to)
}
