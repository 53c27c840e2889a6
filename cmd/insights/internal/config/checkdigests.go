package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

func (c *Config) checkDigests(fault func(key, format string, args ...any)) {
	if c.Digests.StartWith < 0 {
		fault("digests.start_with", "%d: must be 0 or more", c.Digests.StartWith)
	}
	switch c.Digests.OnUncertain {
	case "resend", "hold", "skip":
	default:
		fault("digests.on_uncertain", "%q: must be resend, hold or skip", c.Digests.OnUncertain)
	}
	seen := make(map[string]bool)
	for i, s := range c.Digests.Schedules {
		key := fmt.Sprintf("digests.schedules[%d]", i)
		if s.Name == "" || seen[s.Name] {
			fault(key, "each schedule needs a unique name")
		}
		seen[s.Name] = true
		if _, err := subscribers.ParseCadence(s.Cadence); err != nil {
			fault(key, "%v", err)
		}
		if s.Missed != "" && s.Missed != "send" && s.Missed != "skip" {
			fault(key, "missed %q: must be send or skip", s.Missed)
		}
		if s.Approve != "" && s.Approve != "auto" && s.Approve != "manual" {
			fault(key, "approve %q: must be auto or manual", s.Approve)
		}
		if _, err := time.LoadLocation(s.TimeZone); err != nil {
			fault(key, "%q is not a time zone", s.TimeZone)
		}
		if s.MinInsights < 0 || s.MaxInsights < 0 || s.LateAfter < 0 {
			fault(key, "min_insights, max_insights and late_after must be 0 or more")
		}
		if strings.HasPrefix(s.Cron, "TZ=") || strings.HasPrefix(s.Cron, "CRON_TZ=") {
			fault(key, "cron %q: set the zone in time_zone instead", s.Cron)
		}
		schedule := s.schedule(time.UTC)
		if err := schedule.Check(); err != nil {
			fault(key, "%v", err)
		}
	}
}
