package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

func TestOutcomeOfEveryFault(t *testing.T) {
	const (
		accepted  = newsletter.Accepted
		temporary = newsletter.Temporary
		permanent = newsletter.Permanent
		notSent   = newsletter.NotSent
		unknown   = newsletter.Unknown
	)
	hangUp, silent := answer{hangUp: true}, answer{silent: true}
	for _, test := range []struct {
		name   string
		at     string
		answer answer
		want   newsletter.OutcomeKind
		code   int
		status string
		text   string
		broken bool
		then   []string // the verbs after the EHLO
	}{
		{"nothing wrong", "", answer{}, accepted, 250, "2.0.0", "queued as 4F2A", false, []string{"MAIL", "RCPT", "DATA"}},
		{"a 251 to RCPT is taken", "RCPT", answer{reply: "251 2.1.5 will forward"}, accepted, 250, "2.0.0", "queued", false, nil},
		{"another 2xx to the dot is taken", "DOT", answer{reply: "200 fine"}, accepted, 200, "", "fine", false, nil},

		{"MAIL put off", "MAIL", answer{reply: "451 4.3.0 later"}, temporary, 451, "4.3.0", "later", false, []string{"MAIL"}},
		{"MAIL slowed down", "MAIL", answer{reply: "454 Throttling failure: Maximum sending rate exceeded."}, temporary, 454, "", "Throttling", false, []string{"MAIL"}},
		{"MAIL refused", "MAIL", answer{reply: "550 5.7.1 sender not allowed"}, notSent, 550, "5.7.1", "sender not allowed", true, []string{"MAIL"}},
		{"MAIL over a quota", "MAIL", answer{reply: "554 5.7.0 daily limit exceeded"}, notSent, 554, "5.7.0", "daily limit", true, []string{"MAIL"}},
		{"MAIL of a kind not taken", "MAIL", answer{reply: "553 5.6.7 SMTPUTF8 needed"}, permanent, 553, "5.6.7", "SMTPUTF8", false, []string{"MAIL"}},
		{"MAIL too big", "MAIL", answer{reply: "552 5.3.4 too big"}, permanent, 552, "5.3.4", "too big", false, []string{"MAIL"}},
		{"MAIL while closing", "MAIL", answer{reply: "421 4.4.2 idle too long", hangUp: true}, temporary, 421, "4.4.2", "idle", true, []string{"MAIL"}},
		{"MAIL wants a login", "MAIL", answer{reply: "530 5.7.0 Authentication required"}, notSent, 530, "5.7.0", "Authentication required", true, []string{"MAIL"}},
		{"MAIL wants TLS", "MAIL", answer{reply: "530 5.7.0 Must issue a STARTTLS command first"}, notSent, 530, "5.7.0", "STARTTLS", true, []string{"MAIL"}},
		{"MAIL nested", "MAIL", answer{reply: "503 5.5.1 nested MAIL command"}, notSent, 503, "5.5.1", "nested", true, []string{"MAIL"}},
		{"MAIL not understood", "MAIL", answer{reply: "500 5.5.2 what?"}, notSent, 500, "5.5.2", "what?", true, []string{"MAIL"}},
		{"MAIL where no mail is taken", "MAIL", answer{reply: "521 5.3.2 no mail here"}, notSent, 521, "5.3.2", "no mail here", true, []string{"MAIL"}},
		{"MAIL answered with nonsense", "MAIL", answer{reply: "hello"}, notSent, 0, "", "no SMTP reply to MAIL", true, []string{"MAIL"}},
		{"MAIL answered with 354", "MAIL", answer{reply: "354 go on"}, notSent, 354, "", "unexpected reply to MAIL", true, []string{"MAIL"}},
		{"lost at MAIL", "MAIL", hangUp, notSent, 0, "", "connection lost at MAIL", true, []string{"MAIL"}},
		{"no answer to MAIL", "MAIL", silent, notSent, 0, "", "no answer to MAIL within 30s", true, []string{"MAIL"}},

		{"RCPT put off", "RCPT", answer{reply: "450 4.2.0 greylisted"}, temporary, 450, "4.2.0", "greylisted", false, []string{"MAIL", "RCPT", "RSET"}},
		{"RCPT refused", "RCPT", answer{reply: "550 5.1.1 no such user"}, permanent, 550, "5.1.1", "no such user", false, []string{"MAIL", "RCPT", "RSET"}},
		{"RCPT not understood", "RCPT", answer{reply: "500 line too long"}, permanent, 500, "", "line too long", false, []string{"MAIL", "RCPT", "RSET"}},
		{"RCPT where the domain takes none", "RCPT", answer{reply: "556 5.1.10 null MX"}, permanent, 556, "5.1.10", "null MX", false, []string{"MAIL", "RCPT", "RSET"}},
		{"RCPT while closing", "RCPT", answer{reply: "421 4.3.2 shutting down"}, temporary, 421, "4.3.2", "shutting down", true, []string{"MAIL", "RCPT"}},
		{"RCPT out of order", "RCPT", answer{reply: "503 5.5.1 need MAIL"}, notSent, 503, "5.5.1", "need MAIL", true, []string{"MAIL", "RCPT"}},
		{"lost at RCPT", "RCPT", hangUp, notSent, 0, "", "connection lost at RCPT", true, []string{"MAIL", "RCPT"}},
		{"no answer to RCPT", "RCPT", silent, notSent, 0, "", "no answer to RCPT within 30s", true, []string{"MAIL", "RCPT"}},

		{"DATA put off", "DATA", answer{reply: "452 4.3.1 disk full"}, temporary, 452, "4.3.1", "disk full", false, []string{"MAIL", "RCPT", "DATA", "RSET"}},
		{"DATA refused", "DATA", answer{reply: "554 5.5.1 no valid recipients"}, permanent, 554, "5.5.1", "no valid recipients", false, []string{"MAIL", "RCPT", "DATA", "RSET"}},
		{"DATA answered with 250", "DATA", answer{reply: "250 ok"}, notSent, 250, "", "unexpected reply to DATA", true, []string{"MAIL", "RCPT", "DATA"}},
		{"lost at DATA", "DATA", hangUp, notSent, 0, "", "connection lost at DATA", true, []string{"MAIL", "RCPT", "DATA"}},
		{"no answer to DATA", "DATA", silent, notSent, 0, "", "no answer to DATA within 30s", true, []string{"MAIL", "RCPT", "DATA"}},

		{"lost half-way", "HALF", hangUp, notSent, 0, "", "connection lost at DATA", true, []string{"MAIL", "RCPT", "DATA"}},

		{"the message put off", "DOT", answer{reply: "451 4.7.1 try later"}, temporary, 451, "4.7.1", "try later", false, []string{"MAIL", "RCPT", "DATA"}},
		{"the message refused", "DOT", answer{reply: "554-5.7.1 spam\r\n554 5.7.1 see our page"}, permanent, 554, "5.7.1", "spam see our page", false, []string{"MAIL", "RCPT", "DATA"}},
		{"the message refused with 500", "DOT", answer{reply: "500 5.6.0 no"}, permanent, 500, "5.6.0", "no", false, []string{"MAIL", "RCPT", "DATA"}},
		{"closing instead of an answer to the dot", "DOT", answer{reply: "421 4.3.0 out of memory", hangUp: true}, temporary, 421, "4.3.0", "out of memory", true, []string{"MAIL", "RCPT", "DATA"}},
		{"the dot out of order", "DOT", answer{reply: "503 5.5.1 no recipients"}, notSent, 503, "5.5.1", "no recipients", true, []string{"MAIL", "RCPT", "DATA"}},
		{"the dot answered with 354", "DOT", answer{reply: "354 more?"}, unknown, 354, "", "unexpected reply to the message", true, []string{"MAIL", "RCPT", "DATA"}},
		{"the dot answered with nonsense", "DOT", answer{reply: "?"}, unknown, 0, "", "no SMTP reply to the message", true, []string{"MAIL", "RCPT", "DATA"}},
		{"the dot answered without end", "DOT", answer{reply: strings.Repeat("250-x\r\n", 20_000)}, unknown, 0, "", "does not end within 64 KB", true, []string{"MAIL", "RCPT", "DATA"}},
		{"RCPT answered with an endless line", "RCPT", answer{reply: "250 " + strings.Repeat("x", 200_000)}, notSent, 0, "", "does not end within 64 KB", true, []string{"MAIL", "RCPT"}},
		{"lost after the dot", "DOT", hangUp, unknown, 0, "", "connection lost before the answer", true, []string{"MAIL", "RCPT", "DATA"}},
		{"no answer to the dot", "DOT", silent, unknown, 0, "", "no answer to the message within 10m0s", true, []string{"MAIL", "RCPT", "DATA"}},
	} {
		for _, offers := range [][]string{nil, {"PIPELINING"}} {
			then := test.then
			if offers != nil && then != nil {
				then = atOnce(test.at, test.answer.hangUp || test.answer.silent, then)
			}
			t.Run(strings.Join(append(offers, test.name), " "), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := &scripted{answers: map[string]answer{}, offers: offers}
					if test.at != "" {
						server.answers[test.at] = test.answer
					}
					session := open(t, server.relay(t))
					got := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, long())
					if got.Kind != test.want || got.Code != test.code || got.Status != test.status || got.Broken != test.broken || !strings.Contains(got.Text, test.text) {
						t.Errorf("outcome %+v, want %+v", got, test)
					}
					stages := map[string]newsletter.Stage{"MAIL": newsletter.MailStage, "RCPT": newsletter.RcptStage, "DATA": newsletter.DataStage, "DOT": newsletter.DotStage}
					if want := stages[test.at]; got.Code >= 400 && got.Stage != want {
						t.Errorf("refused at %q, want %q", got.Stage, want)
					}
					said := server.said()
					if offers != nil && test.broken { // the client may be gone before all is heard
						then = then[:min(len(said), len(then))]
					}
					if then != nil && !slices.Equal(said, then) {
						t.Errorf("the server heard %q, want %q", said, then)
					}
					if got.Kind == newsletter.NotSent && test.at != "DOT" && len(server.accepted()) > 0 {
						t.Error("not sent, yet the server has the message")
					}
					session.Close()
					synctest.Wait()
					if test.broken && slices.Contains(server.said(), "QUIT") {
						t.Error("QUIT was said to a server that no longer listens")
					}
				})
			})
		}
	}
}

// atOnce is what a server hears that offers PIPELINING, where another hears then:
// the whole envelope, unless it stops listening at a step of it.
func atOnce(at string, ends bool, then []string) []string {
	heard := []string{"MAIL", "RCPT", "DATA"}
	if i := slices.Index(heard, at); i >= 0 && ends {
		return heard[:i+1]
	}
	if then[len(then)-1] == "RSET" {
		heard = append(heard, "RSET")
	}
	return heard
}

// A server may want the message although it has refused whom it is for.
func TestNothingIsDeliveredToNobody(t *testing.T) {
	for step, want := range map[string]struct {
		refusal string
		said    []string
		broken  bool
	}{
		"RCPT": {"550 5.1.1 no", []string{"MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA"}, false},
		"MAIL": {"552 5.3.4 no", []string{"MAIL", "RCPT", "DATA"}, true},
	} {
		server := &scripted{offers: []string{"PIPELINING"}, lenient: true, answers: map[string]answer{step: {reply: want.refusal}}, times: map[string]int{step: 1}}
		session := open(t, server.relay(t))
		o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
		if o.Kind != newsletter.Permanent || o.Broken != want.broken {
			t.Errorf("%s refused: %+v", step, o)
		}
		if !o.Broken {
			if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind != newsletter.Accepted {
				t.Errorf("the mail after it: %+v", o)
			}
		}
		session.Close()
		if said := server.said(); !slices.Equal(said[:len(want.said)], want.said) {
			t.Errorf("%s refused: the server heard %q", step, said)
		}
		for _, m := range server.accepted() {
			if m != message && m != "" {
				t.Errorf("delivered %q", m)
			}
		}
	}
}

func TestFailuresAloneComeBack(t *testing.T) {
	server := &scripted{offers: []string{"DSN", "SMTPUTF8"}}
	session := open(t, server.relay(t))
	for to, orcpt := range map[string]string{"ada+x@reader.example": "rfc822;ada+2Bx@reader.example", "дом@reader.example": `utf-8;\x{434}\x{43E}\x{43C}@reader.example`} {
		server.commands = nil
		if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: to, ID: "12.3=4"}, []byte(message)); o.Kind != newsletter.Accepted {
			t.Fatalf("%+v", o)
		}
		if line := server.line("MAIL"); !strings.HasSuffix(line, " RET=HDRS ENVID=12.3+3D4") {
			t.Errorf("%q", line)
		}
		if line := server.line("RCPT"); line != "RCPT TO:<"+to+"> NOTIFY=FAILURE ORCPT="+orcpt {
			t.Errorf("%q", line)
		}
	}
}

func TestARefusedMailLeavesTheSessionToTheNext(t *testing.T) {
	for _, step := range []string{"MAIL", "RCPT", "DATA", "DOT"} {
		t.Run(step, func(t *testing.T) {
			server := &scripted{answers: map[string]answer{step: {reply: "450 4.2.0 later"}}}
			if step == "DATA" { // the script must take the second message
				server = &scripted{answers: map[string]answer{"RCPT": {reply: "550 5.1.1 no"}}}
				step = "RCPT"
			}
			server.times = map[string]int{step: 1}
			session := open(t, server.relay(t))
			if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind == newsletter.Accepted || o.Broken {
				t.Fatalf("first: %+v", o)
			}
			if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: "grace@reader.example"}, []byte(message)); o.Kind != newsletter.Accepted {
				t.Errorf("second: %+v", o)
			}
			if server.sessions != 1 {
				t.Errorf("%d sessions, want 1", server.sessions)
			}
		})
	}
}

func TestAFailingResetBreaksTheSessionAndNothingElse(t *testing.T) {
	for name, reset := range map[string]answer{"lost": {hangUp: true}, "refused": {reply: "500 what?"}, "silent": {silent: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{answers: map[string]answer{"RCPT": {reply: "550 5.1.1 no such user"}, "RSET": reset}}
				o := open(t, server.relay(t)).Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
				if o.Kind != newsletter.Permanent || o.Status != "5.1.1" || !o.Broken {
					t.Errorf("%+v, want a permanent 5.1.1 and a broken session", o)
				}
			})
		})
	}
}

func TestTheAnswerToTheDotHasTenMinutes(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		want  newsletter.OutcomeKind
	}{{9*time.Minute + 59*time.Second, newsletter.Accepted}, {10*time.Minute + time.Second, newsletter.Unknown}} {
		t.Run(test.after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{answers: map[string]answer{"DOT": {after: test.after, reply: "250 2.0.0 ok"}}}
				session := open(t, server.relay(t))
				start := time.Now()
				o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
				if o.Kind != test.want {
					t.Errorf("after %v: %+v, want result %v", time.Since(start), o, test.want)
				}
				if took := time.Since(start); took > 10*time.Minute {
					t.Errorf("waited %v", took)
				}
			})
		})
	}
}

func TestEveryCommandHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := 29 * time.Second
		server := &scripted{answers: map[string]answer{
			"MAIL": {after: slow, reply: "250 ok"}, "RCPT": {after: slow, reply: "250 ok"}, "DATA": {after: slow, reply: "354 ok"}, "DOT": {after: slow, reply: "250 ok"},
		}}
		session := open(t, server.relay(t))
		time.Sleep(time.Hour) // the deadline of the login must not count
		for range 2 {
			if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind != newsletter.Accepted {
				t.Fatalf("%+v", o)
			}
		}
	})
}

func TestTheEndOfTheContextBeforeTheDotSendsNothing(t *testing.T) {
	for _, step := range []string{"MAIL", "RCPT", "DATA", "HALF", "PIPELINING MAIL", "PIPELINING RCPT", "PIPELINING DATA", "PIPELINING HALF"} {
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				step, atOnce := strings.CutPrefix(step, "PIPELINING ")
				server := &scripted{answers: map[string]answer{step: {after: 20 * time.Second, reply: "250 ok"}}}
				if atOnce {
					server.offers = []string{"PIPELINING"}
				}
				session := open(t, server.relay(t))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				o := session.Send(ctx, newsletter.Envelope{From: sender, To: reader}, long())
				if o.Kind != newsletter.NotSent || !o.Broken || !strings.Contains(o.Text, "stopped at") || time.Since(start) != 5*time.Second {
					t.Errorf("%+v after %v", o, time.Since(start))
				}
				session.Close()
				synctest.Wait()
				if len(server.accepted()) > 0 {
					t.Error("the server has the message")
				}
			})
		})
	}
}

func TestTheEndOfTheContextAfterTheDotWaitsForTheGrace(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration
		want  newsletter.OutcomeKind
		took  time.Duration
	}{
		{"answered in time", 15 * time.Second, newsletter.Accepted, 15 * time.Second},
		{"not answered", time.Minute, newsletter.Unknown, 22 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &scripted{answers: map[string]answer{"DOT": {after: test.after, reply: "250 2.0.0 ok"}}}
				session := open(t, server.relay(t))
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(2*time.Second, func() { cancel(errors.New("the program ends")) })
				start := time.Now()
				o := session.Send(ctx, newsletter.Envelope{From: sender, To: reader}, []byte(message))
				if o.Kind != test.want || time.Since(start) != test.took {
					t.Errorf("%+v after %v, want %v after %v", o, time.Since(start), test.want, test.took)
				}
				if o.Kind == newsletter.Unknown && !strings.Contains(o.Text, "the program ends") {
					t.Errorf("text %q", o.Text)
				}
			})
		})
	}
}

func TestASessionThatIsOverSendsNothing(t *testing.T) {
	server := &scripted{answers: map[string]answer{"MAIL": {hangUp: true}}}
	session := open(t, server.relay(t))
	session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
	if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind != newsletter.NotSent || !o.Broken {
		t.Errorf("after a loss: %+v", o)
	}
	server = &scripted{}
	session = open(t, server.relay(t))
	if err := errors.Join(session.Close(), session.Close()); err != nil {
		t.Error(err)
	}
	if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind != newsletter.NotSent || !o.Broken {
		t.Errorf("after Close: %+v", o)
	}
	if said := server.said(); !slices.Equal(said, []string{"QUIT"}) {
		t.Errorf("the server heard %q", said)
	}
}

func TestMaxMessagesEndsASessionPolitely(t *testing.T) {
	server := &scripted{}
	relay := server.relay(t)
	relay.MaxMessages = 2
	session := open(t, relay)
	for i, broken := range []bool{false, true} {
		if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind != newsletter.Accepted || o.Broken != broken {
			t.Errorf("message %d: %+v", i+1, o)
		}
	}
	session.Close()
	if said := server.said(); said[len(said)-1] != "QUIT" {
		t.Errorf("the server heard %q", said)
	}
}

func TestDotsArriveAsTheyWere(t *testing.T) {
	for name, m := range map[string]string{
		"dots":           message,
		"only a dot":     ".\r\n",
		"no final CRLF":  "Subject: a\r\n\r\nb",
		"final dot line": "Subject: a\r\n\r\n.",
		"large":          "Subject: a\r\n\r\n" + strings.Repeat(".a line that begins with a dot\r\n", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			server := &scripted{}
			if o := open(t, server.relay(t)).Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(m)); o.Kind != newsletter.Accepted {
				t.Fatalf("%+v", o)
			}
			want := strings.TrimSuffix(m, "\r\n") + "\r\n"
			if got := server.accepted(); len(got) != 1 || got[0] != want {
				t.Errorf("the server has %d octets, want %d", len(strings.Join(got, "")), len(want))
			}
		})
	}
}

// TestTheSizeThatAServerTakes covers RFC 1870.
func TestTheSizeThatAServerTakes(t *testing.T) {
	for offer, fits := range map[string]bool{"SIZE 10": false, "SIZE 100000": true, "SIZE 0": true, "SIZE": true, "SIZE lots": true} {
		server := &scripted{offers: []string{offer}}
		o := open(t, server.relay(t)).Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
		if said := strings.Join(server.lines(), "\n"); fits != (o.Kind == newsletter.Accepted) || fits != strings.Contains(said, fmt.Sprintf(" SIZE=%d", len(message))) {
			t.Errorf("%s: %+v, the server heard %q", offer, o, said)
		}
		if !fits && (o.Kind != newsletter.Permanent || o.Status != "5.3.4" || o.Broken || !strings.Contains(o.Text, "takes 10 at most")) {
			t.Errorf("%s: %+v", offer, o)
		}
	}
}

func TestWhatCanNotBeSentIsRefusedWithoutAsking(t *testing.T) {
	for _, test := range []struct {
		name, from, to, message, status string
	}{
		{"bare LF", sender, reader, "Subject: a\r\n\r\nb\n.\r\nMAIL FROM:<x@y>\r\n", "5.6.0"},
		{"bare CR", sender, reader, "Subject: a\r\n\r\nb\r.\r\n", "5.6.0"},
		{"long line", sender, reader, "Subject: a\r\n\r\n" + strings.Repeat("a", 999) + "\r\n", "5.6.0"},
		{"no message", sender, reader, "", "5.6.0"},
		{"line break in the recipient", sender, "a@b.example>\r\nRCPT TO:<c@d.example", message, "5.1.3"},
		{"no recipient", sender, "", message, "5.1.3"},
		{"parameters in the sender", "a@b.example> SIZE=1", reader, message, "5.1.7"},
		{"letters outside ASCII in the recipient", sender, "zoë@reader.example", message, "5.6.7"},
		{"letters outside ASCII in the header", sender, reader, "To: zoë@x.example\r\n\r\na\r\n", "5.6.7"},
		{"octets outside ASCII in the body", sender, reader, "Subject: a\r\n\r\nzoë\r\n", "5.6.3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &scripted{}
			session := open(t, server.relay(t))
			o := session.Send(t.Context(), newsletter.Envelope{From: test.from, To: test.to}, []byte(test.message))
			if o.Kind != newsletter.Permanent || o.Status != test.status || o.Code != 0 || o.Broken || o.Text == "" {
				t.Errorf("%+v, want a permanent %s", o, test.status)
			}
			if said := server.said(); len(said) > 0 {
				t.Errorf("the server heard %q", said)
			}
		})
	}
}

func TestTheEnvelopeAsksForExtensionsOnlyWhenTheMailNeedsThem(t *testing.T) {
	for _, test := range []struct{ name, from, to, message, mail, rcpt string }{
		{"plain", sender, reader, message, "MAIL FROM:<" + sender + ">", "RCPT TO:<" + reader + ">"},
		{"null sender", "", reader, message, "MAIL FROM:<>", "RCPT TO:<" + reader + ">"},
		{"domain outside ASCII", sender, "ada@bücher.example", message, "MAIL FROM:<" + sender + ">", "RCPT TO:<ada@xn--bcher-kva.example>"},
		{"local part outside ASCII", sender, "zoë@bücher.example", message, "MAIL FROM:<" + sender + "> SMTPUTF8", "RCPT TO:<zoë@xn--bcher-kva.example>"},
		{"body outside ASCII", sender, reader, "Subject: a\r\n\r\nzoë\r\n", "MAIL FROM:<" + sender + "> BODY=8BITMIME", "RCPT TO:<" + reader + ">"},
		{"local part that is no dot-atom", sender, "a..b@reader.example", message, "MAIL FROM:<" + sender + ">", `RCPT TO:<"a..b"@reader.example>`},
		{"sender outside ASCII", "größe@news.example", reader, message, "MAIL FROM:<größe@news.example> SMTPUTF8", "RCPT TO:<" + reader + ">"},
		{"header outside ASCII", sender, "zoë@reader.example", "To: <zoë@reader.example>\r\n\r\na\r\n", "MAIL FROM:<" + sender + "> BODY=8BITMIME SMTPUTF8", "RCPT TO:<zoë@reader.example>"},
	} {
		for _, offers := range [][]string{{"8BITMIME", "SMTPUTF8"}, {"8BITMIME", "SMTPUTF8", "PIPELINING"}} {
			t.Run(test.name, func(t *testing.T) {
				server := &scripted{offers: offers}
				if o := open(t, server.relay(t)).Send(t.Context(), newsletter.Envelope{From: test.from, To: test.to}, []byte(test.message)); o.Kind != newsletter.Accepted {
					t.Fatalf("%+v", o)
				}
				if got := server.line("MAIL"); got != test.mail {
					t.Errorf("%q, want %q", got, test.mail)
				}
				if got := server.line("RCPT"); got != test.rcpt {
					t.Errorf("%q, want %q", got, test.rcpt)
				}
			})
		}
	}
}

func TestTheServersWordsAreOneHarmlessLine(t *testing.T) {
	for _, test := range []struct{ name, reply, status, text string }{
		{"several lines", "550-5.1.1 The user\r\n550-5.1.1 does not\r\n550 5.1.1 exist", "5.1.1", "The user does not exist"},
		{"control characters", "550 5.1.1 a\x1b[31mb\x07c\td\u202ee", "5.1.1", "a [31mb c d e"},
		{"not UTF-8", "550 5.1.1 caf\xe9", "5.1.1", "caf\uFFFD"},
		{"status of another class", "550 4.2.2 full", "", "4.2.2 full"},
		{"no status", "550 5.1 user unknown", "", "5.1 user unknown"},
		{"status of three digits", "550 5.7.515 Access denied", "5.7.515", "Access denied"},
		{"long", "550 5.1.1 " + strings.Repeat("é", 600), "5.1.1", strings.Repeat("é", 254) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &scripted{answers: map[string]answer{"RCPT": {reply: test.reply}}}
			o := open(t, server.relay(t)).Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message))
			if o.Status != test.status || o.Text != test.text || len(o.Text) > 512 {
				t.Errorf("status %q, text %q; want %q, %q", o.Status, o.Text, test.status, test.text)
			}
		})
	}
}

func TestAServerThatStopsReadingMaySayWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &scripted{answers: map[string]answer{"HALF": {reply: "552 5.3.4 too big", hangUp: true}}}
		o := open(t, server.relay(t)).Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, long())
		if o.Kind != newsletter.Permanent || o.Code != 552 || o.Status != "5.3.4" || !o.Broken || len(server.accepted()) > 0 {
			t.Errorf("%+v", o)
		}
	})
}

// tampered does something of its own with the write that holds the final dot.
type tampered struct {
	net.Conn
	dot func(inner net.Conn, octets []byte) (int, error)
}

func (c *tampered) Write(octets []byte) (int, error) {
	if bytes.HasSuffix(octets, []byte("\r\n.\r\n")) {
		return c.dot(c.Conn, octets)
	}
	return c.Conn.Write(octets)
}

func (s *scripted) tamper(relay *smtp.Relay, dot func(net.Conn, []byte) (int, error)) {
	relay.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(ctx, network, address)
		return &tampered{conn, dot}, err
	}
}

func TestAWriteThatFailsIsUnknownOnlyOnceTheDotHasBegunToLeave(t *testing.T) {
	for _, test := range []struct {
		held int // octets that stay in the buffer
		want newsletter.OutcomeKind
	}{{1, newsletter.Unknown}, {2, newsletter.Unknown}, {3, newsletter.NotSent}, {100, newsletter.NotSent}} {
		synctest.Test(t, func(t *testing.T) {
			server := &scripted{}
			relay := server.relay(t)
			server.tamper(relay, func(inner net.Conn, octets []byte) (int, error) {
				n, _ := inner.Write(octets[:len(octets)-test.held])
				return n, errors.New("no route")
			})
			o := open(t, relay).Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, long())
			if o.Kind != test.want || !o.Broken {
				t.Errorf("%d octets held: %+v, want result %v", test.held, o, test.want)
			}
		})
	}
}

func TestAContextThatEndsWithTheDotLeavesTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &scripted{answers: map[string]answer{"DOT": {after: time.Minute, reply: "250 ok"}}}
		ctx, cancel := context.WithCancel(t.Context())
		relay := server.relay(t)
		server.tamper(relay, func(inner net.Conn, octets []byte) (int, error) {
			n, err := inner.Write(octets)
			cancel()
			synctest.Wait() // the session has heard of it
			return n, err
		})
		session := open(t, relay)
		start := time.Now()
		if o := session.Send(ctx, newsletter.Envelope{From: sender, To: reader}, long()); o.Kind != newsletter.Unknown || time.Since(start) != 20*time.Second {
			t.Errorf("%+v after %v", o, time.Since(start))
		}
	})
}
