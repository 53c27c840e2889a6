package smtp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// openError is why no session was opened, in words for the person who can fix
// it, over a cause for programs. The words alone may leave the cause out.
type openError struct {
	words string
	cause error
}

func (e *openError) Error() string { return "smtp: " + e.words }
func (e *openError) Unwrap() error { return e.cause }

func (r *Relay) because(cause error, format string, args ...any) error {
	return &openError{words: rfc5322.OneLine(fmt.Sprintf(format, args...)), cause: cause}
}

// connectError explains a connection, or implicit TLS, that failed.
func (r *Relay) connectError(err error) error {
	if words := r.tlsFault(err); words != "" {
		return r.because(err, "%s", words)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return r.because(err, "%s does not answer within %v; check INSIGHTS_SMTP_HOST and INSIGHTS_SMTP_PORT, and that the firewall allows outgoing connections", r.address(), r.ConnectTimeout)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return r.because(err, "unknown host %s; check INSIGHTS_SMTP_HOST", r.Host)
	}
	return r.because(err, "can't connect to %s: %v; check INSIGHTS_SMTP_HOST and INSIGHTS_SMTP_PORT", r.address(), err)
}

// logInError explains what failed between the greeting and the end of the login.
func (r *Relay) logInError(auth *login, err error) error {
	if words := r.tlsFault(err); words != "" {
		return r.because(err, "%s", words)
	}
	if none, ok := errors.AsType[*noMechanism](err); ok {
		return r.because(none, "%s %v", r.address(), none)
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return r.replyError(auth, &textproto.Error{Code: reply.Code, Msg: r.withoutSecrets(reply.Msg)})
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return r.because(err, "%s is connected but does not answer within %v; check that INSIGHTS_SMTP_PORT and INSIGHTS_SMTP_TLS match", r.address(), r.Timeout)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return r.because(err, "%s ended the connection before the login; check that INSIGHTS_SMTP_PORT and INSIGHTS_SMTP_TLS match", r.address())
	case strings.Contains(err.Error(), "does not support STARTTLS"): // go-mail has no error value for it
		return r.because(err, "%s offers no STARTTLS; set INSIGHTS_SMTP_TLS to implicit (port 465), or to none for a relay on this machine", r.address())
	}
	words := r.withoutSecrets(err.Error())
	return r.because(errors.New(words), "%s: %s", r.address(), words)
}

// replyError explains a refusal in the server's words, except a wrong password,
// which servers word in too many ways.
func (r *Relay) replyError(auth *login, reply *textproto.Error) error {
	_, text := splitStatus(reply.Code, reply.Msg)
	switch {
	case !auth.begun:
		return r.because(reply, "%d from %s: %s", reply.Code, r.address(), text)
	case reply.Code == 535:
		return r.because(reply, "%d from %s as %q: wrong user or password; set INSIGHTS_SMTP_PASSWORD", reply.Code, r.address(), r.User)
	default:
		return r.because(reply, "%d from %s as %q: %s", reply.Code, r.address(), r.User, text)
	}
}

// tlsFault says what is wrong with TLS, or "" if that is not what failed.
func (r *Relay) tlsFault(err error) string {
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("the certificate of %s can't be trusted: %v; set INSIGHTS_SMTP_HOST to the name in the certificate, or add its authority to the system's", r.address(), invalid.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Sprintf("%s does not speak TLS first; set INSIGHTS_SMTP_TLS to starttls (port 587)", r.address())
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return fmt.Sprintf("%s refused TLS: %v", r.address(), alert)
	}
	return ""
}

// withoutSecrets takes out what a server might give back of a login.
func (r *Relay) withoutSecrets(s string) string {
	if r.Password == "" {
		return s
	}
	for _, secret := range []string{
		base64.StdEncoding.EncodeToString([]byte("\x00" + r.User + "\x00" + r.Password)),
		base64.StdEncoding.EncodeToString([]byte(r.Password)),
		r.Password,
	} {
		s = strings.ReplaceAll(s, secret, "…")
	}
	return s
}
