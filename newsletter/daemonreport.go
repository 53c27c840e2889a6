package newsletter

import (
	"context"
	"time"
)

// DaemonReport is what a running daemon says of itself, for status.
type DaemonReport struct {
	ID      string // random
	Started time.Time
	At      time.Time // of the report
	Notes   []string  // what somebody should attend to
}

// ReportEvery is how often a daemon reports; one that has been silent for ReportFor no
// longer counts.
const (
	ReportEvery = 10 * time.Second
	ReportFor   = 45 * time.Second
)

// ReportStore keeps the reports of running daemons.
type ReportStore interface {
	// SaveReport replaces a daemon's report and forgets those of daemons that have been
	// silent.
	SaveReport(ctx context.Context, r DaemonReport) error
	// EndReport forgets a daemon that has stopped.
	EndReport(ctx context.Context, id string) error
	// Reports returns those of running daemons, oldest first.
	Reports(ctx context.Context) ([]DaemonReport, error)
}
