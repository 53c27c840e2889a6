package subscribers

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"time"
)

// Waiting is a sign-up that waits for its turn. Nothing of it is known to others yet: it
// takes effect when it is released, as if it were made then.
type Waiting struct {
	At time.Time // when it was made
	SignUp
}

// Rank is the place of a sign-up among those that wait. The fewer its network has asked for
// lately, the earlier it comes; of those with as many, the one whose wider networks
// asked for less; then who came first.
type Rank struct {
	Network int // Asker.Client
	Wide    int // Asker.Wide
	Around  int // Asker.Around, rounded up to a power of two: its sign-ups keep their places for longer
	At      time.Time
}

// RankOf is the place of an attempt whose networks asked so often. One whose network is
// not known competes by time alone.
func RankOf(network, wide, around Asked, a Attempt) Rank {
	r := Rank{At: a.At}
	if a.Client != "" {
		r.Network, r.Wide = network.Lately(a.At), wide.Lately(a.At)
		r.Wide = max(r.Network, r.Wide)
		if n := max(r.Wide, around.Lately(a.At)); n > 0 {
			r.Around = 1 << bits.Len(uint(n-1))
		}
	}
	return r
}

// Before reports whether a sign-up has its turn before another one.
func (r Rank) Before(other Rank) bool {
	return cmp.Or(cmp.Compare(r.Network, other.Network), cmp.Compare(r.Wide, other.Wide), cmp.Compare(r.Around, other.Around), r.At.Compare(other.At)) < 0
}

// Place is the place of a sign-up in the line, and the domain of its address.
type Place struct {
	Rank
	Domain string
}

// Queue is what is known of sign-ups that wait or were refused.
type Queue struct {
	Waiting int
	Since   time.Time     // when the oldest was made; zero: none waits
	Domains int           // how many domains they are at
	Refused map[Limit]int // by what refused them; some fell out of the queue
}

// QueueWithin is how far back refused sign-ups are told of.
const QueueWithin = 24 * time.Hour

// ahead are the sign-ups that come before one.
type ahead struct {
	All    int // those before it
	Domain int // of them, those at the domain that has the most
}

// Released is what became of a look at those that wait.
type Released struct {
	Done bool      // one had its turn
	Next time.Time // when the next may have its turn, if none had; zero: none waits
}

// Release gives the first that waits its turn, if the limits let it. Several may call it at
// once: each sign-up has one turn.
func (r *Registry) Release(ctx context.Context) (Released, error) {
	now, rules := time.Now(), r.rules()
	may := func(w Waiting, others int) bool { return !r.Limits.inboxFull(w.Address, others) }
	return r.Store.ReleaseWaiting(ctx, now, r.Limits.All, r.Limits.Domain, may, func(w Waiting, sub *Subscriber) Change {
		w.Categories = slices.DeleteFunc(slices.Clone(w.Categories), func(slug string) bool { return !slices.Contains(r.Categories, slug) })
		if len(w.Categories) == 0 || r.Refused.Has(w.Address.Domain()) { // since they signed up
			return Change{}
		}
		change := rules.signUp(sub, w.SignUp, now)
		if change.Event.What != "" {
			change.Event.At = w.At // consent was given then
		}
		return change
	})
}

// Rerank gives those that wait the places that they have by now: what their networks asked
// for counts for an hour. It also forgets counts that no longer matter.
func (r *Registry) Rerank(ctx context.Context) error {
	now := time.Now()
	known := Attempt{At: now, SignUp: SignUp{Asker: Asker{Client: "known"}}}
	return r.Store.Rerank(ctx, now, func(network, wide, around Asked) Rank { return RankOf(network, wide, around, known) })
}

// Delay is how long an email may take to go out that a sign-up asks for; 0 while none
// waits. It is the same for every address.
func (r *Registry) Delay(ctx context.Context, by Asker) (time.Duration, error) {
	if r.Limits.All <= 0 && r.Limits.Domain <= 0 {
		return 0, nil
	}
	f, err := r.Store.AskedBy(ctx, by)
	if err != nil || f.Waiting == 0 {
		return 0, err
	}
	now := time.Now()
	line, err := r.line.at(ctx, r.Store, now)
	if err != nil {
		return 0, err
	}
	return r.Limits.delay(line.before(RankOf(f.Network, f.Wide, f.Around, Attempt{At: now, SignUp: SignUp{Asker: by}}))), nil
}

// delay is how long those before one may take: twice what the limits need for them, since
// others may come in between.
func (l Limits) delay(a ahead) time.Duration {
	return 2 * max(time.Duration(a.All+1)*l.All.Every(), time.Duration(a.Domain+1)*l.Domain.Every())
}
