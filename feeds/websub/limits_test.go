package websub

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestWhichRequestsAreKept(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	limits := Limits{Subscriptions: 100, SubscriptionsPerHost: 50, SubscriptionsPerClient: 10, Requests: 20, RequestsPerHost: 8, RequestsPerClient: 5, HourlyPerClient: 30, Topics: 30, TopicsPerClient: 10}
	asked := func(n int) Asked { return Asked{Since: now.Add(-time.Minute), N: n} }
	for name, test := range map[string]struct {
		facts                    Facts
		unsubscribe, unknown     bool
		onDemand                 bool
		refuse                   error
		displace, displaceToHost bool
	}{
		"the first":                                  {},
		"the last of the hour":                       {facts: Facts{Asked: asked(29)}},
		"one more than an hour's":                    {facts: Facts{Asked: asked(30)}, refuse: ErrTooMany},
		"of a client that renews, too":               {facts: Facts{Asked: asked(30), Subscribed: true, Own: true}, refuse: ErrTooMany},
		"of a client that leaves, too":               {facts: Facts{Asked: asked(30)}, unsubscribe: true, refuse: ErrTooMany},
		"of a client that is not known":              {facts: Facts{Asked: asked(30)}, unknown: true},
		"an hour later":                              {facts: Facts{Asked: Asked{Since: now.Add(-time.Hour), N: 30}}},
		"of a /56 that asked for its share":          {facts: Facts{WideAsked: asked(120)}, refuse: ErrTooMany},
		"beyond the client's subscriptions":          {facts: Facts{Subscriptions: Counts{Client: 8}, Requests: Counts{Client: 2}}, refuse: ErrTooMany},
		"beyond the /56's subscriptions":             {facts: Facts{Subscriptions: Counts{Wide: 40}}, refuse: ErrTooMany},
		"another topic made on demand":               {onDemand: true, facts: Facts{Topics: 29, TopicsOfClient: 9}},
		"one too many for the client":                {onDemand: true, facts: Facts{TopicsOfClient: 10}, refuse: ErrTooMany},
		"one too many for all":                       {onDemand: true, facts: Facts{Topics: 30}, refuse: ErrFull},
		"one that others follow":                     {onDemand: true, facts: Facts{Topics: 30, Followed: true}},
		"one that is there":                          {facts: Facts{Topics: 30, TopicsOfClient: 10}},
		"renewed beyond them":                        {facts: Facts{Subscribed: true, Own: true, Subscriptions: Counts{Client: 10}}},
		"left beyond them":                           {facts: Facts{Subscriptions: Counts{All: 100, Host: 50, Client: 10}}, unsubscribe: true},
		"a full hub":                                 {facts: Facts{Subscriptions: Counts{All: 100}}, refuse: ErrFull},
		"a full host":                                {facts: Facts{Subscriptions: Counts{Host: 50}}, refuse: ErrFull},
		"renewed at a full hub":                      {facts: Facts{Subscribed: true, Subscriptions: Counts{All: 100, Host: 50}}},
		"more than may wait of a client":             {facts: Facts{Requests: Counts{Client: 5}}, refuse: ErrTooMany},
		"in place of one that waits":                 {facts: Facts{Waits: true, Requests: Counts{All: 20, Host: 8, Client: 5}}},
		"a renewal while all is taken":               {facts: Facts{Subscribed: true, Own: true, Requests: Counts{All: 20, Host: 8, Client: 5}, Most: 1, MostToHost: 1, ToHost: 1}},
		"a newcomer while all is taken":              {facts: Facts{Requests: Counts{All: 20}, Most: 5}, displace: true},
		"one of those that take all":                 {facts: Facts{Requests: Counts{All: 20, Client: 4}, Most: 4}, refuse: ErrFull},
		"a stranger's renewal while all is taken":    {facts: Facts{Subscribed: true, Requests: Counts{All: 20, Client: 4}, Most: 4}, refuse: ErrFull},
		"a newcomer while the host is taken":         {facts: Facts{Requests: Counts{All: 8, Host: 8}, MostToHost: 5, Most: 5}, displaceToHost: true},
		"one of those that take the host":            {facts: Facts{Requests: Counts{All: 8, Host: 8, Client: 4}, ToHost: 4, MostToHost: 4, Most: 5}, refuse: ErrFull},
		"a newcomer while both are taken":            {facts: Facts{Requests: Counts{All: 20, Host: 8}, MostToHost: 5, Most: 5}, displaceToHost: true},
		"not known, while those not known take all":  {facts: Facts{Requests: Counts{All: 20, Client: 20}, Most: 20}, unknown: true, refuse: ErrFull},
		"not known, while one that is known has all": {facts: Facts{Requests: Counts{All: 20}, Most: 20}, unknown: true, displace: true},
	} {
		r := Request{Mode: Subscribe, At: now, Asker: Asker{Client: "client", Wide: "wide"}}
		r.OnDemand = test.onDemand
		if test.unsubscribe {
			r.Mode = Unsubscribe
		}
		if test.unknown {
			r.Asker = Asker{}
		}
		d := limits.Decide(r, test.facts)
		if !errors.Is(d.Refuse, test.refuse) || d.Displace != test.displace || d.DisplaceToHost != test.displaceToHost {
			t.Errorf("%s: %+v", name, d)
		}
		if d.Refuse == nil && d.Asked != test.facts.Asked.Again(now) {
			t.Errorf("%s: it counts as %+v", name, d.Asked)
		}
	}
}

func TestPlacesAreByNetworkAndThenTime(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	type placed struct {
		who        string
		turn, wide int
		at         int
	}
	var line []placed
	var flood, wide Asked
	for n := range 5 { // of one /64
		flood, wide = flood.Again(now), wide.Again(now)
		turn, wideTurn := Place(Asker{"a", "A"}, flood, wide)
		line = append(line, placed{"flood", turn, wideTurn, n})
	}
	for n := range 3 { // another /64 each, of the same /56
		wide = wide.Again(now)
		turn, wideTurn := Place(Asker{"b", "A"}, Asked{}.Again(now), wide)
		line = append(line, placed{"neighbour", turn, wideTurn, 5 + n})
	}
	turn, wideTurn := Place(Asker{"c", "C"}, Asked{}.Again(now), Asked{}.Again(now))
	line = append(line, placed{"honest", turn, wideTurn, 8})
	turn, wideTurn = Place(Asker{}, Asked{}, Asked{})
	line = append(line, placed{"unknown", turn, wideTurn, 9})
	slices.SortFunc(line, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.wide, b.wide), cmp.Compare(a.at, b.at))
	})
	var got []string
	for _, p := range line {
		got = append(got, p.who)
	}
	if want := []string{"flood", "honest", "unknown", "neighbour", "neighbour", "neighbour", "flood", "flood", "flood", "flood"}; !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}
