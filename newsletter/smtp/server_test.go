package smtp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	server "github.com/emersion/go-smtp"

	"github.com/scaledbydesign/insights/newsletter/smtp"
)

// backend is a mailbox behind a real server.
type backend struct {
	mechanisms []string
	mu         sync.Mutex
	received   []receipt
}

type receipt struct {
	user, from, to string
	message        []byte
}

func (b *backend) mails() []receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.received
}

// NewSession implements server.Backend.
func (b *backend) NewSession(*server.Conn) (server.Session, error) { return &inbound{backend: b}, nil }

type inbound struct {
	backend *backend
	mail    receipt
}

func (s *inbound) AuthMechanisms() []string { return s.backend.mechanisms }

func (s *inbound) Auth(mechanism string) (sasl.Server, error) {
	check := func(u, p string) error {
		if u != user || p != password {
			return server.ErrAuthFailed
		}
		s.mail.user = u
		return nil
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, u, p string) error { return check(u, p) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	}
	return nil, server.ErrAuthUnknownMechanism
}

// loginServer is the server's side of LOGIN.
type loginServer struct {
	check func(user, password string) error
	user  *string
	asked bool
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case l.user == nil:
		l.user = new(string(response))
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(*l.user, string(response))
	}
}

func (s *inbound) Mail(from string, _ *server.MailOptions) error {
	s.mail.from = from
	return nil
}

func (s *inbound) Rcpt(to string, _ *server.RcptOptions) error {
	switch local, _, _ := strings.Cut(to, "@"); local {
	case "unknown":
		return &server.SMTPError{Code: 550, EnhancedCode: server.EnhancedCode{5, 1, 1}, Message: "no such user"}
	case "busy":
		return &server.SMTPError{Code: 450, EnhancedCode: server.EnhancedCode{4, 2, 0}, Message: "greylisted"}
	}
	s.mail.to = to
	return nil
}

func (s *inbound) Data(r io.Reader) error {
	message, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if strings.HasPrefix(s.mail.to, "spam@") {
		return &server.SMTPError{Code: 554, EnhancedCode: server.EnhancedCode{5, 7, 1}, Message: "looks like spam"}
	}
	s.mail.message = message
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	s.backend.received = append(s.backend.received, s.mail)
	return nil
}

func (s *inbound) Reset() {
	s.mail.from, s.mail.to = "", ""
}

func (s *inbound) Logout() error { return nil }

// startServer runs a real server on a loopback socket and gives the Relay to it.
func startServer(t testing.TB, mode smtp.TLSMode, mechanisms []string) (*backend, *smtp.Relay) {
	t.Helper()
	b := &backend{mechanisms: mechanisms}
	srv := server.NewServer(b)
	srv.Domain = "mail.example"
	srv.EnableSMTPUTF8 = true
	srv.AllowInsecureAuth = true
	srv.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	relay := &smtp.Relay{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: mode, HELO: "client.example"}
	if mode != smtp.TLSNone {
		certificate, roots := authority(t)
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		relay.TLSConfig = &tls.Config{RootCAs: roots}
	}
	if mode == smtp.TLSImplicit {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	var serving sync.WaitGroup
	serving.Go(func() { srv.Serve(l) })
	t.Cleanup(func() {
		l.Close() // Serve may not have begun: Close alone would miss it
		srv.Close()
		serving.Wait()
	})
	return b, relay
}

// authority is a certificate for 127.0.0.1 and the roots that trust it.
func authority(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"mail.example"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
