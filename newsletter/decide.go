package newsletter

import "slices"

// Recheck decides, in the moment before a mail is sent, which of the planned
// insights the reader still lacks and still wants: those above their position in
// the categories they have now. base and target are where the plan took the
// reader to be and where it wanted to take them.
//
// carried is how far the insights that are left take the reader, in their own
// categories alone: in any other, target may stand for what another mail was to
// bring. arrived is false if mails planned before this one have not brought what
// base counts on, so that sending this one would skip it.
func Recheck(items []Item, base, target, current Position, categories []string) (left []Item, carried Position, arrived bool) {
	carried, arrived = Position{}, true
	for _, item := range items {
		c := item.Category
		if current[c] >= item.Seq || !slices.Contains(categories, c) {
			continue
		}
		left = append(left, item)
		carried[c] = target[c]
		if current[c] < base[c] {
			arrived = false
		}
	}
	return left, carried, arrived
}
