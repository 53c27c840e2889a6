package content

// State is why an insight is, or is not, to be seen.
type State string

const (
	Visible   State = "visible"
	Draft     State = "draft"
	Scheduled State = "scheduled" // dated in the future
)

// State is that of one of the library's insights, at the library's time.
func (l *Library) State(in *Insight) State {
	switch {
	case in.Draft:
		return Draft
	case in.Date.After(l.AsOf()):
		return Scheduled
	}
	return Visible
}
