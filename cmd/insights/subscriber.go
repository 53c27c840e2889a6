package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberCommand(p *program) *cobra.Command {
	return noun("subscriber", "The readers who get mail", subscriberListCommand(p), subscriberShowCommand(p), subscriberAddCommand(p),
		subscriberSetCommand(p), subscriberUnsubscribeCommand(p), subscriberResendCommand(p), subscriberHistoryCommand(p), subscriberForgetCommand(p),
		subscriberImportCommand(p), subscriberExportCommand(p))
}

// subscriberJSON is a subscriber as programs see it.
type subscriberJSON struct {
	Email        string           `json:"email"`
	Name         string           `json:"name"`
	Status       string           `json:"status"`
	Reason       string           `json:"reason,omitempty"`
	Cadence      string           `json:"cadence"`
	Categories   []string         `json:"categories"`
	PausedUntil  *time.Time       `json:"paused_until"`
	CreatedAt    *time.Time       `json:"created_at"`
	ConfirmedAt  *time.Time       `json:"confirmed_at"`
	Unsubscribed *time.Time       `json:"unsubscribed_at"`
	Source       string           `json:"source"`
	Position     map[string]int64 `json:"received_up_to,omitempty"`
	History      []eventJSON      `json:"history,omitempty"`
}

type eventJSON struct {
	At     *time.Time `json:"at"`
	What   string     `json:"what"`
	Source string     `json:"source"`
	Detail string     `json:"detail,omitempty"`
}

func subscriberDocument(s subscribers.Subscriber) subscriberJSON {
	return subscriberJSON{
		Email: s.Address.String(), Name: s.Name, Status: string(s.Status), Reason: s.Reason, Cadence: string(s.Cadence), Categories: s.Categories,
		PausedUntil: console.Stamp(s.PausedUntil), CreatedAt: console.Stamp(s.CreatedAt), ConfirmedAt: console.Stamp(s.ConfirmedAt), Unsubscribed: console.Stamp(s.UnsubscribedAt), Source: s.Source,
	}
}
