package newslettertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// promise is the product's promise: whatever happens, in whatever order, each
// reader receives each insight they are entitled to, and none twice. A season of
// random events runs over the store; a plain model of who is entitled to what,
// which knows nothing of positions, verifies the mailboxes at the end.
func promise(t *testing.T, seasons int, open func(t *testing.T) Store) {
	if n, err := strconv.Atoi(os.Getenv("INSIGHTS_TEST_SEASONS")); err == nil {
		seasons = n
	}
	for _, policy := range []newsletter.OnUncertain{newsletter.Resend, newsletter.Hold, newsletter.Skip} {
		for seed := range seasons {
			t.Run(fmt.Sprintf("%s-%d", policy, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newSeason(t, open(t), policy, uint64(seed))
					s.run()
				})
			})
		}
	}
}

func newSeason(t *testing.T, store Store, policy newsletter.OnUncertain, seed uint64) *season {
	return &season{world: newWorld(t, store), policy: policy, rand: rand.New(rand.NewPCG(seed, 7)), doubt: make(map[string]bool), readers: make(map[string]*entitled), returned: make(map[string]bool), hid: make(map[string]bool)}
}

// season is one run of random events.
type season struct {
	*world
	policy newsletter.OnUncertain
	rand   *rand.Rand
	server server
	// withFeedback says that what servers say of addresses is handled.
	withFeedback bool

	mu       sync.Mutex // of chance and doubt, which the server uses
	chance   *rand.Rand
	smooth   bool            // no more faults
	doubt    map[string]bool // "reader insight": it was in an email without an answer
	stop     []func(kill bool)
	insights []numbered
	readers  map[string]*entitled
	unasked  []int64         // digests that are not approved
	returned map[string]bool // Message-IDs of emails that came back
	slugs    int             // renamed
	hid      map[string]bool // insights that were ever hidden
}

type numbered struct {
	name, category string
	hidden         func() // makes it visible again; nil = it is visible
}

// entitled is what the model knows of one reader. Insights count from 1 in the
// order in which they were numbered.
type entitled struct {
	active  bool
	chosen  map[string]bool
	floor   map[string]int // per category: anything not above it was published before they asked for it
	cadence subscribers.Cadence
}

// newest moves the floors to where a reader starts with the newest n of the
// chosen categories.
func (e *entitled) newest(all []numbered, withdrawn map[string]bool, n int) {
	floor := 0
	for i := len(all); i > 0 && n > 0; i-- {
		if e.chosen[all[i-1].category] && !withdrawn[all[i-1].name] {
			if n--; n == 0 {
				floor = i - 1
			}
		}
	}
	for c := range e.chosen {
		e.floor[c] = max(e.floor[c], floor)
	}
}

// withdrawn are the insights that count as withdrawn. What is hidden does not while a
// faulty file may be it.
func (s *season) withdrawn() map[string]bool {
	names := make(map[string]bool)
	all, err := s.store.Sequence(s.Context())
	s.check(err)
	for _, n := range all {
		names[strings.TrimPrefix(n.InsightID, id(""))] = n.Withdrawal.Is()
	}
	return names
}

func (s *season) run() {
	s.chance = rand.New(rand.NewPCG(s.rand.Uint64(), 8))
	s.server.answer = s.answer
	s.server.lost = s.lost
	s.publishSome()
	for range 8 {
		s.signUp()
	}
	s.startWorker()
	events := []struct {
		weight int
		event  func()
	}{
		{3, s.publishSome}, {3, s.signUp}, {5, s.change}, {2, s.pause}, {2, s.quit},
		{14, s.planSome}, {5, s.hideSome}, {4, s.showSome}, {2, s.renameSome}, {3, s.bounceSome}, {2, s.restart}, {2, s.approveSome}, {1, s.cancelSome}, {2, s.pauseSome}, {2, s.startWorker}, {3, s.killWorker}, {1, s.stopWorker},
	}
	total := 0
	for _, e := range events {
		total += e.weight
	}
	for range 60 {
		n := s.rand.IntN(total)
		for _, e := range events {
			if n -= e.weight; n < 0 {
				e.event()
				break
			}
		}
		time.Sleep(time.Duration(s.rand.IntN(6_000)) * time.Millisecond)
	}
	s.deliverAll()
	s.verify()
}

// answer makes the mail server accept, refuse or fail at random.
func (s *season) answer(to string, n int) newsletter.Outcome {
	s.mu.Lock()
	takes, roll, smooth := time.Duration(s.chance.IntN(1500))*time.Millisecond, s.chance.IntN(100), s.smooth
	s.mu.Unlock()
	time.Sleep(takes) // not under the lock: a goroutine that waits for a lock stops the bubble's time
	if smooth {
		return accepted
	}
	switch {
	case roll < 15:
		return later
	case roll < 20:
		return busy
	case roll < 27:
		return never
	case roll < 37:
		return silence
	}
	return accepted
}

// lost says whether an unanswered email was lost.
func (s *season) lost(string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chance.IntN(2) == 0
}

// doubtful records what an email carried that may not have arrived.
func (s *season) doubtful(to string, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.insights {
		if strings.Contains(string(message), id(in.name)+`\n`) {
			s.doubt[to+" "+in.name] = true
		}
	}
}

// startWorker starts a worker, two at most.
func (s *season) startWorker() {
	if len(s.stop) >= 2 {
		return
	}
	m := &mortal{OutboxStore: s.store, s: s}
	worker := s.worker(m)
	worker.Store, worker.OnUncertain = m, s.policy
	worker.Retry = newsletter.Retry{First: time.Second, Most: 8 * time.Second}
	if s.withFeedback {
		worker.Feedback = s.feedback()
	}
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	s.stop = append(s.stop, func(kill bool) {
		if kill {
			m.die()
		}
		cancel()
		if err := <-done; err != nil && !kill {
			s.Errorf("worker: %v", err)
		}
	})
}

func (s *season) endWorker(kill bool) {
	if len(s.stop) > 0 {
		stop := s.stop[0]
		s.stop = s.stop[1:]
		stop(kill)
	}
}

func (s *season) killWorker() { s.endWorker(true) }
func (s *season) stopWorker() { s.endWorker(false) }

// publishSome makes one to three insights appear, some dated long ago.
func (s *season) publishSome() {
	for range 1 + s.rand.IntN(3) {
		in := numbered{name: fmt.Sprintf("i%d", len(s.insights)+1), category: categories[s.rand.IntN(len(categories))].Slug}
		s.write(in.name, in.category, time.Now().Add(-time.Duration(1+s.rand.IntN(9000))*time.Hour))
		s.number()
		s.mu.Lock()
		s.insights = append(s.insights, in)
		s.mu.Unlock()
	}
}

// hideSome takes an insight away in one of the ways that people do; some only try.
func (s *season) hideSome() {
	i := s.rand.IntN(len(s.insights))
	in := &s.insights[i]
	if in.hidden != nil {
		return
	}
	file := in.name + ".md"
	was := s.files[file]
	text := string(was.Data)
	put := func(text string) {
		s.files[file] = &fstest.MapFile{Data: []byte(text)}
		s.load()
		s.number()
	}
	back := func() {
		s.files[file] = was
		s.load()
		s.number()
	}
	s.hid[in.name] = true
	how := s.rand.IntN(6)
	switch how {
	case 0:
		delete(s.files, file)
		s.load()
		s.number()
	case 1:
		put(strings.Replace(text, "\nid:", "\ndraft: true\nid:", 1))
	case 2:
		put(strings.Replace(text, "\nid:", "\nemail: false\nid:", 1))
	case 3: // faulty: the last good version stays, until a restart
		put(strings.Replace(text, "\ntitle:", "\ntitel:", 1))
	case 4:
		put("half writt")
	case 5:
		_, err := s.store.Withdraw(s.Context(), id(in.name))
		s.check(err)
		back = func() { // its file must have been away
			delete(s.files, file)
			s.load()
			s.number()
			s.files[file] = was
			s.load()
			s.number()
		}
	}
	in.hidden = back
}

// showSome makes insights visible again.
func (s *season) showSome() {
	for i := range s.insights {
		if s.insights[i].hidden != nil && s.rand.IntN(2) == 0 {
			s.show(i)
		}
	}
}

// show makes an insight visible again. One that staff have withdrawn stays so if it can't
// be told that its file was away, since the file of another is unreadable.
func (s *season) show(i int) {
	in := &s.insights[i]
	in.hidden()
	if !s.withheld()[id(in.name)] {
		in.hidden = nil
	}
}

// renameSome gives an insight another file, and so another address.
func (s *season) renameSome() {
	in := &s.insights[s.rand.IntN(len(s.insights))]
	if in.hidden != nil {
		return
	}
	s.slugs++
	file := s.files[in.name+".md"]
	text := strings.Replace(string(file.Data), "\nsummary:", fmt.Sprintf("\nslug: %s-%d\nsummary:", in.name, s.slugs), 1)
	if strings.Contains(string(file.Data), "\nslug:") {
		return
	}
	s.files[in.name+".md"] = &fstest.MapFile{Data: []byte(text)}
	s.load()
	s.number()
}

// restart reads the folder as a process that has just started: no last good version is
// known of a faulty file.
func (s *season) restart() {
	lib, err := content.Load(s.files, content.Options{Categories: categories, Withheld: s.withheld()})
	s.check(err)
	s.lib = lib
	s.number()
}

// bounceSome makes an accepted email come back.
func (s *season) bounceSome() {
	var sent []newsletter.Delivery
	for d, err := range s.store.Deliveries(s.Context(), newsletter.DeliveryFilter{State: newsletter.Sent}) {
		s.check(err)
		if d.UncertainAt.IsZero() && d.Mark == "" && d.Attempts == 1 && d.Ref.Digest != 0 && !strings.HasPrefix(d.Email, "s") { // not a steady one's
			sent = append(sent, d)
		}
	}
	if len(sent) == 0 {
		return
	}
	d := sent[s.rand.IntN(len(sent))]
	name := strings.TrimSuffix(d.Email, "@example.com")
	s.receive(s.feedback(), s.path(d.Ref.Digest, name), naming(name, "5.2.2"))
	s.returned[d.MessageID] = true
}

func (s *season) someCategories() map[string]bool {
	chosen := make(map[string]bool)
	for len(chosen) == 0 {
		for _, c := range categories {
			if s.rand.IntN(2) == 0 {
				chosen[c.Slug] = true
			}
		}
	}
	return chosen
}

func (s *season) signUp() {
	name := fmt.Sprintf("r%d", len(s.readers))
	e := &entitled{active: true, chosen: s.someCategories(), floor: make(map[string]int), cadence: subscribers.Cadences[s.rand.IntN(4)]}
	s.registry.StartWith = s.rand.IntN(5)
	e.newest(s.insights, s.withdrawn(), s.registry.StartWith)
	if s.registry.StartWith == 0 {
		for c := range e.chosen {
			e.floor[c] = len(s.insights)
		}
	}
	s.joinAs(e.cadence, strings.Join(slices.Sorted(maps.Keys(e.chosen)), " "), name)
	s.readers[name] = e
}

// someReader returns a reader who is, or is not, active.
func (s *season) someReader(active bool) string {
	var fit []string
	for name, e := range s.readers {
		if e.active == active && !strings.HasPrefix(name, "s") { // the steady ones
			fit = append(fit, name)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	slices.Sort(fit)
	return fit[s.rand.IntN(len(fit))]
}

// change lets a reader choose other categories and another cadence.
func (s *season) change() {
	name := s.someReader(true)
	if name == "" {
		return
	}
	e := s.readers[name]
	chosen := s.someCategories()
	for c := range chosen {
		if !e.chosen[c] {
			e.floor[c] = max(e.floor[c], len(s.insights))
		}
	}
	e.chosen, e.cadence = chosen, subscribers.Cadences[s.rand.IntN(4)]
	s.edit(name, func(sub *subscribers.Subscriber) {
		sub.Categories, sub.Cadence = slices.Sorted(maps.Keys(chosen)), e.cadence
	})
}

func (s *season) pause() {
	if name := s.someReader(true); name != "" {
		until := time.Now().Add(time.Duration(s.rand.IntN(60)-10) * time.Second)
		s.edit(name, func(sub *subscribers.Subscriber) { sub.PausedUntil = until })
	}
}

// quit unsubscribes a reader, or brings one back.
func (s *season) quit() {
	if name := s.someReader(false); name != "" && s.rand.IntN(2) == 0 {
		e := s.readers[name]
		e.active = true
		e.newest(s.insights, s.withdrawn(), 3)
		_, err := s.store.Edit(s.Context(), address(name), func(sub *subscribers.Subscriber) (subscribers.Change, error) {
			sub.Status = subscribers.Confirmed
			return subscribers.Change{StartWith: 3}, nil
		})
		s.check(err)
	} else if name := s.someReader(true); name != "" {
		s.readers[name].active = false
		s.leave(name)
	}
}

// planSome plans by cadence, by category, for one or for all; some wait for approval.
func (s *season) planSome() {
	var req newsletter.Request
	switch s.rand.IntN(5) {
	case 0, 1:
		req.Cadence = subscribers.Cadences[s.rand.IntN(4)]
	case 2:
		req.Category = categories[s.rand.IntN(len(categories))].Slug
	case 3:
		req.Cadence, req.MinItems = subscribers.Cadences[s.rand.IntN(4)], 2
	}
	req.Approved = s.rand.IntN(3) > 0
	d, err := s.planner.Plan(s.Context(), s.lib, req)
	s.check(err)
	if d.ID != 0 && !req.Approved {
		s.unasked = append(s.unasked, d.ID)
	}
}

func (s *season) approveSome() {
	for _, id := range s.unasked {
		_, err := s.store.Approve(s.Context(), id)
		s.check(err)
	}
	s.unasked = nil
}

func (s *season) openDigests(states ...newsletter.DigestState) []int64 {
	all, err := s.store.Digests(s.Context(), 1000)
	s.check(err)
	var ids []int64
	for _, d := range all {
		if slices.Contains(states, d.State) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func (s *season) cancelSome() {
	open := s.openDigests(newsletter.DigestApproved, newsletter.DigestSending, newsletter.DigestPaused)
	if len(open) == 0 {
		return
	}
	if _, err := s.store.Cancel(s.Context(), open[0]); err != nil && !errors.Is(err, newsletter.ErrState) {
		s.check(err)
	}
}

// pauseSome pauses a digest, or resumes all.
func (s *season) pauseSome() {
	for _, id := range s.openDigests(newsletter.DigestApproved, newsletter.DigestSending) {
		if s.rand.IntN(2) == 0 {
			if _, err := s.store.Pause(s.Context(), id, "wait"); err != nil && !errors.Is(err, newsletter.ErrState) {
				s.check(err)
			}
			return
		}
	}
	s.resumeAll()
}

func (s *season) resumeAll() {
	for _, id := range s.openDigests(newsletter.DigestPaused) {
		_, _, err := s.store.Resume(s.Context(), id, false)
		s.check(err)
	}
}

// deliverAll ends all faults and lets everything arrive.
func (s *season) deliverAll() {
	s.killWorker()
	s.stopWorker()
	s.mu.Lock()
	s.smooth = true
	s.mu.Unlock()
	for range 2 {
		for i := range s.insights {
			if s.insights[i].hidden != nil {
				s.show(i)
			}
		}
	}
	time.Sleep(time.Minute) // the pauses
	s.resumeAll()
	s.approveSome()
	s.startWorker()
	for range 4 { // what is skipped in one round comes with the next
		time.Sleep(130 * time.Second)
		d, err := s.planner.Plan(s.Context(), s.lib, newsletter.Request{Approved: true})
		s.check(err)
		if d.ID == 0 && len(s.openDigests(newsletter.DigestApproved, newsletter.DigestSending)) == 0 {
			break
		}
	}
	time.Sleep(130 * time.Second)
	s.stopWorker()
}

// verify compares the mailboxes with the model.
func (s *season) verify() {
	// Readers who get an email in doubt again after it was refused, cancelled or
	// skipped, or without an insight that was withdrawn meanwhile, may have had it before:
	// the price of resending.
	given := make(map[string]bool)
	listed := make(map[string]bool) // "reader insight": its last attempt ended in doubt; staff are told, and decide
	for d, err := range s.store.Deliveries(s.Context(), newsletter.DeliveryFilter{}) {
		s.check(err)
		if !d.UncertainAt.IsZero() && (d.State == newsletter.Failed || d.State == newsletter.Skipped) {
			given[d.Email] = true
		}
		if d.State == newsletter.Uncertain {
			for _, item := range s.digest(d.Ref.Digest).Items {
				listed[d.Email+" "+strings.TrimPrefix(item.InsightID, id(""))] = true
			}
		}
	}
	received := make(map[string]int) // "reader insight"
	seen := make(map[string]bool)    // by message id: a server drops repeats
	for _, m := range s.server.received() {
		if seen[m.MessageID] {
			if s.policy != newsletter.Resend {
				s.Errorf("message %s to %s was sent twice under %s", m.MessageID, m.To, s.policy)
			}
			continue
		}
		seen[m.MessageID] = true
		if s.returned[m.MessageID] {
			continue
		}
		for _, name := range m.insights {
			if received[m.To+" "+name]++; received[m.To+" "+name] == 2 && !(s.policy == newsletter.Resend && (given[m.To] || s.hid[name]) && s.doubt[m.To+" "+name]) {
				s.Errorf("%s received %s twice", m.To, name)
			}
		}
	}
	for name, e := range s.readers {
		if !e.active {
			continue
		}
		for i, in := range s.insights {
			key := address(name) + " " + in.name
			if e.chosen[in.category] && i+1 > e.floor[in.category] && received[key] == 0 && !(s.policy != newsletter.Resend && s.doubt[key]) && !listed[key] {
				s.Errorf("%s never received %s (%s, number %d, floor %d)", name, in.name, in.category, i+1, e.floor[in.category])
			}
		}
	}
	s.verifyExplained(received)
	all, err := s.store.Digests(s.Context(), 1000)
	s.check(err)
	slices.SortFunc(all, func(a, b newsletter.Digest) int { return cmp.Compare(a.ID, b.ID) })
	for _, d := range all {
		s.digest(d.ID) // the counts add up
		for state, n := range d.Counts {
			if n > 0 && !state.Terminal() {
				s.Errorf("digest %d is %s with %d %s deliveries", d.ID, d.State, n, state)
			}
		}
		if d.State != newsletter.DigestDone && d.State != newsletter.DigestCancelled {
			s.Errorf("digest %d is %s", d.ID, d.State)
		}
	}
	s.Logf("%d insights, %d readers, %d digests, %d emails, %d in doubt", len(s.insights), len(s.readers), len(all), len(s.server.received()), len(s.doubt))
}

// verifyExplained compares what staff are told with the mailboxes.
func (s *season) verifyExplained(received map[string]int) {
	for name := range s.readers {
		e := newsletter.Explainer{Zone: time.UTC}
		s.check(e.Load(s.Context(), s.store, s.reader(name), nil, time.Now()))
		for _, in := range s.lib.All() {
			key := address(name) + " " + strings.TrimPrefix(in.ID, id(""))
			if s.doubt[key] {
				continue
			}
			switch got := e.Explain(in, time.Now()); {
			case received[key] > 0 && got.Standing != newsletter.StandingReceived,
				received[key] == 0 && got.Standing == newsletter.StandingReceived:
				s.Errorf("%s received %s %d times, and is explained as %s: %s", name, in.ID, received[key], got.Standing, got.Reason)
			}
		}
	}
}
