package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

// signUpsJSON counts sign-ups that wait for their turn, and those that were refused in 24
// hours, by the limit that refused them.
type signUpsJSON struct {
	Waiting int            `json:"waiting"`
	Since   *time.Time     `json:"since"`
	Domains int            `json:"domains"`
	Refused map[string]int `json:"refused"`
}

func loadSignUps(ctx context.Context, a *app.App, now time.Time) (signUpsJSON, error) {
	q, err := a.Subscribers.Queue(ctx, now.Add(-subscribers.QueueWithin))
	return signUpsJSON{q.Waiting, console.Stamp(q.Since), q.Domains, byName(q.Refused)}, err
}

// show says what waits, and what was refused.
func (s signUpsJSON) show(out *console.Console, zone *time.Location) {
	if s.Waiting > 0 {
		out.Item("WAITING", fmt.Sprintf("%s at %s, the first since %s: more than the limits let through", console.Count(s.Waiting, "sign-up"), console.Count(s.Domains, "domain"), console.Moment(*s.Since, zone)))
		out.Item("", "they are confirmed in turn; see: insights help readers")
	}
	var parts []string
	for limit, n := range s.Refused {
		parts = append(parts, fmt.Sprintf("%s by %s", console.Thousands(n), limit))
	}
	if slices.Sort(parts); len(parts) > 0 {
		out.Item("refused", "sign-ups in 24 hours: "+strings.Join(parts, ", "))
	}
}
