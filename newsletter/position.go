package newsletter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Position says what a reader has received: for each category (by slug) all insights up
// to a sequence number, except for some. Everything else is new to them. A Position is a
// value: methods return new ones.
type Position map[string]Reach

// Reach is what a reader has received of one category: every insight up to a sequence
// number, except for the holes. A hole is an insight that a digest could not carry when
// it was planned, or whose email came back; it is as unread as one above To.
type Reach struct {
	To    int64
	Holes []int64 // ascending, none above To
}

// Has reports whether the insight with this number was received.
func (r Reach) Has(seq int64) bool {
	if seq > r.To {
		return false
	}
	_, hole := slices.BinarySearch(r.Holes, seq)
	return !hole
}

// Has reports whether an insight of a category was received.
func (p Position) Has(category string, seq int64) bool { return p[category].Has(seq) }

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	p := Position{}
	for field := range strings.FieldsSeq(s) {
		category, value, ok := strings.Cut(field, "=")
		reach, err := parseReach(value)
		if !ok || category == "" || err != nil {
			return nil, fmt.Errorf("parse position %q: bad field %q", s, field)
		}
		p[category] = reach
	}
	return p, nil
}

// parseReach reads "8", or "8!3,6" for all up to 8 but 3 and 6.
func parseReach(s string) (r Reach, err error) {
	to, holes, some := strings.Cut(s, "!")
	if r.To, err = strconv.ParseInt(to, 10, 64); err != nil || r.To < 0 {
		return r, fmt.Errorf("bad number %q", to)
	}
	if !some {
		return r, nil
	}
	last := int64(0)
	for number := range strings.SplitSeq(holes, ",") {
		seq, err := strconv.ParseInt(number, 10, 64)
		if err != nil || seq <= last || seq > r.To {
			return r, fmt.Errorf("bad hole %q", number)
		}
		r.Holes = append(r.Holes, seq)
		last = seq
	}
	return r, nil
}

// String is the canonical form: equal positions have equal strings.
func (p Position) String() string {
	var b strings.Builder
	for _, category := range slices.Sorted(maps.Keys(p)) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		r := p[category]
		fmt.Fprintf(&b, "%s=%d", category, r.To)
		for i, seq := range r.Holes {
			if i == 0 {
				b.WriteByte('!')
			} else {
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatInt(seq, 10))
		}
	}
	return b.String()
}

// Merge returns what either position received.
func (p Position) Merge(other Position) Position {
	merged := p.clone()
	for category, reach := range other {
		merged[category] = merged[category].or(reach)
	}
	return merged
}

// Advance returns p with everything of the given categories received up to seq.
func (p Position) Advance(seq int64, categories []string) Position {
	to := Position{}
	for _, category := range categories {
		to[category] = Reach{To: seq}
	}
	return p.Merge(to)
}

// Reached returns p after a digest that considered a category's insights up to cutoff.
// passed are all the category's numbers, ascending; the digest carries those for which
// carried is true, and the others stay unread.
func (p Position) Reached(category string, cutoff int64, passed []int64, carried map[int64]bool) Position {
	was := p[category]
	now := Reach{To: max(was.To, cutoff)}
	for _, seq := range was.Holes {
		if !carried[seq] {
			now.Holes = append(now.Holes, seq)
		}
	}
	first, _ := slices.BinarySearch(passed, was.To+1)
	for _, seq := range passed[first:] {
		if seq > cutoff {
			break
		}
		if !carried[seq] {
			now.Holes = append(now.Holes, seq)
		}
	}
	reached := p.clone()
	reached[category] = now
	return reached
}

// Lose returns p without insights of a category that were received, or seemed to be.
func (p Position) Lose(category string, seqs ...int64) Position {
	was := p[category]
	now := Reach{To: was.To, Holes: slices.Clone(was.Holes)}
	for _, seq := range seqs {
		if at, hole := slices.BinarySearch(now.Holes, seq); !hole && seq > 0 && seq <= was.To {
			now.Holes = slices.Insert(now.Holes, at, seq)
		}
	}
	lost := p.clone()
	if now.To > 0 {
		lost[category] = now
	}
	return lost
}

// Apply returns p with the change from base to target: what target received beyond base
// is received. What happened to p otherwise stands, such as emails that came back. A
// category in which p has not come as far as base is not moved forward.
func (p Position) Apply(base, target Position) Position {
	applied := p.clone()
	for category, to := range target {
		from, is := base[category], p[category]
		now := Reach{To: is.To}
		if is.To >= from.To {
			now.To = max(is.To, to.To)
		}
		received := func(seq int64) bool {
			return is.Has(seq) || to.Has(seq) && !from.Has(seq)
		}
		for _, seq := range union(is.Holes, to.Holes) {
			if seq <= now.To && !received(seq) {
				now.Holes = append(now.Holes, seq)
			}
		}
		applied[category] = now
	}
	return applied
}

// Receive returns p with insights of a category received that were holes.
func (p Position) Receive(category string, seqs ...int64) Position {
	was := p[category]
	now := Reach{To: was.To}
	for _, seq := range was.Holes {
		if !slices.Contains(seqs, seq) {
			now.Holes = append(now.Holes, seq)
		}
	}
	received := p.clone()
	received[category] = now
	return received
}

func (p Position) clone() Position {
	if p == nil {
		return Position{}
	}
	return maps.Clone(p)
}

// or is what either received.
func (r Reach) or(other Reach) Reach {
	either := Reach{To: max(r.To, other.To)}
	for _, seq := range union(r.Holes, other.Holes) {
		if !r.Has(seq) && !other.Has(seq) {
			either.Holes = append(either.Holes, seq)
		}
	}
	return either
}

// union returns the numbers of two ascending lists, ascending, each once.
func union(a, b []int64) []int64 {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
