package subscribers

import (
	"context"
	"errors"
	"time"
)

// Limits keep sign-ups from being used to flood mailboxes. Those of one mailbox and of one
// client concern nobody but who asks. Those of a domain and of all are shared: a sign-up
// beyond them waits, so that nobody can use up what is there for others. People are told of
// the limit per client, and that too many wait; no answer says anything about an address.
// Zero means no limit.
type Limits struct {
	AddressEvery time.Duration // between two emails to one address
	AddressADay  int           // emails to one address in 24 hours, and sign-ups of all that are written with a plus sign and have its Inbox
	Client       int           // sign-ups in an hour from one network: an IPv4 address, or an IPv6 /64
	Domain       Pace          // sign-ups in an hour with addresses of one domain
	All          Pace          // sign-ups in an hour
	Waiting      int           // sign-ups that wait; of one Around, a twentieth of that
	WaitingOfOne int           // sign-ups of one network that wait
}

// wideFactor is how much more an IPv6 /56 may ask for than one of its 256 /64s: usually it
// is one household's or one office's, but several providers give one to many customers.
const wideFactor = 4

// waitingAround is how many sign-ups of one Asker.Around may wait: an IPv6 /48 has 65,536
// /64s, and anybody can get one.
func (l Limits) waitingAround() int {
	return max(l.Waiting/20, wideFactor*l.WaitingOfOne)
}

// movesAround is how much more one Asker.Around may ask for before it may ask for no change
// of address: those don't wait, so what it takes of the shared limits is gone for others.
const movesAround = wideFactor

var (
	// ErrTooMany says that a client has signed up too often, whatever the addresses.
	ErrTooMany = errors.New("too many sign-ups from one client: please try again in an hour")
	// ErrChanges says that a link has changed too much within an hour.
	ErrChanges = errors.New("too many changes within an hour: please try again later")
	// ErrBusy says that as many sign-ups wait as may.
	ErrBusy = errors.New("too many sign-ups are waiting: please try again later")
)

// Attempt is a sign-up, a change of address, or a request for a link, as it is counted.
type Attempt struct {
	At time.Time
	SignUp
	// Moves says that a reader wants to move to the address: it has no record of its own
	// yet, in which emails to it are counted. Moves don't wait, and have shared limits of
	// their own, so that neither a flood of them nor one of sign-ups stops the other.
	Moves bool
	// Returns says, of one that moves, who calls their subscription back by the link that
	// their former mailbox got. What others ask for at that address must not keep them from
	// it: only the client and what this subscriber called back there are limited.
	Returns string // the public id
	// Links says that a fresh link is asked for. It goes to nobody but who is on record, and
	// how many emails they get is counted there: only the client is limited here, so that
	// no stranger keeps readers from their data.
	Links bool
}

// How many events are recorded of a subscriber in an hour: far more than people cause.
// Without a limit whoever has a link, or knows an address, could fill the database.
const (
	EventsHourly  = 30 // by links; what ends emails, or confirms them, is always recorded
	signUpsHourly = 10 // sign-ups that bring no email
)

// mailboxWindow is how far back attempts to one mailbox count.
const mailboxWindow = 24 * time.Hour

// MailboxSince is the time from which attempts to the same mailbox count.
func (a Attempt) MailboxSince() time.Time { return a.At.Add(-mailboxWindow) }

// Facts are what an attempt is judged by.
type Facts struct {
	Network, Wide, Around Asked

	// Since Attempt.MailboxSince:
	Address     int       // attempts to the very address that were let through
	AddressLast time.Time // the last of them; zero: none
	Inbox       int       // those to other addresses with the same Inbox, and the waiting ones

	All, Domain time.Time // up to when what the two may have is reserved; see Pace

	Waiting   int       // sign-ups that wait
	OfNetwork int       // of the same Client
	OfWide    int       // of the same Wide
	OfAround  int       // of the same Around
	Most      int       // of the Around with the most
	Free      time.Time // the least that is reserved of a domain with sign-ups that wait
	Standing  *Rank     // of a sign-up of the same address that waits
}

// Verdict is what becomes of an attempt.
type Verdict int

const (
	Refuse   Verdict = iota // nothing is stored
	Admit                   // it is counted, and takes its turn
	Count                   // it is counted, and nothing else is stored
	Wait                    // it is counted and stored
	Displace                // the same, and one of the Around with the most gives way
	Replace                 // the same, and it takes the place of Facts.Standing
)

// Decision is what becomes of an attempt, with what is stored of it.
type Decision struct {
	Verdict Verdict
	Limit   Limit // that keeps it from being admitted

	Network, Wide, Around Asked // unless Refuse, and so is Rank
	Rank                  Rank
	All, Domain           time.Time // of Admit, and of Count unless they are zero
}

// Limit names one of Limits, by its key in the configuration.
type Limit string

const (
	InAll      Limit = "total_hourly"
	PerDomain  Limit = "domain_hourly"
	PerClient  Limit = "client_hourly"
	PerAddress Limit = "address_daily"
	QueueFull  Limit = "waiting" // as many wait as may
)

// judge says what becomes of an attempt. What its answer depends on is judged before all
// that is known of its address.
func (l Limits) judge(a Attempt, f Facts) Decision {
	asked, wide, around := f.Network.Within(a.At), f.Wide.Within(a.At), f.Around.Within(a.At)
	if a.Client != "" && l.Client > 0 && (asked >= l.Client || wide >= wideFactor*l.Client || a.Moves && around >= movesAround*l.Client) {
		return Decision{Limit: PerClient}
	}
	d := Decision{Network: f.Network.Another(a.At), Wide: f.Wide.Another(a.At), Around: f.Around.Another(a.At)}
	d.Rank = RankOf(d.Network, d.Wide, d.Around, a) // whatever is asked for, it moves what waits back
	direct := a.Links || a.Returns != ""
	if !direct {
		d.Limit = l.shared(a, f)
	}
	room := Admit
	if d.Limit != "" {
		if room = l.room(a, f); room == Refuse {
			return Decision{Limit: QueueFull}
		}
	}
	switch {
	// Of its mailbox nothing may show: one that waits is judged in its turn, and one that
	// would be admitted takes of what is shared, as others do.
	case room == Admit && l.ofMailbox(a, f):
		d.Verdict, d.Limit = Count, PerAddress
		if !direct {
			d.All, d.Domain = l.All.Take(f.All, a.At), l.Domain.Take(f.Domain, a.At)
		}
	case direct:
		d.Verdict = Admit
	case f.Standing != nil && d.Rank.Before(*f.Standing):
		d.Verdict = Replace
		if d.Limit == "" { // it is about to have its turn
			d.Limit = PerDomain
		}
	case f.Standing != nil: // one is enough
		d.Verdict, d.Limit = Count, ""
	case room == Admit:
		d.Verdict, d.All, d.Domain = Admit, l.All.Take(f.All, a.At), l.Domain.Take(f.Domain, a.At)
	default:
		d.Verdict = room
	}
	if d.Verdict == Count && a.Client == "" && d.All.IsZero() {
		d.Verdict = Refuse
	}
	return d
}

// shared names the shared limit that keeps an attempt from being admitted; "" if none does.
func (l Limits) shared(a Attempt, f Facts) Limit {
	switch {
	case !l.All.allows(f.All, a.At):
		return InAll
	case !l.Domain.allows(f.Domain, a.At):
		return PerDomain
	case !a.Moves && f.Waiting > 0 && !f.Free.IsZero() && l.Domain.allows(f.Free, a.At): // they come first
		return InAll
	}
	return ""
}

// room says whether another attempt may wait: Wait, Displace or Refuse.
func (l Limits) room(a Attempt, f Facts) Verdict {
	switch {
	case a.Moves, l.WaitingOfOne > 0 && (f.OfNetwork >= l.WaitingOfOne || f.OfWide >= wideFactor*l.WaitingOfOne):
		return Refuse
	case l.Waiting == 0:
		return Wait
	case l.WaitingOfOne > 0 && f.OfAround >= l.waitingAround():
		return Refuse
	case f.Waiting < l.Waiting:
		return Wait
	case f.OfAround+1 < f.Most:
		return Displace
	}
	return Refuse
}

// ofMailbox reports whether a mailbox has got what it may.
func (l Limits) ofMailbox(a Attempt, f Facts) bool {
	return a.Moves && (l.AddressADay > 0 && f.Address >= l.AddressADay || a.At.Sub(f.AddressLast) < l.AddressEvery) ||
		!a.Links && a.Returns == "" && l.inboxFull(a.Address, f.Inbox)
}

// inboxFull reports whether so many sign-ups of others with the Inbox of an address keep it
// from another one.
func (l Limits) inboxFull(a Address, others int) bool {
	return l.AddressADay > 0 && others >= l.others(a)
}

// others is how many sign-ups of others that are. Strangers make up addresses with a plus sign: these don't hold up the one without, and
// dots where Gmail ignores them seldom do.
func (l Limits) others(a Address) int {
	if a.tagged() {
		return l.AddressADay
	}
	return 3 * l.AddressADay
}

// admit counts a sign-up, or a change of address. It is false when the email is withheld,
// or waits; ErrTooMany and ErrBusy are for who asks. at is when the email may go out; zero =
// at once.
func (r *Registry) admit(ctx context.Context, a Attempt) (admitted bool, at time.Time, err error) {
	a.At = time.Now()
	var d Decision
	err = r.Store.Ask(ctx, a, func(f Facts) Decision {
		d = r.Limits.judge(a, f)
		return d
	})
	if err != nil {
		return false, at, err
	}
	r.note(ctx, a, d)
	switch {
	case d.Verdict == Admit, d.Verdict == Count:
		at, err = r.turn(ctx, a)
		return d.Verdict == Admit, at, err
	case d.Verdict != Refuse:
		return false, at, nil
	case d.Limit == PerClient:
		return false, at, ErrTooMany
	case d.Limit == QueueFull:
		return false, at, ErrBusy
	}
	return false, at, nil
}

// mayEmail reports whether the limits per address allow another email after the last
// one, and counts it.
func (l Limits) mayEmail(sub *Subscriber, last, now time.Time) bool {
	if now.Sub(sub.AskedSince) >= mailboxWindow {
		sub.Asked, sub.AskedSince = 0, now
	}
	if l.AddressADay > 0 && sub.Asked >= l.AddressADay || now.Sub(last) < l.AddressEvery {
		return false
	}
	sub.Asked++
	return true
}
