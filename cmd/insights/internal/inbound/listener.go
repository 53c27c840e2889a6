package inbound

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// limits are how many sessions there may be, and how long one lasts.
type limits struct {
	all     int
	of      [3]int        // of one network, as networksOf names them; local clients may have all
	purpose time.Duration // until a recipient is accepted
	hasty   time.Duration // how long any session keeps its place while no message comes in
	longest time.Duration // how long a session may last in all
}

// fairListener keeps strangers from taking every session: one network has a share, and a
// session without a recipient ends soon. When all are taken, a client of a network with
// fewer ends a session of the one with most.
type fairListener struct {
	net.Listener
	limits

	mu   sync.Mutex
	open []*fairConn            // in the order they came
	idle map[netip.Prefix]spent // by the widest network
}

func newFairListener(l net.Listener, limits limits) *fairListener {
	return &fairListener{Listener: l, limits: limits}
}

func (l *fairListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &fairConn{Conn: conn, listener: l, networks: networksOf(conn), since: time.Now(), reached: time.Now()}
		if l.enter(c) {
			return c, nil
		}
		go refuse(conn)
	}
}

// networksOf are the networks of a connection's other end, one around the other: an IPv4
// address, or a /64 of IPv6; a /56; a /24 or a /48. They are zero for a client on this
// machine.
func networksOf(conn net.Conn) (networks [3]netip.Prefix) {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	addr := remote.Addr().Unmap().WithZone("")
	if err != nil || addr.IsLoopback() { // a Unix socket has none
		return networks
	}
	bits := [3]int{64, 56, 48}
	if addr.Is4() {
		bits = [3]int{32, 32, 24}
	}
	for i := range networks {
		networks[i], _ = addr.Prefix(bits[i]) // fails only for more bits than it has
	}
	return networks
}

// enter takes a session in, maybe in the place of another. It is false when there is no
// place for it.
func (l *fairListener) enter(c *fairConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, share := range l.of {
		if c.networks[i].IsValid() && l.count(i, c.networks[i]) >= share {
			return false
		}
	}
	if len(l.open) >= l.all {
		least := l.leastNeeded(c)
		if least == nil {
			return false
		}
		l.dismiss(least)
	}
	l.open = append(l.open, c)
	c.end = time.AfterFunc(l.purpose, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.dismiss(c)
	})
	return true
}

// count is how many sessions one network has.
func (l *fairListener) count(i int, network netip.Prefix) (n int) {
	for _, c := range l.open {
		if c.networks[i] == network {
			n++
		}
	}
	return n
}

// leastNeeded is the session that gives way to a newcomer; nil if none does. It is one of
// a network that still has as many without it as the newcomer's then has, and of those
// the one that has done least, for longest. Where networks have equally many, one gives way
// with which no message comes in for a while, or whose network has kept places like that for
// longer than the newcomer's: strangers can have many networks.
func (l *fairListener) leastNeeded(newcomer *fairConn) (least *fairConn) {
	mine, spent := 0, time.Duration(0)
	if network := newcomer.networks[around]; network.IsValid() {
		mine, spent = l.count(around, network), l.spentBy(network)
	}
	for _, c := range l.open {
		if !c.networks[around].IsValid() {
			continue
		}
		switch n := l.count(around, c.networks[around]); {
		case n > mine+1, n > mine && (c.waits() >= l.hasty || l.spentBy(c.networks[around]) > spent+moreSpent):
		default:
			continue
		}
		if least == nil || cmp.Or(cmp.Compare(c.stage, least.stage), c.since.Compare(least.since)) < 0 {
			least = c
		}
	}
	return least
}

// around is the place of the widest network in networksOf.
const around = 2

func (l *fairListener) remove(c *fairConn) {
	if i := slices.Index(l.open, c); i >= 0 {
		l.spend(c)
		l.open = slices.Delete(l.open, i, i+1)
		c.end.Stop()
	}
}

// stage is how far a session is with a message.
type stage int

const (
	idle      stage = iota // no recipient is accepted
	addressed              // one is
	receiving              // the message comes in, or is being handled
)

// fairConn is one session's connection. All but the networks is guarded by listener.mu.
type fairConn struct {
	net.Conn
	listener *fairListener
	networks [3]netip.Prefix

	stage     stage
	since     time.Time // when it began, or was done with a message
	reached   time.Time // when it came to its stage
	useful    bool
	dismissed bool
	end       *time.Timer
}

// reaches notes how far the session is.
func (c *fairConn) reaches(s stage) {
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	if s != c.stage {
		l.spend(c)
	}
	if s == idle && c.stage != idle {
		c.since = time.Now()
	}
	c.stage = s
	if s == addressed && !c.useful && !c.dismissed && c.end.Stop() {
		c.useful = true
		c.end.Reset(l.longest - time.Since(c.since))
	}
}

// dismissAll ends the sessions that are no further than a stage.
func (l *fairListener) dismissAll(most stage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range slices.Clone(l.open) {
		if c.stage <= most {
			l.dismiss(c)
		}
	}
}

// dismiss ends a session: the server takes it for one that waited too long, says so (421)
// and closes it. Its place is free at once.
func (l *fairListener) dismiss(c *fairConn) {
	l.remove(c)
	c.dismissed = true
	c.Conn.SetReadDeadline(time.Now())
	c.Conn.SetWriteDeadline(time.Now().Add(time.Second)) // it may not be reading
}

// SetReadDeadline gives a session that was dismissed no more time.
func (c *fairConn) SetReadDeadline(t time.Time) error {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if c.dismissed {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is like SetReadDeadline.
func (c *fairConn) SetWriteDeadline(t time.Time) error {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if c.dismissed {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

func (c *fairConn) Close() error {
	c.listener.mu.Lock()
	c.listener.remove(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// refuse closes a connection for which there is no place, and says so.
func refuse(conn net.Conn) {
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.Write([]byte("421 4.3.2 too many sessions: please try again later\r\n")) // whether it arrives or not
	conn.Close()
}
