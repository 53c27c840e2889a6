package websub

import "context"

// HubStatus is how a hub's subscriptions stand.
type HubStatus struct {
	Subscriptions int `json:"subscriptions"`
	Requests      int `json:"requests"` // not verified yet
	Behind        int `json:"behind"`   // subscriptions that lack the current content of their topic
}

// StatusStore is what staff see of a hub.
type StatusStore interface {
	Status(ctx context.Context) (HubStatus, error)
	// PushNow makes every subscription due that lacks the current content of its topic,
	// also those given up, and returns how many there are.
	PushNow(ctx context.Context) (int, error)
}
