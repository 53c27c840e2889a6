package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scaledbydesign/insights/feeds/readership"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Source is what metrics are read from when they are scraped.
type Source interface {
	Insights() Insights
	Schedules() []newsletter.Schedule
	// Figures asks the database.
	Figures(ctx context.Context) (Figures, error)
}

// Insights are what is known of the folder.
type Insights struct {
	Visible int
	Faulty  int       // files
	Read    time.Time // when it was last read without a fault; zero = never
	Valid   bool      // that was the last time it was read
}

// Figures are what the database knows; each is one query.
type Figures struct {
	Outbox      map[newsletter.DeliveryState]int
	Due         time.Time // when the most overdue email was due; zero = none
	Subscribers map[subscribers.Status]int
	Bounces     map[string]int // by class
	Refusals    newsletter.RefusalSums
	Marks       map[newsletter.Mark]int
	SignUps     subscribers.Queue
	Readers     map[string]readership.Estimate
	Held        bool
	Troubled    int             // workers
	Paused      int             // digests
	Overdue     map[string]bool // schedules with an overdue slot
}

const (
	// figuresFor is how long figures of the database are cached.
	figuresFor = 5 * time.Second
	// figuresWithin bounds how long a scrape waits for the database.
	figuresWithin = 3 * time.Second
)

// collector reads the source when it is scraped.
type collector struct {
	source Source
	log    *slog.Logger

	mu    sync.Mutex
	at    time.Time
	known Figures
	err   error
}

var (
	describe = prometheus.NewDesc

	insightsDesc    = describe("insights_library_insights", "Insights that are visible now.", nil, nil)
	faultyDesc      = describe("insights_library_faulty_files", "Files with faults, which are left out or stay as they were when they were valid.", nil, nil)
	reloadDesc      = describe("insights_library_last_reload_successful", "1 if all insights were valid when they were last read.", nil, nil)
	reloadedDesc    = describe("insights_library_last_reload_success_timestamp_seconds", "When valid insights were last read.", nil, nil)
	slotDesc        = describe("insights_next_slot_timestamp_seconds", "When a schedule is next due.", []string{"schedule"}, nil)
	databaseDesc    = describe("insights_database_up", "1 if the database answered; if 0, the metrics from it are missing.", nil, nil)
	outboxDesc      = describe("insights_outbox_deliveries", "Emails by state: of unfinished digests, and all single emails.", []string{"state"}, nil)
	dueDesc         = describe("insights_outbox_oldest_due_age_seconds", "How long the most overdue email has waited; 0 if none is due.", nil, nil)
	heldDesc        = describe("insights_sending_held", "1 while all sending is on hold.", nil, nil)
	troubledDesc    = describe("insights_sending_troubled_workers", "Workers that currently can't reach the mail server.", nil, nil)
	lateSlotDesc    = describe("insights_slots_overdue", "1 for a schedule whose last slot is due but not planned.", []string{"schedule"}, nil)
	pausedDesc      = describe("insights_digests_paused", "Digests that are paused until staff resume them.", nil, nil)
	refusalsDesc    = describe("insights_refusals", "Hard refusals that are to be judged, and those of the last 7 days that are in doubt.", []string{"state"}, nil)
	bouncesDesc     = describe("insights_bounces_30d", "Bounces and complaints of the last 30 days, by class.", []string{"class"}, nil)
	marksDesc       = describe("insights_emails_marked_30d", "Accepted emails of digests that came back or drew a complaint in the last 30 days.", []string{"mark"}, nil)
	subscribersDesc = describe("insights_subscribers", "Subscribers by status.", []string{"status"}, nil)
	waitingDesc     = describe("insights_sign_ups_waiting", "Sign-ups that wait until the shared limits let them through.", nil, nil)
	waitingAgeDesc  = describe("insights_sign_ups_oldest_waiting_age_seconds", "How long the oldest of them has waited; 0 if none waits.", nil, nil)
	refusedDesc     = describe("insights_sign_ups_refused_24h", "Sign-ups of the last 24 hours that were refused, by the limit.", []string{"limit"}, nil)
	readersDesc     = describe("insights_feed_readers", "Estimated readers of a feed document: those that aggregators report, and other clients.", []string{"document", "kind"}, nil)
)

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{insightsDesc, faultyDesc, reloadDesc, reloadedDesc, slotDesc, databaseDesc, outboxDesc, dueDesc, heldDesc, troubledDesc, pausedDesc, lateSlotDesc, subscribersDesc, bouncesDesc, refusalsDesc, marksDesc, waitingDesc, waitingAgeDesc, refusedDesc, readersDesc} {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	set := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	now := time.Now()
	is := func(desc *prometheus.Desc, yes bool, labels ...string) {
		value := 0.0
		if yes {
			value = 1
		}
		set(desc, value, labels...)
	}
	insights := c.source.Insights()
	set(insightsDesc, float64(insights.Visible))
	set(faultyDesc, float64(insights.Faulty))
	is(reloadDesc, insights.Valid)
	set(reloadedDesc, float64(insights.Read.Unix()))
	for _, s := range c.source.Schedules() {
		if slot, ok := s.Next(now); ok {
			set(slotDesc, float64(slot.Due.Unix()), s.Name)
		}
	}
	f, err := c.figures()
	is(databaseDesc, err == nil)
	if err != nil {
		return
	}
	for _, state := range newsletter.DeliveryStates {
		set(outboxDesc, float64(f.Outbox[state]), string(state))
	}
	set(dueDesc, f.overdue(now).Seconds())
	is(heldDesc, f.Held)
	set(troubledDesc, float64(f.Troubled))
	set(pausedDesc, float64(f.Paused))
	for _, s := range c.source.Schedules() {
		is(lateSlotDesc, f.Overdue[s.Name], s.Name)
	}
	for _, status := range subscribers.Statuses {
		set(subscribersDesc, float64(f.Subscribers[status]), string(status))
	}
	set(refusalsDesc, float64(f.Refusals.Waiting), "waiting")
	set(refusalsDesc, float64(f.Refusals.InDoubt), "in_doubt")
	for class, n := range f.Bounces {
		set(bouncesDesc, float64(n), class)
	}
	for mark, n := range f.Marks {
		set(marksDesc, float64(n), string(mark))
	}
	set(waitingDesc, float64(f.SignUps.Waiting))
	set(waitingAgeDesc, age(f.SignUps.Since, now).Seconds())
	for limit, n := range f.SignUps.Refused {
		set(refusedDesc, float64(n), string(limit))
	}
	for document, r := range f.Readers {
		set(readersDesc, float64(r.Announced), document, "announced")
		set(readersDesc, float64(r.Others), document, "others")
	}
}

// figures asks the database, or returns the cached figures.
func (c *collector) figures() (Figures, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < figuresFor { // also for those who waited for the lock
		return c.known, c.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), figuresWithin)
	defer cancel()
	c.known, c.err = c.source.Figures(ctx)
	c.at = time.Now()
	if c.err != nil {
		c.log.Warn("cannot collect database metrics", "error", c.err)
	}
	return c.known, c.err
}

// overdue is how long the most overdue email has waited.
func (f Figures) overdue(now time.Time) time.Duration { return age(f.Due, now) }

// age is how long ago a time was; 0 if it is zero, or to come.
func age(t, now time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t))
}
