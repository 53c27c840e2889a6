package smtp_test

import (
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
)

func TestAServerMayAskForFewerMails(t *testing.T) {
	for _, test := range []struct {
		step, reply string
		taken       bool // a mail before it, in the session
		slow        bool
	}{
		{"MAIL", "454 Throttling failure: Maximum sending rate exceeded.", false, true},
		{"RCPT", "454 4.7.1 not now", false, true},
		{"DATA", "454 not now", false, true},
		{"DOT", "451 4.7.0 Temporary server error", false, true},
		{"DOT", "421 4.7.0 messages deferred due to unexpected volume", false, true},
		{"MAIL", "421 4.7.28 unusual amount of unsolicited mail", false, true},
		{"MAIL", "452 4.3.2 not accepting network messages", false, true},
		{"MAIL", "432 4.3.2 concurrent connections limit exceeded", false, true},
		{"RCPT", "451 4.4.5 congestion", false, true},
		{"RCPT", "450 4.7.1 Error: too many messages from your address", false, true},
		{"RCPT", "450-4.7.1 You are over the\r\n450 4.7.1 rate that we allow", false, true},
		{"DOT", "451 4.7.650 the server has been temporarily rate limited", false, true},
		{"RCPT", "452 please slow down", false, true},
		{"DATA", "450 you send too fast", false, true},
		{"MAIL", "421 4.3.0 not now", true, true},
		{"RCPT", "421 Service not available", true, true},

		{"MAIL", "421 4.3.0 not now", false, false},
		{"MAIL", "421 4.4.2 mail.example Error: timeout exceeded", true, false},
		{"MAIL", "421 idle for too long", true, false},
		{"MAIL", "421 4.3.2 shutting down", true, false},
		{"MAIL", "421 4.7.0 too many messages in this connection", true, false},
		{"MAIL", "421 4.7.0 mail.example Error: too many errors", true, false},
		{"RCPT", "450 4.2.0 greylisted", false, false},
		{"RCPT", "451 4.7.0 Greylisting in action", false, false},
		{"RCPT", "450 4.7.1 try again in 300 seconds", false, false},
		{"RCPT", "450 4.2.1 this account receives mail at a rate that we do not allow", false, false},
		{"RCPT", "452 4.2.2 mailbox full", false, false},
		{"MAIL", "454 4.7.0 TLS not available", false, false},
		{"MAIL", "454 4.7.0 Temporary authentication failure", false, false},
		{"DATA", "452 4.3.1 disk full", false, false},
		{"DOT", "451 4.6.0 could not generate a corporate id", false, false},
		{"DOT", "550 5.7.1 your rate is too high", false, false},
		{"RCPT", "450 4.1.2 <rate@too-many.slow-down.example>: Recipient address rejected: Domain not found", false, false},
		{"RCPT", "450 4.1.1 too.fast@rate.example unverified: host mx.rate-limit.throttled.example said nothing", false, false},
		{"RCPT", "550 5.1.1 no such user", false, false},
	} {
		for _, offers := range [][]string{nil, {"PIPELINING"}} {
			server := &scripted{offers: offers, answers: map[string]answer{}}
			session := open(t, server.relay(t))
			send := func() newsletter.Outcome {
				return session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
			}
			if test.taken {
				if o := send(); o.Kind != newsletter.Accepted || o.Slow {
					t.Fatalf("%+v", o)
				}
			}
			server.set(test.step, answer{reply: test.reply})
			if o := send(); o.Slow != test.slow {
				t.Errorf("%s %q, a mail before: %v, offers %q: slow %v", test.step, test.reply, test.taken, offers, o.Slow)
			}
			session.Close()
		}
	}
}

// A server counts refused recipients as errors of the client, and ends the session after
// twenty with words that sound as if too much was sent.
func TestASessionEndsBeforeItsRefusalsCount(t *testing.T) {
	for _, reply := range []string{"450 4.1.2 Domain not found", "550 5.1.1 no such user"} {
		server := &scripted{answers: map[string]answer{"RCPT": {reply: reply}}}
		session := open(t, server.relay(t))
		defer session.Close()
		refused := 0
		for {
			o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
			refused++
			if o.Kind != newsletter.Temporary && o.Kind != newsletter.Permanent || o.Slow || refused > 10 {
				t.Fatalf("after %d: %+v", refused, o)
			}
			if o.Broken {
				break
			}
		}
		if refused < 5 {
			t.Errorf("%s: it ended after %d", reply, refused)
		}
	}
}
