package newsletter

// Success says how far a digest, or any number of emails, reached its readers.
type Success int

const (
	AllReached  Success = iota // nothing failed and nothing waits
	SomeReached                // some emails failed, wait, or may or may not have arrived
	NoneReached                // every email failed
)

// Succeeded judges the emails of a digest by their states. Skipped ones were not wanted.
func Succeeded(counts map[DeliveryState]int) Success {
	open := 0
	for state, n := range counts {
		if !state.Terminal() || state == Uncertain {
			open += n
		}
	}
	switch {
	case counts[Failed] == 0 && open == 0:
		return AllReached
	case counts[Sent] == 0 && open == 0:
		return NoneReached
	}
	return SomeReached
}

// OnlyWaiting reports whether all emails of a digest that are not ended wait for another
// try, or for a person: behind are the pending ones that wait for an earlier email to the
// same reader, and stuck says that nothing can be sent for now.
func OnlyWaiting(counts map[DeliveryState]int, behind int, stuck bool) bool {
	waiting := 0
	for state, n := range counts {
		switch {
		case n == 0 || state.Terminal():
		case state == Deferred, state == Pending && (stuck || n <= behind):
			waiting += n
		default:
			return false
		}
	}
	return waiting > 0
}
