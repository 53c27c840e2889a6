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
	limits := Limits{Subscriptions: 100, SubscriptionsPerHost: 50, SubscriptionsPerClient: 10, Requests: 20, RequestsPerHost: 8, RequestsPerClient: 5, HourlyPerClient: 30, Topics: 30, TopicsPerAround: 10}
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
		"another topic made on demand":               {onDemand: true, facts: Facts{Topics: 29, TopicsOfAround: 9}},
		"one too many for the client":                {onDemand: true, facts: Facts{TopicsOfAround: 10}, refuse: ErrTooMany},
		"one too many for all":                       {onDemand: true, facts: Facts{Topics: 30, TopicsOfAround: 1}, refuse: ErrFull},
		"the first of a network":                     {onDemand: true, facts: Facts{Topics: 59}},
		"too many first ones":                        {onDemand: true, facts: Facts{Topics: 60}, refuse: ErrFull},
		"one that others follow":                     {onDemand: true, facts: Facts{Topics: 30, Followed: true}},
		"one that is there":                          {facts: Facts{Topics: 30, TopicsOfAround: 10}},
		"renewed beyond them":                        {facts: Facts{Subscribed: true, Own: true, Subscriptions: Counts{Client: 10}}},
		"left beyond them":                           {facts: Facts{Subscriptions: Counts{All: 100, Host: 50, Client: 10}}, unsubscribe: true},
		"a full hub":                                 {facts: Facts{Subscriptions: Counts{All: 100}}, refuse: ErrFull},
		"a full host":                                {facts: Facts{Subscriptions: Counts{Host: 50}}, refuse: ErrFull},
		"renewed at a full hub":                      {facts: Facts{Subscribed: true, Subscriptions: Counts{All: 100, Host: 50}}},
		"more than may wait of a client":             {facts: Facts{Requests: Counts{Client: 5}}, refuse: ErrTooMany},
		"in place of one that waits":                 {facts: Facts{Waits: true, Requests: Counts{All: 20, Host: 8, Client: 5}}},
		"a renewal while all is taken":               {facts: Facts{Subscribed: true, Own: true, Requests: Counts{All: 20, Host: 8, Client: 5}, Most: 1, MostToHost: 1, ToHost: 1}},
		"a newcomer while all is taken":              {facts: Facts{Requests: Counts{All: 20}, Most: 5}, displace: true},
		"one of those that take all":                 {facts: Facts{Requests: Counts{All: 20, Client: 4}, Of: 4, Most: 4}, refuse: ErrFull},
		"a neighbour of those that take all":         {facts: Facts{Requests: Counts{All: 20}, Of: 20, Most: 20}, refuse: ErrFull},
		"who would have as many":                     {facts: Facts{Requests: Counts{All: 20}, Of: 3, Most: 4}, refuse: ErrFull},
		"while each has one":                         {facts: Facts{Requests: Counts{All: 20}, Most: 1}, refuse: ErrFull},
		"while each to the host has one":             {facts: Facts{Requests: Counts{All: 8, Host: 8}, MostToHost: 1, Most: 5}, refuse: ErrFull},
		"while only renewals wait":                   {facts: Facts{Requests: Counts{All: 20}}, refuse: ErrFull},
		"a stranger's renewal while all is taken":    {facts: Facts{Subscribed: true, Requests: Counts{All: 20, Client: 4}, Of: 4, Most: 4}, refuse: ErrFull},
		"a newcomer while the host is taken":         {facts: Facts{Requests: Counts{All: 8, Host: 8}, MostToHost: 5, Most: 5}, displaceToHost: true},
		"one of those that take the host":            {facts: Facts{Requests: Counts{All: 8, Host: 8, Client: 4}, ToHost: 4, MostToHost: 4, Most: 5}, refuse: ErrFull},
		"beyond the /48's subscriptions":             {facts: Facts{Subscriptions: Counts{Around: 7}, Requests: Counts{Around: 3}}, refuse: ErrTooMany},
		"just below":                                 {facts: Facts{Subscriptions: Counts{Around: 7}, Requests: Counts{Around: 2}}},
		"the last subscription":                      {facts: Facts{Subscriptions: Counts{All: 90, Host: 40}, Requests: Counts{All: 9, Host: 7}}},
		"a subscription too many, if all come about": {facts: Facts{Subscriptions: Counts{All: 90}, Requests: Counts{All: 10}, Most: 1}, refuse: ErrFull},
		"in place of one that may come about":        {facts: Facts{Subscriptions: Counts{All: 90}, Requests: Counts{All: 10}, Most: 2}, displace: true},
		"too many of the host, if all come about":    {facts: Facts{Subscriptions: Counts{Host: 47}, Requests: Counts{Host: 3}, MostToHost: 1}, refuse: ErrFull},
		"in place of one of the host":                {facts: Facts{Subscriptions: Counts{Host: 47}, Requests: Counts{Host: 3}, MostToHost: 3}, displaceToHost: true},
		"renewed while all may be taken":             {facts: Facts{Subscribed: true, Subscriptions: Counts{All: 90}, Requests: Counts{All: 10}, Most: 1}},
		"a newcomer while both are taken":            {facts: Facts{Requests: Counts{All: 20, Host: 8}, MostToHost: 5, Most: 5}, displaceToHost: true},
		"not known, while those not known take all":  {facts: Facts{Requests: Counts{All: 20, Client: 20}, Of: 20, Most: 20}, unknown: true, refuse: ErrFull},
		"not known, while one that is known has all": {facts: Facts{Requests: Counts{All: 20}, Most: 20}, unknown: true, displace: true},
	} {
		r := Request{Mode: Subscribe, At: now, Asker: Asker{Client: "client", Wide: "wide", Around: "around"}}
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
		around, at int
	}
	var line []placed
	var flood, wide, around Asked
	for n := range 5 { // of one /64
		flood, wide, around = flood.Again(now), wide.Again(now), around.Again(now)
		turn, wideTurn, aroundTurn := Place(Asker{"a", "A", "AA"}, flood, wide, around)
		line = append(line, placed{"flood", turn, wideTurn, aroundTurn, n})
	}
	for n := range 3 { // another /64 each, of the same /56
		wide, around = wide.Again(now), around.Again(now)
		turn, wideTurn, aroundTurn := Place(Asker{"b", "A", "AA"}, Asked{}.Again(now), wide, around)
		line = append(line, placed{"neighbour", turn, wideTurn, aroundTurn, 5 + n})
	}
	for n := range 3 { // another /56 each, of the same /48
		around = around.Again(now)
		turn, wideTurn, aroundTurn := Place(Asker{"d", "D", "AA"}, Asked{}.Again(now), Asked{}.Again(now), around)
		line = append(line, placed{"near", turn, wideTurn, aroundTurn, 8 + n})
	}
	turn, wideTurn, aroundTurn := Place(Asker{"c", "C", "CC"}, Asked{}.Again(now), Asked{}.Again(now), Asked{}.Again(now))
	line = append(line, placed{"honest", turn, wideTurn, aroundTurn, 11})
	turn, wideTurn, aroundTurn = Place(Asker{}, Asked{}, Asked{}, Asked{})
	line = append(line, placed{"unknown", turn, wideTurn, aroundTurn, 12})
	slices.SortFunc(line, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.wide, b.wide), cmp.Compare(a.around, b.around), cmp.Compare(a.at, b.at))
	})
	var got []string
	for _, p := range line {
		got = append(got, p.who)
	}
	if want := []string{"flood", "honest", "unknown", "flood", "flood", "flood", "flood", "neighbour", "neighbour", "neighbour", "near", "near", "near"}; !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

// A /48 that asks once from each of its networks does not come before a client that renews all
// that it has.
func TestManyNetworksOfOneComeAfterOneThatAsksLess(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	var around, asked Asked
	for range 600 {
		around = around.Again(now)
	}
	for range 100 {
		asked = asked.Again(now)
	}
	theirs, _, _ := Place(Asker{"a", "A", "AA"}, Asked{}.Again(now), Asked{}.Again(now), around)
	renewal, _, _ := Place(Asker{"b", "B", "BB"}, asked, asked, asked)
	if theirs <= renewal {
		t.Errorf("the flood has place %d, a renewal %d", theirs, renewal)
	}
	r := Request{Mode: Subscribe, Asker: Asker{"a", "A", "AA"}, At: now}
	full := DefaultLimits.Decide(r, Facts{AroundAsked: Asked{Since: now, N: aroundFactor * DefaultLimits.HourlyPerClient}})
	if !errors.Is(full.Refuse, ErrTooMany) {
		t.Errorf("a network that asked for %d within the hour: %v", aroundFactor*DefaultLimits.HourlyPerClient, full.Refuse)
	}
}
