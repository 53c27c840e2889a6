package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

// daemonJSON is a running daemon.
type daemonJSON struct {
	Host    string            `json:"host"`
	Version string            `json:"version"`
	Roles   []newsletter.Role `json:"roles"`
	Started *time.Time        `json:"started"`
	Heard   *time.Time        `json:"heard"`   // when it reported last
	Library string            `json:"library"` // of what it serves
}

// loadDaemons returns the daemons that run, oldest first.
func loadDaemons(ctx context.Context, a *app.App, now time.Time) ([]daemonJSON, error) {
	reports, err := a.Reports.Reports(ctx)
	if err != nil {
		return nil, err
	}
	daemons := []daemonJSON{}
	for _, r := range newsletter.Running(reports, now) {
		d := daemonJSON{r.Host, r.Version, r.Roles, console.Stamp(r.Started), console.Stamp(r.At), r.Library.Version}
		if len(r.Roles) == 0 {
			d.Roles = newsletter.Roles[:]
		}
		daemons = append(daemons, d)
	}
	return daemons, nil
}

// showDaemons lists several daemons, or one that does not do everything.
func showDaemons(out *console.Console, daemons []daemonJSON, zone *time.Location) {
	if len(daemons) == 1 && len(daemons[0].Roles) == len(newsletter.Roles) {
		return
	}
	for i, d := range daemons {
		label := ""
		if i == 0 {
			label = "daemons"
		}
		roles := make([]string, len(d.Roles))
		for i, role := range d.Roles {
			roles[i] = string(role)
		}
		out.Item(label, fmt.Sprintf("%s: %s; version %s, library %s, since %s", d.Host, strings.Join(roles, ", "), d.Version, d.Library, console.Moment(*d.Started, zone)))
	}
}
