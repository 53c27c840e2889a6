package subscribers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// askedNow is a network that has asked so often in this hour of the clock.
func askedNow(n int) Asked { return Asked{Hour: now.Unix() / 3600, Now: n} }

func TestAttemptsAreJudged(t *testing.T) {
	limits := Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 4, Domain: 4, All: 6, Waiting: 10, WaitingOfOne: 3}
	signsUp := Attempt{At: now, SignUp: SignUp{Asker: Asker{"near", "wide", "around"}, Address: ada}}
	moves, anonymous, links, tagged := signsUp, signsUp, signsUp, signsUp
	tagged.Address = mustParse("ada+news@example.com")
	links.Links = true
	moves.Moves, anonymous.Asker = true, Asker{}
	lately := now.Add(-15*time.Minute + 1)
	used := now.Add(time.Hour) // the whole hour is reserved
	worse, better := &Rank{Network: 3, Wide: 3, Around: 4, At: now}, &Rank{At: now.Add(-1)}
	for _, test := range []struct {
		name    string
		limits  Limits
		attempt Attempt
		facts   Facts
		verdict Verdict
		limit   Limit
	}{
		{"the first", limits, signsUp, Facts{}, Admit, ""},
		{"just below", limits, signsUp, Facts{Network: askedNow(3), Wide: askedNow(15), All: now.Add(time.Hour), Domain: now.Add(time.Hour), Inbox: 2}, Admit, ""},
		{"all", limits, signsUp, Facts{All: used.Add(1)}, Wait, InAll},
		{"all, of a client that asked too often", limits, signsUp, Facts{All: used.Add(1), Network: askedNow(4)}, Refuse, PerClient},
		{"one client", limits, signsUp, Facts{Network: askedNow(4)}, Refuse, PerClient},
		{"a wide network", limits, signsUp, Facts{Network: askedNow(1), Wide: askedNow(16)}, Refuse, PerClient},
		{"a client that is not known", limits, anonymous, Facts{Network: askedNow(99), Wide: askedNow(99)}, Admit, ""},
		{"one domain", limits, signsUp, Facts{Domain: used.Add(1)}, Wait, PerDomain},
		{"others that may go wait", limits, signsUp, Facts{Waiting: 1, Free: now}, Wait, InAll},
		{"others wait, whose domain has had its share", limits, signsUp, Facts{Waiting: 1, Free: used.Add(1)}, Admit, ""},
		{"it waits, with the better place", limits, signsUp, Facts{Domain: used.Add(1), Waiting: 1, Free: used.Add(1), Standing: better}, Count, ""},
		{"it waits, with a worse place", limits, signsUp, Facts{Domain: used.Add(1), Waiting: 1, Free: used.Add(1), Standing: worse}, Replace, PerDomain},
		{"it waits, among as many as may", limits, signsUp, Facts{Domain: used.Add(1), Waiting: 10, Most: 3, Free: used.Add(1), Standing: worse}, Replace, PerDomain},
		{"it waits, and has its turn soon", limits, signsUp, Facts{Waiting: 1, Free: used.Add(1), Standing: worse}, Replace, PerDomain},
		{"it waits, and nobody knows who asks", limits, anonymous, Facts{All: used.Add(1), Waiting: 1, Standing: &Rank{At: now}}, Refuse, ""},
		{"one network has many waiting", limits, signsUp, Facts{All: used.Add(1), Waiting: 3, OfNetwork: 3}, Refuse, QueueFull},
		{"a wide network has many waiting", limits, signsUp, Facts{All: used.Add(1), Waiting: 5, OfWide: 12}, Refuse, QueueFull},
		{"just below", limits, signsUp, Facts{All: used.Add(1), Waiting: 9, OfNetwork: 2, OfWide: 11, OfAround: 11}, Wait, InAll},
		{"the network around has many waiting", limits, signsUp, Facts{All: used.Add(1), Waiting: 5, OfAround: 12}, Refuse, QueueFull},
		{"the widest has a twentieth of all", Limits{All: 6, Waiting: 400, WaitingOfOne: 3}, signsUp, Facts{All: used.Add(1), Waiting: 30, OfAround: 20}, Refuse, QueueFull},
		{"just below a twentieth", Limits{All: 6, Waiting: 400, WaitingOfOne: 3}, signsUp, Facts{All: used.Add(1), Waiting: 30, OfAround: 19}, Wait, InAll},
		{"full, another network has more", limits, signsUp, Facts{All: used.Add(1), Waiting: 10, OfNetwork: 1, OfAround: 1, Most: 3}, Displace, InAll},
		{"full, it would have as many", limits, signsUp, Facts{All: used.Add(1), Waiting: 10, OfAround: 1, Most: 2}, Refuse, QueueFull},
		{"full, of the network that has most", limits, signsUp, Facts{All: used.Add(1), Waiting: 10, OfAround: 9, Most: 9}, Refuse, QueueFull},
		{"full of single ones", limits, signsUp, Facts{All: used.Add(1), Waiting: 10, Most: 1}, Refuse, QueueFull},
		{"others of the mailbox", limits, tagged, Facts{Inbox: 3}, Count, PerAddress},
		{"others of the mailbox, while it waits", limits, tagged, Facts{Inbox: 3, All: used.Add(1)}, Wait, InAll},
		{"others of the mailbox, with a plus sign", limits, signsUp, Facts{Inbox: 3}, Admit, ""},
		{"others of the mailbox, with dots", limits, signsUp, Facts{Inbox: 9}, Count, PerAddress},
		{"the address itself, which its record counts", limits, signsUp, Facts{Address: 3, AddressLast: now}, Admit, ""},
		{"moves to the address", limits, moves, Facts{Address: 3, AddressLast: now.Add(-time.Hour)}, Count, PerAddress},
		{"moves to the address, the last just now", limits, moves, Facts{Address: 1, AddressLast: lately}, Count, PerAddress},
		{"moves to the address, the last a while ago", limits, moves, Facts{Address: 2, AddressLast: lately.Add(-1)}, Admit, ""},
		{"moves, while sign-ups wait", limits, moves, Facts{Waiting: 10, Free: now, Most: 1}, Admit, ""},
		{"moves, too many", limits, moves, Facts{All: used.Add(1)}, Refuse, QueueFull},
		{"asks for a link, whatever strangers do", limits, links, Facts{Address: 3, AddressLast: now, Inbox: 3, All: used.Add(1), Domain: used.Add(1), Waiting: 10, Free: now, Most: 1}, Admit, ""},
		{"asks for links without end", limits, links, Facts{Network: askedNow(4)}, Refuse, PerClient},
		{"no limits", Limits{}, moves, Facts{Network: askedNow(99), Wide: askedNow(99), Address: 99, AddressLast: now, Inbox: 99, All: used.Add(1), Domain: used.Add(1)}, Admit, ""},
	} {
		got := test.limits.judge(test.attempt, test.facts)
		if got.Verdict != test.verdict || got.Limit != test.limit {
			t.Errorf("%s: %v by %q, want %v by %q", test.name, got.Verdict, got.Limit, test.verdict, test.limit)
		}
		if counts := got.Network.Now - test.facts.Network.Now; got.Verdict != Refuse && counts != 1 {
			t.Errorf("%s: counted %d times", test.name, counts)
		}
		if got.Verdict != Refuse && got.Rank != RankOf(got.Network, got.Wide, got.Around, test.attempt) {
			t.Errorf("%s: what waits of the network gets the place %v", test.name, got.Rank)
		}
	}
}

// A sign-up of a mailbox that has what it may leaves the same behind as any other, as far as
// later answers can tell: as many wait, and as much of what is shared is taken.
func TestAMailboxShowsInNothingShared(t *testing.T) {
	limits := Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 99, Domain: 4, All: 6, Waiting: 10, WaitingOfOne: 3}
	used := now.Add(time.Hour + 1)
	for name, f := range map[string]Facts{
		"nothing waits": {}, "in all": {All: used}, "of the domain": {Domain: used}, "another domain's wait": {Waiting: 3, Free: used, Most: 1}, "full of another": {All: used, Waiting: 10, Most: 9},
	} {
		for _, asker := range []Asker{{}, {"near", "wide", "around"}} {
			a := Attempt{At: now, SignUp: SignUp{Asker: asker, Address: mustParse("ada+news@example.com")}}
			leaves := func(inbox int) string {
				f.Inbox = inbox
				d := limits.judge(a, f)
				return fmt.Sprint(d.Verdict == Wait || d.Verdict == Displace, d.All, d.Domain)
			}
			if of, others := leaves(3), leaves(0); of != others {
				t.Errorf("%s, %v: it leaves %s, others %s", name, asker, of, others)
			}
		}
	}
}

// While there is no room, and while there is, the answer is the same whatever is known of
// the address.
func TestAnswersSayNothingOfAnAddress(t *testing.T) {
	limits := Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 99, Domain: 4, All: 6, Waiting: 10, WaitingOfOne: 3}
	used := now.Add(time.Hour + 1)
	says := func(d Decision) error {
		switch {
		case d.Verdict == Refuse && d.Limit == PerClient:
			return ErrTooMany
		case d.Verdict == Refuse && d.Limit == QueueFull:
			return ErrBusy
		}
		return nil
	}
	for _, moves := range []bool{false, true} {
		for _, asker := range []Asker{{}, {"near", "wide", "around"}} {
			for name, f := range map[string]Facts{
				"nothing waits":       {},
				"others wait":         {Waiting: 3, Free: now},
				"all is used":         {All: used},
				"the domain's is":     {Domain: used, Waiting: 3, Free: used},
				"full":                {All: used, Waiting: 10, Most: 1},
				"full, of the domain": {Domain: used, Waiting: 10, Most: 1, Free: used},
				"full of another":     {All: used, Waiting: 10, Most: 9},
				"full of the network": {All: used, Waiting: 3, OfNetwork: 3},
				"full of the widest":  {All: used, Waiting: 10, OfAround: 9, Most: 9},
				"asked too often":     {Network: askedNow(99)},
			} {
				a := Attempt{At: now, Moves: moves, SignUp: SignUp{Asker: asker, Address: ada}}
				unknown := says(limits.judge(a, f))
				for what, of := range map[string]func(*Facts){
					"waits, with a better place": func(f *Facts) { f.Standing = &Rank{} },
					"waits, with a worse place":  func(f *Facts) { f.Standing = &Rank{Network: 50} },
					"has a full mailbox":         func(f *Facts) { f.Inbox = 9 },
					"was asked often":            func(f *Facts) { f.Address, f.AddressLast = 3, now },
					"all of it":                  func(f *Facts) { f.Standing, f.Inbox, f.Address = &Rank{}, 9, 3 },
				} {
					known := f
					of(&known)
					if got := says(limits.judge(a, known)); got != unknown {
						t.Errorf("%s, moves: %v, %v: one that %s is told %v, others %v", name, moves, asker, what, got, unknown)
					}
				}
			}
		}
	}
}

// However it is asked for, no hour has more than the limit.
func TestAPaceIsNeverExceeded(t *testing.T) {
	for _, p := range []Pace{1, 2, 3, 5, 60, 500, 2000} {
		for seed := range uint64(5) {
			random := rand.New(rand.NewPCG(seed, 1))
			var reserved time.Time
			var through []time.Time
			for at := now; at.Before(now.Add(5 * time.Hour)); at = at.Add(time.Duration(random.Int64N(int64(3 * time.Hour / time.Duration(p+1))))) {
				if !p.allows(reserved, at) {
					if free := p.Free(reserved); !free.After(at) || !p.allows(reserved, free) || p.allows(reserved, free.Add(-1)) {
						t.Fatalf("%d an hour: free at %v, and refused at %v", p, free, at)
					}
					continue
				}
				reserved = p.Take(reserved, at)
				through = append(through, at)
			}
			for i, at := range through {
				if j := i + int(p); j < len(through) && through[j].Before(at.Add(time.Hour)) {
					t.Fatalf("%d an hour: one more within %v", p, through[j].Sub(at))
				}
			}
		}
		// Half of them at once, and what waits goes evenly.
		var reserved time.Time
		n := 0
		for ; p.allows(reserved, now); n++ {
			reserved = p.Take(reserved, now)
		}
		if n != int(p/2)+1 {
			t.Errorf("%d an hour: %d at once", p, n)
		}
	}
	if p := Pace(0); !p.allows(now.Add(1000*time.Hour), now) || p.Every() != 0 || p.Free(now).After(now) || p.Until(now).Before(now) {
		t.Error("no limit limits")
	}
}

func TestNetworksAskWithinTheHour(t *testing.T) {
	hour := now.Unix() / 3600 // begins at now
	for _, test := range []struct {
		asked Asked
		after time.Duration
		want  int
	}{
		{Asked{}, 0, 0},
		{Asked{Hour: hour, Now: 30, Before: 0}, 0, 30},
		{Asked{Hour: hour, Now: 30, Before: 0}, time.Hour - 1, 30},
		{Asked{Hour: hour, Now: 30, Before: 0}, time.Hour, 30},
		{Asked{Hour: hour, Now: 30, Before: 0}, 90 * time.Minute, 15},
		{Asked{Hour: hour, Now: 30, Before: 0}, 2*time.Hour - time.Second, 0},
		{Asked{Hour: hour, Now: 30, Before: 0}, 5 * time.Hour, 0},
		{Asked{Hour: hour, Now: 5, Before: 30}, 15 * time.Minute, 27},
	} {
		if got := test.asked.Within(now.Add(test.after)); got != test.want {
			t.Errorf("%v, %v later: %d, want %d", test.asked, test.after, got, test.want)
		}
	}
	if got := (Asked{Hour: hour, Now: 3, Before: 9}).Another(now.Add(time.Hour)); got != (Asked{Hour: hour + 1, Now: 1, Before: 3, Earlier: 864}) {
		t.Errorf("one more in the next hour: %v", got)
	}
}

func TestTheOrderOfWaiting(t *testing.T) {
	later := now.Add(time.Minute)
	inOrder := []Rank{{0, 0, 0, later}, {1, 1, 1, now}, {1, 1, 1, later}, {1, 1, 2, now}, {1, 1, 1024, now}, {1, 2, 2, now}, {1, 40, 64, now}, {2, 2, 2, now.Add(-time.Hour)}, {2, 2, 2, now}, {30, 30, 32, now.Add(-time.Hour)}}
	for i, a := range inOrder {
		for j, b := range inOrder {
			if got := a.Before(b); got != (i < j) {
				t.Errorf("%v before %v: %v", a, b, got)
			}
		}
	}
	shuffled := slices.Clone(inOrder)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, func(a, b Rank) int {
		if a.Before(b) {
			return -1
		}
		return 1
	})
	if !slices.Equal(shuffled, inOrder) {
		t.Errorf("sorted: %v", shuffled)
	}
	for _, test := range []struct {
		name                  string
		network, wide, around Asked
		client                string
		want                  Rank
	}{
		{"IPv4, whose wide network is itself", askedNow(3), askedNow(3), askedNow(5), "a", Rank{3, 3, 8, now}},
		{"alone in a /24", askedNow(1), askedNow(1), askedNow(1), "a", Rank{1, 1, 1, now}},
		{"a /64 among others", askedNow(1), askedNow(40), askedNow(64), "a", Rank{1, 40, 64, now}},
		{"one more", askedNow(1), askedNow(40), askedNow(65), "a", Rank{1, 40, 128, now}},
		{"nobody knows what is around", askedNow(2), askedNow(2), Asked{}, "a", Rank{2, 2, 2, now}},
		{"nobody knows from where", askedNow(9), askedNow(9), askedNow(9), "", Rank{0, 0, 0, now}},
	} {
		if got := RankOf(test.network, test.wide, test.around, Attempt{At: now, SignUp: SignUp{Asker: Asker{Client: test.client}}}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// Who comes back every hour has a lower place than who comes for the first time, for a day.
func TestWhatWasAskedEarlierCounts(t *testing.T) {
	var a Asked
	at := now
	for i, want := range []int{1, 2, 3, 4, 5, 6} {
		if a = a.Another(at); a.Lately(at) != want || a.Within(at) > 2 {
			t.Errorf("after %d rounds: %d lately, %d within the hour", i+1, a.Lately(at), a.Within(at))
		}
		at = at.Add(time.Hour)
	}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{2 * time.Hour, 6}, {12 * time.Hour, 4}, {24 * time.Hour, 3}, {AskedFor * time.Hour, 2}, {(AskedFor + 1) * time.Hour, 0}} {
		if got := a.Lately(now.Add(5*time.Hour + test.after)); got != test.want {
			t.Errorf("%v later: %d, want %d", test.after, got, test.want)
		}
	}
	once := Asked{}.Another(now)
	if got := once.Lately(now.Add(31 * time.Hour)); got != 0 {
		t.Errorf("one who asked once, 31 hours later: %d", got)
	}
}

func TestADelayIsRoundedUp(t *testing.T) {
	limits := Limits{All: 2000, Domain: 500}
	for _, test := range []struct {
		limits Limits
		ahead  ahead
		want   time.Duration
	}{
		{limits, ahead{}, 2 * 14400 * time.Millisecond},
		{limits, ahead{All: 99}, 2 * 100 * 3600 * time.Millisecond},
		{limits, ahead{All: 99, Domain: 49}, 2 * 50 * 14400 * time.Millisecond},
		{Limits{All: 2000}, ahead{All: 9, Domain: 9}, 2 * 10 * 3600 * time.Millisecond},
	} {
		if got := test.limits.delay(test.ahead); got != test.want {
			t.Errorf("%+v: %v, want %v", test.ahead, got, test.want)
		}
	}
}

func TestEmailsToOneAddress(t *testing.T) {
	limits := Limits{AddressEvery: 15 * time.Minute, AddressADay: 3}
	for _, test := range []struct {
		name   string
		limits Limits
		asked  int
		since  time.Duration // before now
		last   time.Duration // before now
		may    bool
		counts int // afterwards
	}{
		{"the first", limits, 0, 48 * time.Hour, 48 * time.Hour, true, 1},
		{"at once", limits, 1, time.Hour, 15*time.Minute - 1, false, 1},
		{"later", limits, 1, time.Hour, 15 * time.Minute, true, 2},
		{"the last of a day", limits, 2, time.Hour, time.Hour, true, 3},
		{"one too many", limits, 3, day - 1, time.Hour, false, 3},
		{"the next day", limits, 3, day, time.Hour, true, 1},
		{"the next day, at once", limits, 3, day, time.Minute, false, 0},
		{"no limits", Limits{}, 9, time.Hour, 0, true, 10},
	} {
		sub := Subscriber{Asked: test.asked, AskedSince: now.Add(-test.since)}
		if may := test.limits.mayEmail(&sub, now.Add(-test.last), now); may != test.may || sub.Asked != test.counts {
			t.Errorf("%s: %v, %d counted", test.name, may, sub.Asked)
		}
	}
}

func TestARefusalIsToldOfOnceAnHour(t *testing.T) {
	var r refusals
	for _, test := range []struct {
		limit Limit
		after time.Duration
		first bool
	}{{PerClient, 0, true}, {PerClient, time.Hour - 1, false}, {InAll, time.Hour - 1, true}, {PerClient, time.Hour, true}, {PerClient, time.Hour, false}} {
		if first := r.add(test.limit, test.limit != InAll, now.Add(test.after)); first != test.first {
			t.Errorf("%s after %v: %v", test.limit, test.after, first)
		}
	}
	if got := r.take(); len(got) != 1 || got[PerClient] != 4 {
		t.Errorf("counted %v", got)
	}
	if got := r.take(); len(got) != 0 {
		t.Errorf("counted again: %v", got)
	}
}
