package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/scaledbydesign/insights/newsletter"
)

// TLSMode says how the connection to a relay is protected.
type TLSMode string

// The modes. The zero value means TLSStartTLS.
const (
	TLSNone     TLSMode = "none"     // in clear, for a relay on the same machine
	TLSStartTLS TLSMode = "starttls" // STARTTLS, or no session (RFC 3207)
	TLSImplicit TLSMode = "implicit" // TLS from the first octet (RFC 8314)
)

// Relay is the mail server that messages are submitted to. It is safe for
// concurrent use as long as no field changes: each Open is a connection of its
// own.
type Relay struct {
	Host string  // also the name its certificate must have
	Port int     // 0 = 587, or 465 for TLSImplicit, or 25 for TLSNone
	TLS  TLSMode // "" = TLSStartTLS

	User     string // "" = no login
	Password string

	// HELO is what this client calls itself: its public host name. Empty means
	// "localhost", which says nothing of the machine's own name and which
	// stricter servers refuse.
	HELO string

	ConnectTimeout time.Duration // for the connection and implicit TLS; 0 = 10 s
	Timeout        time.Duration // for the greeting, for the login, for each command and each 64 KB of a message; 0 = 30 s
	DotTimeout     time.Duration // for the answer to the final dot; 0 = 10 min (RFC 5321, section 4.5.3.2.6)
	Grace          time.Duration // for that answer once the context has ended; 0 = 20 s
	MaxMessages    int           // messages to a session before it calls itself broken; 0 = any number

	// TLSConfig may hold other roots. Its ServerName defaults to Host, its
	// MinVersion to TLS 1.2.
	TLSConfig *tls.Config

	// DialContext connects; nil means a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

var _ newsletter.Transport = (*Relay)(nil)

// Open connects, turns TLS on and logs in. Its error says what to change in the
// configuration, wraps the cause, and never holds the password. PLAIN and LOGIN
// are used only under TLS or over loopback.
func (r *Relay) Open(ctx context.Context) (newsletter.Session, error) {
	relay, err := r.withDefaults()
	if err != nil {
		return nil, err
	}
	conn, err := relay.connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, relay.stopped(ctx)
		}
		return nil, relay.connectError(err)
	}
	// The context ends the login, too; go-mail minds it while it dials only, and
	// leaves the connection open when it fails.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	s, err := relay.logIn(ctx, conn)
	if !stop() {
		err = relay.stopped(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (r *Relay) withDefaults() (Relay, error) {
	relay := *r
	relay.TLS = cmp.Or(r.TLS, TLSStartTLS)
	port := map[TLSMode]int{TLSNone: 25, TLSStartTLS: 587, TLSImplicit: 465}[relay.TLS]
	switch {
	case relay.Host == "":
		return relay, errors.New("smtp: no mail server is configured; set INSIGHTS_SMTP_HOST")
	case port == 0:
		return relay, fmt.Errorf("smtp: unknown TLS mode %q; set INSIGHTS_SMTP_TLS to starttls, implicit or none", relay.TLS)
	case relay.Port < 0 || relay.Port > 65535:
		return relay, fmt.Errorf("smtp: invalid port %d; set INSIGHTS_SMTP_PORT to 1 to 65535", relay.Port)
	}
	relay.Port = cmp.Or(relay.Port, port)
	relay.HELO = cmp.Or(relay.HELO, "localhost")
	relay.ConnectTimeout = cmp.Or(relay.ConnectTimeout, 10*time.Second)
	relay.Timeout = cmp.Or(relay.Timeout, 30*time.Second)
	relay.DotTimeout = cmp.Or(relay.DotTimeout, 10*time.Minute)
	relay.Grace = cmp.Or(relay.Grace, 20*time.Second)
	if relay.DialContext == nil {
		relay.DialContext = new(net.Dialer).DialContext
	}
	if relay.TLSConfig == nil {
		relay.TLSConfig = new(tls.Config)
	}
	relay.TLSConfig = relay.TLSConfig.Clone()
	relay.TLSConfig.ServerName = cmp.Or(relay.TLSConfig.ServerName, relay.Host)
	relay.TLSConfig.MinVersion = max(relay.TLSConfig.MinVersion, tls.VersionTLS12)
	return relay, nil
}

func (r *Relay) stopped(ctx context.Context) error {
	return fmt.Errorf("smtp: stopped before %s accepted a session: %w", r.address(), context.Cause(ctx))
}

func (r *Relay) address() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// connect opens the connection, and TLS where it comes first.
func (r *Relay) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.ConnectTimeout)
	defer cancel()
	conn, err := r.DialContext(ctx, "tcp", r.address())
	if err != nil {
		return nil, err
	}
	conn = &limitedConn{Conn: conn}
	if r.TLS != TLSImplicit {
		return conn, nil
	}
	secured := tls.Client(conn, r.TLSConfig)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// logIn goes from the greeting to a session that accepts messages.
func (r *Relay) logIn(ctx context.Context, conn net.Conn) (*session, error) {
	options := []gomail.Option{
		gomail.WithHELO(r.HELO),
		gomail.WithTimeout(r.Timeout),
		gomail.WithTLSConfig(r.TLSConfig),
		gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
	}
	if r.TLS == TLSStartTLS {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	auth := &login{user: r.User, password: r.Password, loopback: isLoopback(conn)}
	if r.User != "" {
		options = append(options, gomail.WithSMTPAuthCustom(auth))
	}
	// One go-mail client a session: its login keeps state.
	dialer, err := gomail.NewClient(r.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("smtp: %s: %w", r.address(), err)
	}
	client, err := dialer.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, r.logInError(auth, err)
	}
	offers := func(extension string) bool {
		ok, _ := client.Extension(extension)
		return ok
	}
	offered := extensions{eightBit: offers("8BITMIME"), utf8: offers("SMTPUTF8"), pipelining: offers("PIPELINING"), dsn: offers("DSN")}
	var limit string
	if offered.size, limit = client.Extension("SIZE"); offered.size {
		offered.maxSize, _ = strconv.Atoi(strings.TrimSpace(limit)) // 0 and nothing both mean no fixed limit
	}
	return &session{client: client, conn: conn, relay: *r, offered: offered}, nil
}

// isLoopback reports whether nobody between the two ends can listen.
func isLoopback(conn net.Conn) bool {
	switch addr := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// maxReply is how many octets a server may say before the client speaks again. RFC
// 5321 allows lines of 512; no real reply, list of extensions or certificate chain
// comes near it.
const maxReply = 64 << 10

var errLongReply = errors.New("the mail server's reply does not end within 64 KB")

// limitedConn ends the reading of a reply that is too long:
// textproto would gather an endless one in memory.
type limitedConn struct {
	net.Conn
	heard atomic.Int64 // since something was written
}

func (c *limitedConn) Read(into []byte) (int, error) {
	if c.heard.Load() >= maxReply {
		return 0, errLongReply
	}
	n, err := c.Conn.Read(into)
	c.heard.Add(int64(n))
	return n, err
}

func (c *limitedConn) Write(octets []byte) (int, error) {
	c.heard.Store(0)
	return c.Conn.Write(octets)
}
