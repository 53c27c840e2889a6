package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rogpeppe/go-internal/testscript"
)

// startRelay: relay NAME [DELAY] starts a mail server, which answers each message
// after a while, and tells the program of it. It knows nobody called gone, and refuses
// messages to those whose names begin with large, and for now to later. It says of every
// address at outage.example that it does not exist.
func startRelay(ts *testscript.TestScript, neg bool, args []string) {
	var delay time.Duration
	if len(args) > 1 {
		var err error
		delay, err = time.ParseDuration(args[1])
		ts.Check(err)
	}
	r := openMailServer(ts, func(r *mailServer, _ *smtp.Server) {
		r.onRecipient = func(to string) error {
			switch name, domain, _ := strings.Cut(to, "@"); {
			case domain == "outage.example":
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no mailbox here"}
			case name == "gone":
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
			case strings.HasPrefix(name, "large"):
				return &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "message too large for this mailbox"}
			case strings.HasPrefix(name, "later"):
				return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "try again later"}
			}
			return nil
		}
		r.onMessage = func(arrival) error {
			time.Sleep(delay) // a slow server, not a wait for anything
			return nil
		}
	})
	storyOf(ts).relays[args[0]] = r
	host, port, err := net.SplitHostPort(r.addr)
	ts.Check(err)
	ts.Setenv("INSIGHTS_SMTP_HOST", host)
	ts.Setenv("INSIGHTS_SMTP_PORT", port)
	ts.Setenv("INSIGHTS_SMTP_TLS", "none")
}

// received: received NAME N waits until a relay has taken N emails, and prints
// them. received NAME N+ is content with more.
func received(ts *testscript.TestScript, neg bool, args []string) {
	r := storyOf(ts).relays[args[0]]
	number, orMore := strings.CutSuffix(args[1], "+")
	want, err := strconv.Atoi(number)
	ts.Check(err)
	until(ts, patience, args[1]+" emails", func() bool { return len(r.all()) >= want })
	mails := r.all()
	for _, m := range mails {
		text, err := readable(bytes.NewReader(m.Raw))
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "MAIL FROM:<%s>\nRCPT TO:<%s>\n%s\n", m.From, m.To, text)
	}
	if len(mails) != want && !orMore {
		ts.Fatalf("%s took %d emails", args[0], len(mails))
	}
}

// readable is a message with its parts decoded.
func readable(message io.Reader) (string, error) {
	m, err := mail.ReadMessage(message)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for name, values := range m.Header {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(values, " "))
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextPart() // undoes quoted-printable
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n%s\n", strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
}
