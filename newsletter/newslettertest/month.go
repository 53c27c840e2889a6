package newslettertest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// months plays a month of ordinary and bad days over a store: a daemon that plans by
// schedules, sends and judges, and that is restarted, killed or away; insights that come,
// go and are faulty; a relay that is down or refuses our account; providers that refuse
// everybody for hours or days, at once or later; addresses that are dead. At the end every
// reader has every insight they are entitled to, once, nobody alive is suppressed, and
// what staff are told agrees with the mailboxes.
func months(t *testing.T, seasons int, open func(t *testing.T) Store) {
	if n, err := strconv.Atoi(os.Getenv("INSIGHTS_TEST_MONTHS")); err == nil {
		seasons = n
	}
	for seed := range seasons {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &month{season: newSeason(t, open(t), newsletter.Resend, uint64(seed))}
				m.run()
			})
		})
	}
}

// month is a season of thirty days.
type month struct {
	*season
	schedules []newsletter.Schedule
	trouble   []trouble
	returning []returning
}

// trouble is something that is wrong for a while.
type trouble struct {
	what     string // down, account, provider, gateway
	provider string
	later    bool // emails are accepted, and come back
	from     time.Time
	until    time.Time
}

// returning is an email that is on its way back.
type returning struct {
	messageID, to string
	at            time.Time
}

// Readers at two providers, who all get the same each day: a bad day of a provider is told
// from dead addresses by what happens to ten of them. The others are on their own.
const (
	providers  = 2
	ofProvider = 18
	others     = 10
	daysPlayed = 30
)

func provider(i int) string { return fmt.Sprintf("p%d.example", i) }

func (m *month) run() {
	m.withFeedback = true
	m.chance = rand.New(rand.NewPCG(m.rand.Uint64(), 8))
	m.server.answer, m.server.lost = m.answer, m.lost
	m.schedules = []newsletter.Schedule{
		{Name: "instant", Cadence: subscribers.Instant, Zone: time.UTC},
		{Name: "daily", Cadence: subscribers.Daily, Cron: "0 8 * * *", Zone: time.UTC},
		{Name: "weekly", Cadence: subscribers.Weekly, Cron: "1 8 * * 1", Zone: time.UTC},
		{Name: "monthly", Cadence: subscribers.Monthly, Cron: "2 8 15 * *", Zone: time.UTC},
	}
	m.publishSome()
	for p := range providers {
		for i := range ofProvider {
			m.signUpAs(fmt.Sprintf("s%d@%s", i, provider(p)), subscribers.Daily, map[string]bool{"architecture": true, "engineering": true, "leadership": true})
		}
	}
	for range others {
		m.signUpOther()
	}
	for i := range providers { // of an old list
		m.joinAs(subscribers.Daily, "architecture engineering leadership", fmt.Sprintf("dead@%s", provider(i)))
	}
	m.plantTrouble()
	start := time.Now()
	for day := range daysPlayed {
		midnight := start.AddDate(0, 0, day)
		m.goTo(midnight.Add(7*time.Hour + 59*time.Minute))
		m.happenings(1 + m.rand.IntN(3))
		m.serve(4 * time.Minute)
		m.goTo(midnight.Add(time.Duration(12+m.rand.IntN(10)) * time.Hour))
		m.happenings(1 + m.rand.IntN(3))
		m.serve(2 * time.Minute)
	}
	m.recover()
	m.verify()
	m.verifyLives()
}

func (m *month) goTo(at time.Time) {
	if wait := time.Until(at); wait > 0 {
		time.Sleep(wait)
	}
}

// plantTrouble spreads bad days over the month. Each provider has two at most: a third
// digest in a row that is refused by one is not told from dead addresses.
func (m *month) plantTrouble() {
	start := time.Now()
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	add := func(what, whose string, hours int) {
		from := m.rand.IntN(daysPlayed * 24)
		m.trouble = append(m.trouble, trouble{what, whose, m.rand.IntN(2) == 0, at(from), at(from + 1 + m.rand.IntN(hours))})
	}
	for range m.rand.IntN(3) {
		add("down", "", 60)
	}
	for range m.rand.IntN(2) {
		add("account", "", 40)
	}
	for p := range providers {
		if m.rand.IntN(2) == 0 {
			add("provider", provider(p), 72)
		}
	}
	if m.rand.IntN(2) == 0 {
		add("gateway", "", 30)
	}
}

// refuses reports whether every address of a domain is refused as dead. Of somebody alone
// at a domain, who may be the only one to get an email that day, nobody could tell.
func (t *trouble) refuses(domain string, now time.Time) bool {
	hits := t.what == "gateway" && strings.HasPrefix(domain, "p") || t.what == "provider" && t.provider == domain
	return hits && !now.Before(t.from) && now.Before(t.until)
}

func (m *month) troubled(what, at string) *trouble {
	now := time.Now()
	for i := range m.trouble {
		t := &m.trouble[i]
		if t.what == what && t.provider == at && !now.Before(t.from) && now.Before(t.until) {
			return t
		}
	}
	return nil
}

// signUpOther adds a reader who has a domain of their own.
func (m *month) signUpOther() {
	n := len(m.readers)
	m.signUpAs(fmt.Sprintf("r%d@d%d.example", n, n), subscribers.Cadences[m.rand.IntN(4)], m.someCategories())
}

// signUpAs adds a reader.
func (m *month) signUpAs(name string, cadence subscribers.Cadence, chosen map[string]bool) {
	e := &entitled{active: true, chosen: chosen, floor: make(map[string]int), cadence: cadence}
	m.registry.StartWith = m.rand.IntN(4)
	if strings.HasPrefix(name, "s") {
		m.registry.StartWith = 3
	}
	e.newest(m.insights, m.withdrawn(), m.registry.StartWith)
	if m.registry.StartWith == 0 {
		for c := range e.chosen {
			e.floor[c] = len(m.insights)
		}
	}
	m.joinAs(e.cadence, strings.Join(slices.Sorted(maps.Keys(e.chosen)), " "), name)
	m.readers[name] = e
}

// happenings are what authors, readers and staff do.
func (m *month) happenings(n int) {
	m.comeBack()
	events := []struct {
		weight int
		event  func()
	}{
		{5, m.publishSome}, {4, m.hideSome}, {4, m.showSome}, {2, m.renameSome}, {2, m.restart}, {3, m.change}, {2, m.pauseForDays}, {1, m.quit},
		{2, m.signUpOther}, {2, m.bounceSome}, {2, m.reschedule}, {1, m.cancelSome},
	}
	total := 0
	for _, e := range events {
		total += e.weight
	}
	for range n {
		roll := m.rand.IntN(total)
		for _, e := range events {
			if roll -= e.weight; roll < 0 {
				e.event()
				break
			}
		}
	}
	for _, id := range m.openDigests(newsletter.DigestPaused) { // staff look, sooner or later
		if m.rand.IntN(3) > 0 {
			_, _, err := m.store.Resume(m.Context(), id, m.rand.IntN(4) == 0)
			m.check(err)
		}
	}
}

// reschedule moves a schedule by some minutes, as staff do in the configuration.
func (m *month) reschedule() {
	s := &m.schedules[1+m.rand.IntN(3)]
	fields := strings.Fields(s.Cron)
	fields[0] = strconv.Itoa(m.rand.IntN(4))
	s.Cron = strings.Join(fields, " ")
}

func (m *month) pauseForDays() {
	if name := m.someReader(true); name != "" {
		until := time.Now().Add(time.Duration(m.rand.IntN(10)-2) * 24 * time.Hour)
		m.edit(name, func(sub *subscribers.Subscriber) { sub.PausedUntil = until })
	}
}

// serve runs a daemon for a while, if it is up.
func (m *month) serve(d time.Duration) {
	if m.rand.IntN(12) == 0 {
		return // the machine is away
	}
	m.server.setDown(nil)
	if m.troubled("down", "") != nil {
		m.server.setDown(errTooMany)
	}
	stopPlanning := m.schedule(0, m.schedules...)
	judging, stopJudging := context.WithCancel(m.Context())
	judged := make(chan error, 1)
	go func() { judged <- m.newJudge().Run(judging) }()
	m.startWorker()
	if m.rand.IntN(8) == 0 {
		part := time.Duration(m.rand.Int64N(int64(d)))
		time.Sleep(part)
		m.killWorker()
		time.Sleep(20 * time.Second)
		m.startWorker()
		d -= part
	}
	if d > 0 {
		time.Sleep(d)
	}
	stopJudging()
	m.check(<-judged)
	stopPlanning()
	m.stopWorker()
}

// answer is what the relay says.
func (m *month) answer(to string, n int) newsletter.Outcome {
	if strings.HasPrefix(to, "dead") {
		return never
	}
	_, domain, _ := strings.Cut(to, "@")
	m.mu.Lock()
	smooth := m.smooth
	m.mu.Unlock()
	if !smooth {
		if m.troubled("account", "") != nil {
			return newsletter.Outcome{Kind: newsletter.Permanent, Code: 550, Status: "5.7.1", Text: "Your account has been disabled. Please contact support"}
		}
		for i := range m.trouble {
			if t := &m.trouble[i]; t.refuses(domain, time.Now()) && !t.later {
				return never
			}
		}
	}
	if strings.HasPrefix(to, "s") {
		return accepted // one that is tried again hours later, on a bad day, is alone among well ones
	}
	if o := m.season.answer(to, n); o.Kind != newsletter.Permanent { // for good only by those who are dead
		return o
	}
	return later
}

// wayBack is how long an email takes to come back: mostly minutes, sometimes a day.
func (m *month) wayBack() time.Duration {
	if m.rand.IntN(20) == 0 {
		return time.Duration(m.rand.IntN(36)) * time.Hour
	}
	return time.Duration(m.rand.IntN(60)) * time.Minute
}

// comeBack makes emails come back that a provider refuses later.
func (m *month) comeBack() {
	known := make(map[string]bool)
	for _, r := range m.returning {
		known[r.messageID] = true
	}
	received := m.server.received()
	for _, e := range received {
		if known[e.MessageID] || m.returned[e.MessageID] {
			continue
		}
		_, domain, _ := strings.Cut(e.To, "@")
		for i := range m.trouble {
			if t := &m.trouble[i]; t.refuses(domain, e.at) && t.later && !t.alone(e, received) {
				m.returning = append(m.returning, returning{e.MessageID, e.To, e.at.Add(m.wayBack())})
				known[e.MessageID] = true
			}
		}
	}
	waiting := m.returning[:0]
	for _, r := range m.returning {
		if r.at.After(time.Now()) {
			waiting = append(waiting, r)
			continue
		}
		ref, err := m.store.ByMessageID(m.Context(), r.messageID)
		m.check(err)
		d, err := m.store.Delivery(m.Context(), ref)
		m.check(err)
		if d.State != newsletter.Sent || !d.UncertainAt.IsZero() {
			continue // which copy came back is not known
		}
		m.receive(m.feedback(), m.path(ref.Digest, r.to), hardNaming(r.to))
		if d, err = m.store.Delivery(m.Context(), ref); err == nil && d.Mark == newsletter.Bounced {
			m.returned[r.messageID] = true
		}
	}
	m.returning = waiting
}

// alone reports whether hardly anybody else got an email within a day of one that trouble
// has come back: it is not told from one to a dead address.
func (t *trouble) alone(e delivered, received []delivered) bool {
	others := make(map[string]bool)
	for _, other := range received {
		_, domain, _ := strings.Cut(other.To, "@")
		if other.at.Sub(e.at).Abs() < 24*time.Hour && t.refuses(domain, other.at) {
			others[other.To] = true
		}
	}
	return len(others) < newsletter.DefaultJudgement().Domain.Refused
}

// hardNaming is a notification that says that a reader's address is dead.
func hardNaming(name string) string {
	return strings.ReplaceAll(notification("5.1.1", unknownUser, ""), "somebody@example.com", address(name))
}

// recover ends all trouble and lets everything arrive.
func (m *month) recover() {
	m.mu.Lock()
	m.smooth = true
	m.mu.Unlock()
	m.trouble = nil
	m.server.setDown(nil)
	for range 2 {
		for i := range m.insights {
			if m.insights[i].hidden != nil {
				m.show(i)
			}
		}
	}
	for range 5 {
		time.Sleep(30 * time.Hour) // the pauses of readers, and judgements
		m.comeBack()
		m.check(m.newJudge().Once(m.Context()))
		m.resumeAll()
		_, err := m.planner.Plan(m.Context(), m.lib, newsletter.Request{Approved: true})
		m.check(err)
		m.startWorker()
		time.Sleep(3 * time.Minute)
		m.stopWorker()
	}
	for name, e := range m.readers { // whoever has paused for days
		if e.active {
			m.edit(name, func(sub *subscribers.Subscriber) { sub.PausedUntil = time.Time{} })
		}
	}
	for range 2 {
		_, err := m.planner.Plan(m.Context(), m.lib, newsletter.Request{Approved: true})
		m.check(err)
		m.startWorker()
		time.Sleep(3 * time.Minute)
		m.stopWorker()
	}
}

// verifyLives checks that nobody alive is suppressed, and the dead are.
func (m *month) verifyLives() {
	for name, e := range m.readers {
		if got := m.reader(name); e.active && got.Status != subscribers.Confirmed {
			m.Errorf("%s is %s: %s", name, got.Status, got.Reason)
		}
	}
	for i := range providers {
		if got := m.reader("dead@" + provider(i)); got.Status != subscribers.Suppressed {
			m.Errorf("%s is %s", got.Address, got.Status)
		}
	}
}
