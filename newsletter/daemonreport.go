package newsletter

import (
	"context"
	"slices"
	"time"
)

// DaemonReport is what a running daemon says of itself, for status and for other daemons.
type DaemonReport struct {
	ID      string // random
	Host    string
	Version string // of the program
	Roles   []Role // that it has; none = all
	Started time.Time
	At      time.Time // of the report
	Notes   []string  // what somebody should attend to
	Library LibraryReport
}

// Role is a part of what a site needs. A daemon may have any of them.
type Role string

const (
	RoleWeb      Role = "web"      // pages, feeds and their pushes
	RoleSchedule Role = "schedule" // plans digests, and does what must be done once in a while
	RoleSend     Role = "send"     // emails, and what comes back
)

// Roles are all there are.
var Roles = [3]Role{RoleWeb, RoleSchedule, RoleSend}

// Has reports whether a daemon has a role.
func (r *DaemonReport) Has(role Role) bool {
	return len(r.Roles) == 0 || slices.Contains(r.Roles, role)
}

// Unfilled are the roles that none of some daemons has.
func Unfilled(reports []DaemonReport) (roles []Role) {
	for _, role := range Roles {
		if !slices.ContainsFunc(reports, func(r DaemonReport) bool { return r.Has(role) }) {
			roles = append(roles, role)
		}
	}
	return roles
}

// ReportEvery is how often a daemon reports; one that has been silent for ReportFor no
// longer counts.
const (
	ReportEvery = 3 * time.Second
	ReportFor   = 15 * time.Second
)

// Running returns the reports of daemons that have not been silent.
func Running(reports []DaemonReport, now time.Time) []DaemonReport {
	return slices.DeleteFunc(slices.Clone(reports), func(r DaemonReport) bool { return now.Sub(r.At) > ReportFor })
}

// ReportStore keeps the reports of daemons.
type ReportStore interface {
	// SaveReport replaces a daemon's report and, unless silent is zero, forgets those that
	// are older than that.
	SaveReport(ctx context.Context, r DaemonReport, silent time.Time) error
	// EndReport forgets a daemon that has stopped.
	EndReport(ctx context.Context, id string) error
	// Reports returns all that are kept, oldest daemon first. Some may have been silent for
	// long: see Running.
	Reports(ctx context.Context) ([]DaemonReport, error)
}
