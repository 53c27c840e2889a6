package smtp

import (
	"fmt"
	"slices"
	"strings"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// login picks a mechanism when it sees what the server offers (RFC 4954). go-mail
// could choose by itself, but takes NTLM and CRAM-MD5 before PLAIN, and refuses
// PLAIN to a relay on the same machine.
type login struct {
	user, password string
	loopback       bool

	begun     bool // the server was asked: what fails from here is the login
	mechanism gosmtp.Auth
}

// Start implements the Auth of go-mail/smtp.
func (l *login) Start(server *gosmtp.ServerInfo) (protocol string, first []byte, err error) {
	for _, m := range []struct {
		name string
		safe bool // the password is not sent as it is, or nobody else sees it
		auth gosmtp.Auth
	}{
		{"SCRAM-SHA-256", true, gosmtp.ScramSHA256Auth(l.user, l.password)},
		{"SCRAM-SHA-1", true, gosmtp.ScramSHA1Auth(l.user, l.password)},
		{"PLAIN", server.TLS || l.loopback, gosmtp.PlainAuth("", l.user, l.password, server.Name, true)},
		{"LOGIN", server.TLS || l.loopback, gosmtp.LoginAuth(l.user, l.password, server.Name, true)},
		{"CRAM-MD5", true, gosmtp.CRAMMD5Auth(l.user, l.password)},
	} {
		if m.safe && slices.ContainsFunc(server.Auth, func(s string) bool { return strings.EqualFold(s, m.name) }) {
			l.begun, l.mechanism = true, m.auth
			return m.auth.Start(server)
		}
	}
	return "", nil, &noMechanism{offered: server.Auth, clear: !server.TLS}
}

// Next implements the Auth of go-mail/smtp.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.mechanism.Next(fromServer, more)
}

// noMechanism is a server that offers no login this client would use.
type noMechanism struct {
	offered []string
	clear   bool
}

func (e *noMechanism) Error() string {
	switch {
	case len(e.offered) == 0:
		return "offers no login; unset INSIGHTS_SMTP_USER, or use its submission port"
	case e.clear:
		return fmt.Sprintf("offers only %s in clear, which would show the password; set INSIGHTS_SMTP_TLS to starttls or implicit", rfc5322.OneLine(strings.Join(e.offered, ", ")))
	default:
		return fmt.Sprintf("offers only %s to log in with; PLAIN, LOGIN, SCRAM and CRAM-MD5 are supported", rfc5322.OneLine(strings.Join(e.offered, ", ")))
	}
}
