package subscribers

// Notice is a single email that a change asks for.
type Notice string

const (
	NoNotice      Notice = ""
	ConfirmNotice Notice = "confirm" // "please confirm"
	AlreadyNotice Notice = "already" // "you are subscribed already"
	MovedNotice   Notice = "moved"   // "your digests go elsewhere now"
)

// NoticeTo is where the notice of a change goes that a subscriber has been through.
func (c Change) NoticeTo(s Subscriber) Address {
	switch {
	case c.To != (Address{}):
		return c.To
	case c.Notice == ConfirmNotice:
		return s.Mailbox()
	}
	return s.Address
}

// Replaces reports whether a notice takes the place of one to the same subscriber that
// waits. One of a kind is enough, since it is made from the subscriber when it is sent;
// but each address that was left is told.
func (n Notice) Replaces(waiting Notice, to, waitingTo Address) bool {
	return n == waiting && (n != MovedNotice || to == waitingTo)
}
