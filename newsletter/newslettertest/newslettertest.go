// Package newslettertest is the conformance suite for the stores of package newsletter:
// each method's contract, and what readers are promised when planners, workers and
// schedulers use a store together. Time is synctest's, the mail server is scripted, all
// else is real.
package newslettertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
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

// Store is everything that package newsletter stores.
type Store interface {
	newsletter.PlanStore
	newsletter.SlotStore
	newsletter.DigestStore
	newsletter.OutboxStore
	newsletter.FeedbackStore
	newsletter.ExplainStore
	newsletter.WithdrawalStore
	newsletter.ResendStore
	newsletter.JudgeStore
	newsletter.PresenceStore
	subscribers.Store
}

// Test runs the suite on stores made by open, which must be empty and independent of
// each other. Plans should be written in chunks of few readers, so that chunk
// boundaries are tested. open is called inside synctest bubbles. The promise is tested
// in this many seasons for each policy, or in INSIGHTS_TEST_SEASONS, and in as many
// months, or in INSIGHTS_TEST_MONTHS.
func Test(t *testing.T, seasons int, open func(t *testing.T) Store) {
	parts := []struct {
		name  string
		tests []test
	}{
		{"Numbering", numberingTests},
		{"Planning", planningTests},
		{"Slots", slotTests},
		{"Outbox", outboxTests},
		{"Single", singleTests},
		{"Decisions", decisionTests},
		{"Planner", plannerTests},
		{"Worker", workerTests},
		{"Outage", outageTests},
		{"Feedback", feedbackTests},
		{"Forging", forgingTests},
		{"Judging", judgingTests},
		{"Relay", relayTests},
		{"Holes", holeTests},
		{"Scheduler", schedulerTests},
		{"Schedules", scheduleTests},
		{"Machines", machineTests},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			for _, test := range part.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { test.run(newWorld(t, open(t))) })
				})
			}
		})
	}
	t.Run("Promise", func(t *testing.T) { promise(t, seasons, open) })
	t.Run("Month", func(t *testing.T) { months(t, seasons, open) })
}

type test struct {
	name string
	run  func(*world)
}

// world is a site with its readers: a store, a library, and what works on them.
type world struct {
	*testing.T
	store    Store
	files    fstest.MapFS
	lib      *content.Library // schedulers read it by library
	libMu    sync.Mutex
	registry *subscribers.Registry
	planner  *newsletter.Planner
	log      *slog.Logger

	schedulers int // that were started
}

var categories = []content.Category{
	{Slug: "architecture", Name: "Architecture"},
	{Slug: "engineering", Name: "Engineering"},
	{Slug: "leadership", Name: "Leadership"},
}

func newWorld(t *testing.T, store Store) *world {
	keys, err := subscribers.NewKeyring("a secret for tests, of 32 bytes or more")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: store, files: fstest.MapFS{}, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	w.registry = &subscribers.Registry{Store: store, Keys: keys, StartWith: 3}
	for _, c := range categories {
		w.registry.Categories = append(w.registry.Categories, c.Slug)
	}
	w.planner = &newsletter.Planner{Store: store, Log: w.log}
	w.load()
	return w
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// write adds an insight to the folder; it is not numbered yet.
func (w *world) write(name, category string, date time.Time) {
	w.Helper()
	text := fmt.Sprintf("---\nid: %s\ntitle: Insight %s\nsummary: About %s.\ncategory: %s\ndate: %s\n---\n\nWords.\n", id(name), name, name, category, date.UTC().Format(time.RFC3339))
	w.files[name+".md"] = &fstest.MapFile{Data: []byte(text)}
	w.load()
}

func (w *world) load() {
	w.Helper()
	lib, err := content.Load(w.files, content.Options{Categories: categories, Previous: w.lib, Withheld: w.withheld()})
	w.check(err)
	w.libMu.Lock()
	defer w.libMu.Unlock()
	w.lib = lib
}

// withheld are the insights that staff have withdrawn.
func (w *world) withheld() map[string]bool {
	w.Helper()
	ids := make(map[string]bool)
	all, err := w.store.Withdrawals(w.Context())
	w.check(err)
	for _, gone := range all {
		if gone.How == newsletter.WithdrawnByStaff {
			ids[gone.InsightID] = true
		}
	}
	return ids
}

func (w *world) library() *content.Library {
	w.libMu.Lock()
	defer w.libMu.Unlock()
	return w.lib
}

// id is the id of an insight of the test.
func id(name string) string { return "tag:example.com,2026:" + name }

// number numbers what the library shows, without grace.
func (w *world) number() {
	w.Helper()
	_, _, err := w.store.Number(w.Context(), newsletter.VisibleIn(w.lib), newsletter.NumberingOf(w.lib, 0, true))
	w.check(err)
}

// publish makes insights of one category appear now, in the order given.
func (w *world) publish(category string, names ...string) {
	w.Helper()
	for _, name := range names {
		w.write(name, category, time.Now().Add(-time.Hour))
		w.number()
	}
}

// sequence is the numbered insights that are not withdrawn, as "1=a 2=b".
func (w *world) sequence() string {
	w.Helper()
	all, err := w.store.Sequence(w.Context())
	w.check(err)
	var text []string
	for _, n := range all {
		if n.Withdrawal.Is() {
			continue
		}
		text = append(text, fmt.Sprintf("%d=%s", n.Seq, strings.TrimPrefix(n.InsightID, id(""))))
	}
	return strings.Join(text, " ")
}

// join adds confirmed weekly readers of the given categories.
func (w *world) join(chosen string, names ...string) {
	w.Helper()
	for _, name := range names {
		w.joinAs(subscribers.Weekly, chosen, name)
	}
}

func (w *world) joinAs(cadence subscribers.Cadence, chosen, name string) {
	w.Helper()
	_, _, err := w.registry.Add(w.Context(), subscribers.SignUp{Address: parsed(address(name)), Source: "staff",
		Preferences: subscribers.Preferences{Cadence: cadence, Categories: strings.Fields(chosen)}}, true, "test")
	w.check(err)
}

// address is that of a reader, whose name may be one.
func address(name string) string {
	if strings.Contains(name, "@") {
		return name
	}
	return name + "@example.com"
}

// parsed parses an address that is known to be valid.
func parsed(email string) subscribers.Address {
	a, err := subscribers.ParseAddress(email)
	if err != nil {
		panic(err)
	}
	return a
}

func (w *world) reader(name string) subscribers.Subscriber {
	w.Helper()
	sub, err := w.store.ByKey(w.Context(), address(name))
	w.check(err)
	return sub
}

// edit changes a reader directly.
func (w *world) edit(name string, change func(*subscribers.Subscriber)) {
	w.Helper()
	_, err := w.store.Edit(w.Context(), address(name), func(s *subscribers.Subscriber) (subscribers.Change, error) {
		change(s)
		return subscribers.Change{}, nil
	})
	w.check(err)
}

func (w *world) choose(name, chosen string) {
	w.Helper()
	w.edit(name, func(s *subscribers.Subscriber) { s.Categories = strings.Fields(chosen) })
}

func (w *world) leave(name string) {
	w.Helper()
	w.edit(name, func(s *subscribers.Subscriber) { s.Status = subscribers.Unsubscribed })
}

// plan plans a digest, approved unless the request says otherwise.
func (w *world) plan(req newsletter.Request) newsletter.Digest {
	w.Helper()
	req.Approved = true
	d, err := w.planner.Plan(w.Context(), w.lib, req)
	w.check(err)
	return d
}

func (w *world) digest(id int64) newsletter.Digest {
	w.Helper()
	d, err := w.store.Digest(w.Context(), id)
	w.check(err)
	sum := 0
	for _, n := range d.Counts {
		sum += n
	}
	if sum != d.Readers {
		w.Errorf("digest %d has %d readers, its counts add up to %d: %v", id, d.Readers, sum, d.Counts)
	}
	variants := 0
	for _, v := range d.Variants {
		variants += v.Readers
	}
	if variants != d.Readers {
		w.Errorf("digest %d has %d readers, its variants have %d", id, d.Readers, variants)
	}
	return d
}

// wantState checks a digest's state.
func (w *world) wantState(id int64, want newsletter.DigestState) {
	w.Helper()
	if d := w.digest(id); d.State != want {
		w.Errorf("digest %d is %s, want %s (%v)", id, d.State, want, d.Counts)
	}
}

func (w *world) delivery(digest int64, name string) newsletter.Delivery {
	w.Helper()
	for d, err := range w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Digest: digest, Email: address(name)}) {
		w.check(err)
		return d
	}
	w.Fatalf("digest %d has no delivery to %s", digest, name)
	return newsletter.Delivery{}
}

func (w *world) wantDelivery(digest int64, name string, state newsletter.DeliveryState, reason string) {
	w.Helper()
	if d := w.delivery(digest, name); d.State != state || !strings.Contains(string(d.Reason), reason) {
		w.Errorf("delivery to %s is %s (%q), want %s (…%s…)", name, d.State, d.Reason, state, reason)
	}
}

// carried are the names of the insights a digest's variant holds, newest first.
func carried(d newsletter.Digest, variant int) string {
	for _, v := range d.Variants {
		if v.Number == variant {
			return names(d.ItemsOf(v))
		}
	}
	return "no variant"
}

func names(items []newsletter.Item) string {
	var all []string
	for _, item := range items {
		all = append(all, strings.TrimPrefix(item.InsightID, id("")))
	}
	return strings.Join(all, " ")
}

// planned is what a digest holds, as "a b ×2, c ×1": variants with their readers.
func planned(d newsletter.Digest) string {
	var all []string
	for _, v := range d.Variants {
		all = append(all, fmt.Sprintf("%s ×%d", names(d.ItemsOf(v)), v.Readers))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (w *world) wantPlanned(d newsletter.Digest, want string) {
	w.Helper()
	if got := planned(d); got != want {
		w.Errorf("planned %q, want %q", got, want)
	}
}

func collect[V any](w *world, seq iter.Seq2[V, error]) []V {
	w.Helper()
	var all []V
	for v, err := range seq {
		w.check(err)
		all = append(all, v)
	}
	return all
}

// renderer writes the ids of what an email carries, one per line.
type renderer struct {
	fail func(newsletter.DigestContent) error
}

func (r renderer) Digest(e newsletter.DigestContent) (newsletter.Body, error) {
	if r.fail != nil {
		if err := r.fail(e); err != nil {
			return newsletter.Body{}, err
		}
	}
	var b strings.Builder
	for _, item := range append(slices.Clone(e.Items), e.More...) {
		fmt.Fprintln(&b, item.InsightID)
	}
	text := b.String() + e.UnsubscribeURL + "\n" + e.PreferencesURL + "\n"
	return newsletter.Body{Subject: e.Subject, Text: text, HTML: text}, nil
}

func (renderer) Single(n newsletter.SingleContent) (newsletter.Body, error) {
	return newsletter.Body{Subject: string(n.Kind), Text: n.ConfirmURL + "\n"}, nil
}

// composer writes a message as JSON, so that the mail server can read it.
type composer struct{}

func (c composer) Prepare(m newsletter.Message) (newsletter.Prepared, error) { return prepared{m}, nil }

type prepared struct{ message newsletter.Message }

func (s prepared) Append(dst []byte, c newsletter.Copy) ([]byte, error) {
	message, err := composer{}.Compose(s.message.With(c))
	return append(dst, message...), err
}
func (s prepared) Size() int { return len(s.message.Text) + len(s.message.HTML) }

func (composer) Compose(m newsletter.Message) ([]byte, error) {
	if m.To == "refused@example.com" {
		return nil, errors.New("this one can't be composed")
	}
	return json.Marshal(m)
}

func (w *world) writer() *newsletter.Writer {
	return &newsletter.Writer{Renderer: renderer{}, Registry: w.registry, Identity: newsletter.Identity{BaseURL: "https://example.com", From: "Insights <news@example.com>"}}
}

func (w *world) worker(server newsletter.Transport) *newsletter.Worker {
	return &newsletter.Worker{Store: w.store, Writer: w.writer(), Composer: composer{}, Transport: server, Connections: 2, Log: w.log}
}

// start runs a worker in the background; stop ends it and waits.
func (w *world) start(worker *newsletter.Worker) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	return func() {
		w.Helper()
		cancel()
		if err := <-done; err != nil {
			w.Errorf("worker: %v", err)
		}
	}
}

// send runs a worker over a server for some time.
func (w *world) send(server newsletter.Transport, d time.Duration) {
	w.Helper()
	stop := w.start(w.worker(server))
	time.Sleep(d)
	stop()
	w.wantListed()
}

// wantListed checks that the list of digests has the same counts as each digest.
func (w *world) wantListed() {
	w.Helper()
	all, err := w.store.Digests(w.Context(), 100)
	w.check(err)
	for _, d := range all {
		if one := w.digest(d.ID); !maps.Equal(d.Counts, one.Counts) {
			w.Errorf("digest %d is listed with %v, and has %v", d.ID, d.Counts, one.Counts)
		}
	}
}
