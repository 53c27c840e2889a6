package subscriberstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

var waitingStories = []story{
	{"a sign-up beyond a shared limit waits", waitsForItsTurn},
	{"the order of what waits", inFairOrder},
	{"what else a network asks for", movesItsSignUpsBack},
	{"as many wait as may", asManyAsMay},
	{"a network that takes every place", takesEveryPlace},
	{"an address waits once", waitsOnce},
	{"who repeats what waits", repeatsWhatWaits},
	{"what waits can be erased", erasesWaiting},
	{"what waits brings choices of its own", waitsWithItsChoices},
	{"moves do not wait", movesDoNotWait},
	{"two that release", twoThatRelease},
	{"how long it may take", howLong},
	{"what was refused is counted", countsRefused},
}

// ask signs an address up from a network.
func (d *desk) ask(email, network, wide string, want error) {
	d.Helper()
	d.askFrom(email, subscribers.Asker{Client: network, Wide: cmp.Or(wide, network)}, want)
}

func (d *desk) askFrom(email string, by subscribers.Asker, want error) {
	d.Helper()
	s := d.form(email)
	s.Asker = by
	d.want(d.SignUp(d.Context(), s), want, "sign up "+email)
}

// release gives all that may have it their turn, and returns how many did.
func (d *desk) release() (n int) {
	d.Helper()
	for {
		r, err := d.Release(d.Context())
		if err != nil {
			d.Fatal(err)
		}
		if !r.Done {
			return n
		}
		n++
	}
}

// asked lists who was asked to confirm.
func (d *desk) asked() (emails []string) {
	for _, sub := range collect(d.T, d.Store.List(d.Context(), subscribers.Filter{})) {
		emails = append(emails, sub.Address.Key())
	}
	return emails
}

func (d *desk) queue() subscribers.Queue {
	d.Helper()
	q, err := d.Store.Queue(d.Context(), time.Now().Add(-subscribers.QueueWithin))
	if err != nil {
		d.Fatal(err)
	}
	return q
}

func waitsForItsTurn(d *desk) {
	d.Limits = subscribers.Limits{All: 4, Domain: 2} // 3 at once, then one in 30 minutes; of a domain 2, then one an hour
	start := time.Now()
	for i := range 3 {
		d.ask(fmt.Sprintf("early%d@%d.example", i, i), "a", "", nil)
	}
	d.ask("ada@one.example", "b", "", nil)
	if _, err := d.Store.ByKey(d.Context(), "ada@one.example"); err == nil {
		d.Error("what waits has taken effect")
	}
	if q := d.queue(); q.Waiting != 1 || !q.Since.Equal(start) || q.Domains != 1 {
		d.Errorf("%+v", q)
	}
	r, err := d.Release(d.Context())
	if err != nil || r.Done || !r.Next.Equal(start.Add(30*time.Minute)) {
		d.Errorf("%+v, %v", r, err)
	}
	// Neither those who come later nor the cleanup of unconfirmed addresses take its place.
	time.Sleep(30*time.Minute - time.Millisecond)
	d.ask("late@late.example", "c", "", nil)
	if n := d.release(); n != 0 {
		d.Errorf("%d too early", n)
	}
	time.Sleep(time.Millisecond)
	d.ask("later@late.example", "d", "", nil)
	if _, err := d.Tidy(d.Context()); err != nil {
		d.Error(err)
	}
	if n := d.release(); n != 1 {
		d.Errorf("%d in their turn", n)
	}
	sub := d.get("ada@one.example")
	if sub.Status != subscribers.Pending || sub.Name != "Ada" || strings.Join(sub.Categories, " ") != "engineering leadership" {
		d.Errorf("%+v", sub)
	}
	events := collect(d.T, d.Store.History(d.Context(), sub.ID))
	if len(events) != 1 || events[0].What != "signed_up" || !events[0].At.Equal(start) || events[0].Client != "b" {
		d.Errorf("the evidence of consent: %+v", events)
	}
	// The link works for as long as if they had asked now.
	time.Sleep(72*time.Hour - time.Millisecond)
	_, err = d.Confirm(d.Context(), d.Token(subscribers.ConfirmToken, sub), "")
	d.want(err, nil, "confirm at the last moment")
	if n := d.release(); n != 2 {
		d.Errorf("%d of two", n)
	}
	if q := d.queue(); q.Waiting != 0 || !q.Since.IsZero() || q.Domains != 0 {
		d.Errorf("%+v", q)
	}
}

// inFairOrder compares the order of a store with that of subscribers.Rank.
func inFairOrder(d *desk) {
	d.Limits = subscribers.Limits{All: 60, Domain: 8}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 31 {
		d.ask(fmt.Sprintf("first%d@%d.example", i, i), "", "", nil)
	}
	type asker struct{ email, network, wide, around string }
	var all []asker
	for i := range 60 {
		n := random.IntN(12)
		a := asker{fmt.Sprintf("r%d@d%d.example", i, random.IntN(6)), fmt.Sprintf("n%d", n), fmt.Sprintf("w%d", n/2), fmt.Sprintf("a%d", n/4)}
		if n >= 8 {
			a.wide = a.network // IPv4
		}
		all = append(all, a)
		d.askFrom(a.email, subscribers.Asker{Client: a.network, Wide: a.wide, Around: a.around}, nil)
		time.Sleep(time.Millisecond)
	}
	if q := d.queue(); q.Waiting != len(all) {
		d.Fatalf("%d wait", q.Waiting)
	}
	counts := make(map[string]int)
	for _, a := range all {
		counts[a.network]++
		if a.wide != a.network {
			counts[a.wide]++
		}
		counts[a.around]++
	}
	rank := func(i int) subscribers.Rank {
		a := all[i]
		around := 1
		for around < counts[a.around] {
			around *= 2
		}
		return subscribers.Rank{Network: counts[a.network], Wide: counts[a.wide], Around: around, At: time.Unix(int64(i), 0)}
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		if rank(i).Before(rank(j)) {
			return -1
		}
		return 1
	})
	given, reserved := make(map[string]bool), make(map[string]time.Time)
	for len(order) > 0 {
		time.Sleep(2 * time.Minute)
		// The first whose domain may have one.
		next := slices.IndexFunc(order, func(i int) bool {
			_, domain, _ := strings.Cut(all[i].email, "@")
			return !reserved[domain].After(d.Limits.Domain.Until(time.Now()))
		})
		want := ""
		if next >= 0 {
			want = all[order[next]].email
			_, domain, _ := strings.Cut(want, "@")
			reserved[domain] = d.Limits.Domain.Take(reserved[domain], time.Now())
			order = slices.Delete(order, next, next+1)
		}
		r, err := d.Release(d.Context())
		if err != nil || r.Done != (want != "") {
			d.Fatalf("%+v, %v; want %q", r, err, want)
		}
		got := ""
		for _, a := range all {
			if _, err := d.Store.ByKey(d.Context(), a.email); err == nil && !given[a.email] {
				given[a.email], got = true, a.email
			}
		}
		if got != want {
			d.Fatalf("%q has its turn, want %q", got, want)
		}
	}
	// What asked often hours ago comes after what asks for the first time, and a day later it
	// is as good as anybody.
	d.Limits.Domain = 0
	for d.release() > 0 {
		time.Sleep(time.Minute)
	}
	time.Sleep(2 * time.Hour)
	for i := range 31 {
		d.ask(fmt.Sprintf("second%d@%d.example", i, i), "", "", nil)
	}
	for i := range 5 {
		d.ask(fmt.Sprintf("old%d@old.example", i), "old", "wide", nil)
	}
	for _, step := range []struct {
		later time.Duration
		first string
	}{{3 * time.Hour, "young@young.example"}, {subscribers.AskedFor * time.Hour, "old0@old.example"}} {
		time.Sleep(step.later)
		name := fmt.Sprint("young", step.later)
		if step.first == "young@young.example" {
			name = "young"
		}
		d.ask("young@"+strings.ToLower(name)+".example", name, "of "+name, nil)
		d.want(d.Rerank(d.Context()), nil, "rerank")
		if r, err := d.Release(d.Context()); err != nil || !r.Done {
			d.Fatalf("%+v, %v", r, err)
		}
		if _, err := d.Store.ByKey(d.Context(), step.first); err != nil {
			d.Errorf("%v later %s is not the first: %v", step.later, step.first, err)
		}
	}
}

// movesItsSignUpsBack is a flood that asks for something else, to come first.
func movesItsSignUpsBack(d *desk) {
	d.confirmed("reader@example.com")
	for what, ask := range map[string]func(by subscribers.Asker) error{
		"a link": func(by subscribers.Asker) error {
			return d.SendLink(d.Context(), d.address("nobody@example.com"), by)
		},
		"a link of their own": func(by subscribers.Asker) error {
			return d.SendLink(d.Context(), d.address("reader@example.com"), by)
		},
		"a move": func(by subscribers.Asker) error {
			_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "reader@example.com"), d.address("elsewhere@example.com"), by)
			return err
		},
	} {
		d.Limits = subscribers.Limits{All: 1}
		d.ask("first@example.com", "z", "", nil)
		by := subscribers.Asker{Client: "flood", Wide: "flood"}
		for i := range 3 {
			d.ask(fmt.Sprintf("flood%d@example.com", i), by.Client, by.Wide, nil)
		}
		d.ask("ada@example.com", "a", "", nil)
		d.want(ask(by), nil, what)
		time.Sleep(2 * time.Hour)
		if r, err := d.Release(d.Context()); err != nil || !r.Done {
			d.Fatalf("%+v, %v", r, err)
		}
		if _, err := d.Store.ByKey(d.Context(), "ada@example.com"); err != nil {
			d.Errorf("who asks for %s as well comes first", what)
		}
		d.Limits = subscribers.Limits{}
		d.release()
		for _, email := range d.asked() {
			if email != "reader@example.com" {
				d.want(d.Forget(d.Context(), d.address(email)), nil, "forget")
			}
		}
		time.Sleep(48 * time.Hour)
		d.want(d.Rerank(d.Context()), nil, "rerank")
	}
}

func asManyAsMay(d *desk) {
	d.Limits = subscribers.Limits{All: 1, Waiting: 6, WaitingOfOne: 4}
	d.ask("first@example.com", "z", "", nil)
	for i := range 4 {
		d.ask(fmt.Sprintf("a%d@example.com", i), "a", "", nil)
		time.Sleep(time.Second)
	}
	d.ask("a4@example.com", "a", "", subscribers.ErrBusy)
	d.ask("b0@example.com", "b", "", nil)
	d.ask("b1@example.com", "b", "", nil)
	d.ask("c0@example.com", "c", "", nil) // for a3
	d.ask("d0@example.com", "d", "", nil) // for a2
	d.ask("e0@example.com", "e", "", nil) // for a1
	d.ask("f0@example.com", "f", "", nil) // for b1
	d.ask("g0@example.com", "g", "", subscribers.ErrBusy)
	d.ask("a5@example.com", "a", "", subscribers.ErrBusy)
	if q := d.queue(); q.Waiting != 6 {
		d.Errorf("%+v", q)
	}
	for d.queue().Waiting > 0 {
		time.Sleep(time.Hour)
		d.release()
	}
	got := d.asked()
	slices.Sort(got)
	if strings.Join(got, " ") != "a0@example.com b0@example.com c0@example.com d0@example.com e0@example.com f0@example.com first@example.com" {
		d.Errorf("asked: %v", got)
	}
}

// takesEveryPlace is one who signs up from each network of a wide one. Others, also many of
// one network, keep their places, and newcomers get one.
func takesEveryPlace(d *desk) {
	d.Limits = subscribers.Limits{All: 1, Waiting: 100, WaitingOfOne: 5} // 20 of an Around
	d.ask("first@example.com", "z", "", nil)
	near := func(around string, i int) subscribers.Asker {
		return subscribers.Asker{Client: fmt.Sprint(around, "-", i), Wide: fmt.Sprint(around, "-", i/4), Around: around}
	}
	for i := range 5 {
		d.askFrom(fmt.Sprintf("office%d@example.com", i), subscribers.Asker{Client: "office", Wide: "office", Around: "town"}, nil)
	}
	for around := range 5 {
		for i := range 25 {
			want := error(nil)
			if i >= 20 || around == 4 && i >= 19 { // the last displaces others until each has 19
				want = subscribers.ErrBusy
			}
			d.askFrom(fmt.Sprintf("f%d-%d@example.com", around, i), near(fmt.Sprint("f", around), i), want)
		}
	}
	for i := range 10 {
		d.askFrom(fmt.Sprintf("new%d@example.com", i), near(fmt.Sprint("home", i), 0), nil)
	}
	if q := d.queue(); q.Waiting != 100 {
		d.Errorf("%d wait", q.Waiting)
	}
	d.Limits = subscribers.Limits{}
	if n := d.release(); n != 100 {
		d.Errorf("%d had their turn", n)
	}
	of := make(map[string]int)
	for _, email := range d.asked() {
		who, _, _ := strings.Cut(email, "@")
		who, _, flood := strings.Cut(who, "-")
		if !flood {
			who = strings.TrimRight(who, "0123456789")
		}
		of[who]++
	}
	if of["office"] != 5 || of["new"] != 10 || of["first"] != 1 {
		d.Errorf("others gave way: %v", of)
	}
	for around := range 5 { // evenly
		if n := of[fmt.Sprint("f", around)]; n != 17 {
			d.Errorf("of the network f%d %d are left", around, n)
		}
	}
}

func waitsOnce(d *desk) {
	d.Limits = subscribers.Limits{All: 1, AddressADay: 3}
	d.ask("first@example.com", "z", "", nil)
	d.ask("other@example.com", "a", "", nil)
	d.ask("ada@example.com", "a", "", nil)
	d.ask("ADA@example.com", "a", "", nil) // no better
	if q := d.queue(); q.Waiting != 2 {
		d.Errorf("%d wait", q.Waiting)
	}
	time.Sleep(time.Minute)
	own := d.form("ada@example.com")
	own.Client, own.Wide, own.Name = "b", "b", "Ada herself"
	d.want(d.SignUp(d.Context(), own), nil, "sign up")
	// All of one mailbox wait, whatever it got today, and as many have their turn as it may have.
	for i := range 5 {
		d.ask(fmt.Sprintf("ada.%d+%d@gmail.com", i, i), "c", "", nil)
		d.ask(fmt.Sprintf("ada+%d@gmail.com", i), "c", "", nil)
	}
	if q := d.queue(); q.Waiting != 2+5+5 {
		d.Errorf("%d wait", q.Waiting)
	}
	time.Sleep(2 * time.Hour)
	if d.release(); d.get("ada@example.com").Name != "Ada herself" {
		d.Error("a stranger's request holds back the owner's")
	}
	d.Limits = subscribers.Limits{AddressADay: 3}
	d.release()
	tagged := 0
	for _, email := range d.asked() {
		if strings.HasPrefix(email, "ada+") {
			tagged++
		}
	}
	if q := d.queue(); tagged != 3 || q.Waiting != 0 {
		d.Errorf("%d of one mailbox had their turn, %d wait", tagged, q.Waiting)
	}
}

// repeatsWhatWaits is one who asks again and again.
func repeatsWhatWaits(d *desk) {
	d.Limits = subscribers.Limits{All: 1, Client: 4, AddressADay: 2}
	d.ask("first@example.com", "z", "", nil)
	for _, email := range []string{"ada@example.com", "ada+1@gmail.com"} {
		network := "of " + email
		d.ask("other@example.com", network, "", nil)
		d.ask(email, "b", "", nil)
		for i := range 5 { // nothing comes of it, since it waits or its mailbox has what it may
			want := error(nil)
			if i >= 3 {
				want = subscribers.ErrTooMany
			}
			d.ask(strings.ReplaceAll(email, "+1", fmt.Sprint("+", min(i, 2))), network, "", want)
		}
	}
}

func erasesWaiting(d *desk) {
	d.Limits = subscribers.Limits{All: 1, Waiting: 5, WaitingOfOne: 5}
	d.ask("first@example.com", "z", "", nil)
	d.ask("ada@example.com", "a", "", nil)
	d.ask("ben@example.com", "b", "", nil)
	d.want(d.Forget(d.Context(), d.address("ada@example.com")), subscribers.ErrNotFound, "forget who only waits")
	if _, err := d.Suppress(d.Context(), d.address("ben@example.com"), subscribers.BlockedHere, "test", "staff"); err != nil {
		d.Error(err)
	}
	if q := d.queue(); q.Waiting != 1 {
		d.Errorf("%+v", q)
	}
	time.Sleep(2 * time.Hour)
	if n := d.release(); n != 1 {
		d.Errorf("%d had their turn", n)
	}
	if _, err := d.Store.ByKey(d.Context(), "ada@example.com"); err == nil {
		d.Error("who was erased is back")
	}
	if sub, err := d.Store.ByKey(d.Context(), "ben@example.com"); err == nil && sub.Status != subscribers.Suppressed {
		d.Errorf("who was suppressed meanwhile is %s", sub.Status)
	}
}

// waitsWithItsChoices is a stranger whose sign-up waits for an address that was asked before.
func waitsWithItsChoices(d *desk) {
	d.Limits = subscribers.Limits{Domain: 1}
	first := d.signUp("ada@example.com")
	stranger := d.form("ada@example.com")
	stranger.Name, stranger.Client, stranger.Wide = "Fool", "elsewhere", "elsewhere"
	stranger.Cadence, stranger.Categories = subscribers.Instant, []string{"architecture"}
	d.want(d.SignUp(d.Context(), stranger), nil, "sign up, and wait")
	if q := d.queue(); q.Waiting != 1 {
		d.Errorf("%+v", q)
	}
	time.Sleep(2 * time.Hour)
	if n := d.release(); n != 1 {
		d.Errorf("%d had their turn", n)
	}
	second := d.token(subscribers.ConfirmToken, "ada@example.com")
	for token, want := range map[string]subscribers.Confirmation{
		first:  {Name: "Ada", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering", "leadership"}}, Expires: time.Now().Add(70 * time.Hour)},
		second: {Name: "Fool", Preferences: subscribers.Preferences{Cadence: subscribers.Instant, Categories: []string{"architecture"}}, Expires: time.Now().Add(72 * time.Hour)},
	} {
		_, got, err := d.Asked(d.Context(), subscribers.ConfirmToken, token)
		if err != nil || got.Name != want.Name || got.String() != want.String() || !got.Expires.Equal(want.Expires) {
			d.Errorf("an email leads to %+v, %v; want %+v", got, err, want)
		}
	}
	sub, err := d.Confirm(d.Context(), first, "")
	d.want(err, nil, "confirm by the first email")
	if sub.Name != "Ada" || sub.Cadence != subscribers.Weekly {
		d.Errorf("a stranger chose for them: %+v", sub)
	}
}

func movesDoNotWait(d *desk) {
	d.confirmed("ada@example.com")
	d.confirmed("ben@example.com")
	d.Limits = subscribers.Limits{All: 1}
	d.ask("first@example.com", "z", "", nil)
	d.ask("waits@example.com", "z", "", nil)
	_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@example.com"), d.address("ada@new.example"), subscribers.Asker{Client: "a"})
	d.want(err, nil, "move while sign-ups wait")
	if d.get("ada@example.com").NewAddress == (subscribers.Address{}) {
		d.Error("a flood of sign-ups keeps a reader from moving")
	}
	_, err = d.Move(d.Context(), d.token(subscribers.FreshToken, "ben@example.com"), d.address("ben@new.example"), subscribers.Asker{Client: "a"})
	d.want(err, subscribers.ErrBusy, "one move too many")
}

// twoThatRelease is two daemons at once.
func twoThatRelease(d *desk) {
	d.Limits = subscribers.Limits{All: 40, Domain: 20}
	for i := range 50 {
		d.ask(fmt.Sprintf("r%d@%d.example", i, i%4), fmt.Sprint("n", i), "", nil)
	}
	waited := d.queue().Waiting
	time.Sleep(30 * time.Minute)
	released := make([]int, 4)
	var all sync.WaitGroup
	for i := range released {
		all.Go(func() { released[i] = d.release() })
	}
	all.Wait()
	total := 0
	for _, n := range released {
		total += n
	}
	if left := d.queue().Waiting; total != 10 || left != waited-total {
		d.Errorf("%v had their turn, %d of %d wait", released, left, waited)
	}
	for _, sub := range collect(d.T, d.Store.List(d.Context(), subscribers.Filter{})) {
		if got := d.history(sub.Address.Key()); got != "signed_up" {
			d.Errorf("%s: %s", sub.Address.Key(), got)
		}
	}
}

// looks counts how often a store is asked for the line, and holds it up while it is told to.
type looks struct {
	subscribers.Store
	n    atomic.Int64
	hold atomic.Pointer[chan struct{}]
}

func (l *looks) Line(ctx context.Context) iter.Seq2[subscribers.Place, error] {
	l.n.Add(1)
	if hold := l.hold.Load(); hold != nil {
		<-*hold
	}
	return l.Store.Line(ctx)
}

func howLong(d *desk) {
	looks := &looks{Store: d.Store}
	d.Store = looks
	delay := func(network string) time.Duration {
		d.Helper()
		wait, err := d.Delay(d.Context(), subscribers.Asker{Client: network})
		if err != nil {
			d.Fatal(err)
		}
		return wait
	}
	if got := delay("a"); got != 0 {
		d.Errorf("no limits: %v", got)
	}
	d.Limits = subscribers.Limits{All: 60, Domain: 6}
	if got := delay("a"); got != 0 {
		d.Errorf("nothing waits: %v", got)
	}
	for i := range 10 {
		d.ask(fmt.Sprintf("r%d@example.com", i), "a", "", nil)
	}
	if got, worse := delay("b"), delay("a"); got != 40*time.Minute || worse != 2*7*20*time.Minute {
		d.Errorf("a new network: %v, the one that asked: %v", got, worse)
	}
	for i := range 100 {
		delay(fmt.Sprint("n", i))
	}
	if n := looks.n.Load(); n != 1 {
		d.Errorf("the line was looked at %d times", n)
	}
	d.noOneWaitsForAnotherLook(looks, delay)
	time.Sleep(time.Minute)
	d.ask("late@example.com", "b", "", nil)
	if got := delay("b"); got != 3*2*20*time.Minute {
		d.Errorf("one more is ahead: %v", got)
	}
	// While a daemon gives them their turns, it looks before anybody asks.
	ctx, stop := context.WithCancel(d.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.KeepReleasing(ctx, func() <-chan struct{} { return nil })
	}()
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	hold := make(chan struct{})
	looks.hold.Store(&hold)
	asking, cancel := context.WithTimeout(d.Context(), time.Second)
	defer cancel()
	if got, err := d.Delay(asking, subscribers.Asker{Client: "x"}); err != nil || got == 0 {
		d.Errorf("who asks first: %v, %v", got, err)
	}
	close(hold)
	looks.hold.Store(nil)
	stop()
	<-ended
}

// noOneWaitsForAnotherLook holds up what reads the line: it is told from the look before,
// for a while.
func (d *desk) noOneWaitsForAnotherLook(looks *looks, delay func(network string) time.Duration) {
	time.Sleep(6 * time.Second)
	d.ask("late0@example.com", "c", "", nil)
	hold := make(chan struct{})
	looks.hold.Store(&hold)
	before := looks.n.Load()
	for i := range 100 {
		if got := delay(fmt.Sprint("m", i)); got != 40*time.Minute {
			d.Errorf("while it is looked at: %v", got)
		}
	}
	synctest.Wait()
	if n := looks.n.Load() - before; n != 1 {
		d.Errorf("%d looks at once", n)
	}
	close(hold)
	looks.hold.Store(nil)
	synctest.Wait()
	if got := delay("c"); got != 80*time.Minute {
		d.Errorf("after the look: %v", got)
	}
	// A minute later it must be another one, and who asks may go meanwhile.
	time.Sleep(time.Minute)
	hold = make(chan struct{})
	looks.hold.Store(&hold)
	ctx, cancel := context.WithTimeout(d.Context(), time.Second)
	defer cancel()
	if got, err := d.Delay(ctx, subscribers.Asker{Client: "e"}); !errors.Is(err, context.DeadlineExceeded) {
		d.Errorf("without a look: %v, %v", got, err)
	}
	close(hold)
	looks.hold.Store(nil)
	synctest.Wait()
}

func countsRefused(d *desk) {
	d.Limits = subscribers.Limits{Client: 1}
	d.ask("a@example.com", "a", "", nil)
	for i := range 3 {
		d.ask(fmt.Sprintf("b%d@example.com", i), "a", "", subscribers.ErrTooMany)
	}
	for range 2 { // the second finds nothing more
		d.want(d.SaveRefused(d.Context()), nil, "save")
	}
	d.ask("c@example.com", "a", "", subscribers.ErrTooMany)
	d.want(d.SaveRefused(d.Context()), nil, "save")
	if got := d.queue().Refused; len(got) != 1 || got[subscribers.PerClient] != 4 {
		d.Errorf("refused: %v", got)
	}
	time.Sleep(subscribers.QueueWithin + 2*time.Hour)
	if got := d.queue().Refused; len(got) != 0 {
		d.Errorf("a day later: %v", got)
	}
	ctx, cancel := context.WithCancel(d.Context())
	cancel()
	d.ask("d@example.com", "a", "", nil)
	d.ask("e@example.com", "a", "", subscribers.ErrTooMany)
	if err := d.SaveRefused(ctx); err == nil {
		d.Error("saved without a database")
	}
	d.want(d.SaveRefused(d.Context()), nil, "save again")
	if got := d.queue().Refused; got[subscribers.PerClient] != 1 {
		d.Errorf("what could not be saved is lost: %v", got)
	}
}
