package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

// Postfix's own sink, as strict as a relay's front door, keeps what it was given.
func TestPostfixTakesDigests(t *testing.T) {
	port, dumps := startSink(t)
	session := open(t, &smtp.Relay{Host: "127.0.0.1", Port: port, TLS: smtp.TLSNone, HELO: "client.example"})
	for range 20 {
		if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, compose(t, digest())); o.Kind != newsletter.Accepted {
			t.Fatalf("%+v", o)
		}
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	messages := dumps()
	if len(messages) != 20 {
		t.Fatalf("the sink has %d messages, want 20", len(messages))
	}
	for _, dump := range messages {
		m := parse(t, dump)
		for name, want := range map[string]string{
			"X-Helo-Args": "client.example", "X-Mail-Args": "<" + sender + "> RET=HDRS", "X-Rcpt-Args": "<" + reader + "> NOTIFY=FAILURE ORCPT=rfc822;" + reader,
			"Message-Id": "<" + digest().MessageID + ">", "List-Unsubscribe": digest().Headers[1].Value,
		} {
			if got := m.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if diff := cmp.Diff(newsletter.Body{Subject: digest().Subject, Text: digest().Text, HTML: digest().HTML + "\n"}, m.words); diff != "" {
			t.Fatalf("words (-want +got):\n%s", diff)
		}
		// What the sink puts in front ends with its Received field.
		_, rest, _ := bytes.Cut(dump, []byte("Auto-Submitted:"))
		_, sent, _ := bytes.Cut(compose(t, digest()), []byte("Auto-Submitted:"))
		if got, want := string(bytes.TrimRight(rest, "\n")), strings.TrimRight(strings.ReplaceAll(string(sent), "\r\n", "\n"), "\n"); got != want {
			t.Errorf("not the message that was sent:\n%s", cmp.Diff(want, got))
		}
	}
}

// Signed copies arrive as they were signed, whatever the server offers: -8 takes
// 8BITMIME away, -p PIPELINING, -e all extensions.
func TestSignedCopiesArriveAsTheyWereSigned(t *testing.T) {
	prepared, err := smtp.Composer{Keys: keys(t)}.Prepare(master())
	if err != nil {
		t.Fatal(err)
	}
	for _, options := range [][]string{nil, {"-8"}, {"-p"}, {"-e"}, {"-8", "-p"}} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			port, dumps := startSink(t, options...)
			session := open(t, &smtp.Relay{Host: "127.0.0.1", Port: port, TLS: smtp.TLSNone, HELO: "client.example"})
			for i := range 5 {
				c := adasCopy()
				c.MessageID = strconv.Itoa(i) + "." + c.MessageID
				message, err := prepared.Append(nil, c)
				if err != nil {
					t.Fatal(err)
				}
				if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: c.To, ID: strconv.Itoa(i)}, message); o.Kind != newsletter.Accepted {
					t.Fatalf("%+v", o)
				}
			}
			session.Close()
			messages := dumps()
			if len(messages) != 5 {
				t.Fatalf("the sink has %d messages, want 5", len(messages))
			}
			for _, dump := range messages {
				at := bytes.Index(dump, []byte("DKIM-Signature:"))
				verify(t, bytes.ReplaceAll(dump[max(at, 0):], []byte("\n"), []byte("\r\n")), 2)
			}
		})
	}
}

func TestPostfixRefusalsAreUnderstood(t *testing.T) {
	for _, test := range []struct {
		name, option, value string
		want                newsletter.OutcomeKind
		code                int
		broken              bool
	}{
		{"MAIL hangs up", "-q", "mail", newsletter.NotSent, 0, true},
		{"RCPT hangs up", "-q", "rcpt", newsletter.NotSent, 0, true},
		{"DATA hangs up", "-q", "data", newsletter.NotSent, 0, true},
		{"the dot hangs up", "-q", ".", newsletter.Unknown, 0, true},
		{"MAIL refused", "-f", "mail", newsletter.NotSent, 500, true},
		{"RCPT refused", "-f", "rcpt", newsletter.Permanent, 500, false},
		{"the dot refused", "-f", ".", newsletter.Permanent, 500, false},
		{"MAIL later", "-r", "mail", newsletter.Temporary, 450, false},
		{"RCPT later", "-r", "rcpt", newsletter.Temporary, 450, false},
		{"DATA later", "-r", "data", newsletter.Temporary, 450, false},
		{"the dot later", "-r", ".", newsletter.Temporary, 450, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			port, _ := startSink(t, test.option, test.value)
			session := open(t, &smtp.Relay{Host: "127.0.0.1", Port: port, TLS: smtp.TLSNone})
			o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, compose(t, digest()))
			if o.Kind != test.want || o.Code != test.code || o.Broken != test.broken {
				t.Errorf("%+v, want result %v, code %d, broken %v", o, test.want, test.code, test.broken)
			}
		})
	}
}

// startSink runs smtp-sink and gives its port and, once it has ended, its dumps.
func startSink(t *testing.T, options ...string) (port int, dumps func() [][]byte) {
	t.Helper()
	program, err := exec.LookPath("smtp-sink")
	if err != nil {
		if program = "/usr/sbin/smtp-sink"; !exists(program) {
			if os.Getenv("CI") == "true" {
				t.Fatal("smtp-sink is missing: install postfix")
			}
			t.Skip("smtp-sink is missing: install postfix to run this test")
		}
	}
	dir := t.TempDir()
	if os.Geteuid() == 0 { // smtp-sink wants another user then
		options = append(options, "-u", "nobody")
		if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	port = freePort(t)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	sink := exec.Command(program, append(options, "-d", filepath.Join(dir, "mail."), address, "64")...)
	var complaints bytes.Buffer
	sink.Stderr = &complaints
	if err := sink.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		sink.Wait()
		close(ended)
	}()
	end := func() {
		sink.Process.Kill()
		<-ended
	}
	t.Cleanup(func() {
		end()
		if t.Failed() && complaints.Len() > 0 {
			t.Logf("smtp-sink: %s", &complaints)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for attempt := time.NewTicker(10 * time.Millisecond); ; {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		}
		select {
		case <-attempt.C:
		case <-ended:
			t.Fatalf("smtp-sink ended: %s", &complaints)
		case <-ctx.Done():
			t.Fatal("smtp-sink does not listen")
		}
	}
	return port, func() [][]byte {
		end()
		names, err := filepath.Glob(filepath.Join(dir, "mail.*"))
		if err != nil {
			t.Fatal(err)
		}
		var messages [][]byte
		for _, name := range names {
			message, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, message)
		}
		return messages
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
