package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scaledbydesign/insights/feeds/readership"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

const (
	// figuresFor is how long figures of the database are shown before it is asked
	// again, however many scrape.
	figuresFor = 5 * time.Second
	// figuresWithin bounds how long a scrape waits for the database.
	figuresWithin = 3 * time.Second
)

// gauges are the metrics that say how things stand, looked up when they are
// scraped.
type gauges struct {
	d *daemon

	mu    sync.Mutex
	at    time.Time
	known figures
	err   error
}

// figures are what the database knows; each is one query.
type figures struct {
	outbox      map[newsletter.DeliveryState]int
	due         time.Time
	subscribers map[subscribers.Status]int
	bounces     map[string]int
	readers     map[string]readership.Estimate
	held        bool
	troubled    int
	paused      int
	overdueAt   map[string]time.Time // of each schedule with an overdue slot
}

var (
	describe = prometheus.NewDesc

	insightsDesc    = describe("insights_library_insights", "Insights that are visible now.", nil, nil)
	reloadDesc      = describe("insights_library_last_reload_successful", "1 if the insights could be read when they were last read, else 0: then older ones are served.", nil, nil)
	reloadedDesc    = describe("insights_library_last_reload_success_timestamp_seconds", "When the insights were last read without a fault.", nil, nil)
	slotDesc        = describe("insights_next_slot_timestamp_seconds", "When a schedule makes its next digest.", []string{"schedule"}, nil)
	databaseDesc    = describe("insights_database_up", "1 if the database answered; if it is 0, the figures from it are missing.", nil, nil)
	outboxDesc      = describe("insights_outbox_deliveries", "Mails by state: of digests that have not ended, and all single mails.", []string{"state"}, nil)
	dueDesc         = describe("insights_outbox_oldest_due_age_seconds", "How long the mail that is most overdue has waited; 0 = none is due.", nil, nil)
	heldDesc        = describe("insights_sending_held", "1 while sending is held until staff release it.", nil, nil)
	troubledDesc    = describe("insights_sending_troubled_workers", "Workers that can't reach the mail server just now.", nil, nil)
	lateSlotDesc    = describe("insights_slots_overdue", "1 for a schedule whose last slot is due and on no record.", []string{"schedule"}, nil)
	pausedDesc      = describe("insights_digests_paused", "Digests that are paused: nothing is sent of them until staff resume them.", nil, nil)
	bouncesDesc     = describe("insights_bounces_30d", "Bounces and complaints of the last 30 days, by class.", []string{"class"}, nil)
	subscribersDesc = describe("insights_subscribers", "Subscribers by status.", []string{"status"}, nil)
	readersDesc     = describe("insights_feed_readers", "Estimate of how many follow a feed document: announced by aggregators, and other clients.", []string{"document", "kind"}, nil)
)

func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{insightsDesc, reloadDesc, reloadedDesc, slotDesc, databaseDesc, outboxDesc, dueDesc, heldDesc, troubledDesc, pausedDesc, lateSlotDesc, subscribersDesc, bouncesDesc, readersDesc} {
		ch <- d
	}
}

func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	set := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	now := time.Now()
	is := func(desc *prometheus.Desc, yes bool) {
		value := 0.0
		if yes {
			value = 1
		}
		set(desc, value)
	}
	set(insightsDesc, float64(len(g.d.live.Current().Insights())))
	is(reloadDesc, g.d.live.Err() == nil)
	set(reloadedDesc, float64(g.d.reloaded.Load()))
	for _, s := range g.d.config.schedules() {
		if slot, ok := s.Next(now); ok {
			set(slotDesc, float64(slot.Due.Unix()), s.Name)
		}
	}
	f, err := g.figures()
	is(databaseDesc, err == nil)
	if err != nil {
		return
	}
	for _, state := range newsletter.DeliveryStates {
		set(outboxDesc, float64(f.outbox[state]), string(state))
	}
	set(dueDesc, f.overdue(now).Seconds())
	is(heldDesc, f.held)
	set(troubledDesc, float64(f.troubled))
	set(pausedDesc, float64(f.paused))
	for _, s := range g.d.config.schedules() {
		overdue := 0.0
		if _, ok := f.overdueAt[s.Name]; ok {
			overdue = 1
		}
		set(lateSlotDesc, overdue, s.Name)
	}
	for _, status := range subscribers.Statuses {
		set(subscribersDesc, float64(f.subscribers[status]), string(status))
	}
	for class, n := range f.bounces {
		set(bouncesDesc, float64(n), class)
	}
	for document, r := range f.readers {
		set(readersDesc, float64(r.Announced), document, "announced")
		set(readersDesc, float64(r.Others), document, "others")
	}
}

// figures asks the database, or returns what it has said a moment ago.
func (g *gauges) figures() (figures, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.at) < figuresFor { // also for who waited while another asked
		return g.known, g.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), figuresWithin)
	defer cancel()
	g.known, g.err = g.ask(ctx)
	g.at = time.Now()
	if g.err != nil {
		g.d.log.Warn("metrics lack the figures of the database", "error", g.err)
	}
	return g.known, g.err
}

// overdue is how long the mail that is most overdue has waited.
func (f figures) overdue(now time.Time) time.Duration {
	if f.due.IsZero() {
		return 0
	}
	return max(0, now.Sub(f.due))
}

func (g *gauges) ask(ctx context.Context) (f figures, err error) {
	if f.outbox, err = g.d.db.Outbox(ctx); err != nil {
		return f, err
	}
	if f.due, err = g.d.db.OldestDue(ctx); err != nil {
		return f, err
	}
	if f.subscribers, err = g.d.db.Readers(ctx); err != nil {
		return f, err
	}
	if f.bounces, err = g.d.db.BouncedSince(ctx, time.Now().Add(-bouncesOf)); err != nil {
		return f, err
	}
	reason, _, err := g.d.db.Held(ctx)
	if err != nil {
		return f, err
	}
	troubles, err := g.d.db.Troubles(ctx)
	if err != nil {
		return f, err
	}
	slots, err := g.d.overdue(ctx, time.Now())
	if err != nil {
		return f, err
	}
	if f.paused, err = g.d.db.Paused(ctx); err != nil {
		return f, err
	}
	f.held, f.troubled, f.overdueAt = reason != "", len(troubles), make(map[string]time.Time)
	for _, slot := range slots {
		f.overdueAt[slot.Schedule] = *slot.Due
	}
	f.readers, err = estimateReaders(ctx, g.d.db)
	return f, err
}
