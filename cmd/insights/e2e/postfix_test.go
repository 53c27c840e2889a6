package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// A real Postfix between us and the readers' servers takes every mail, learns later
// that some readers are unknown, and sends bounces of its own wording back.
func TestARealPostfixThatBouncesSuspendsExactlyTheUnknown(t *testing.T) {
	slow(t)
	t.Parallel()
	mailboxes := newMailServer(t, func(r *mailServer, _ *gosmtp.Server) {
		r.onRecipient = func(to string) error {
			switch {
			case strings.Contains(to, "unknown"):
				return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: Recipient address rejected: User unknown in virtual mailbox table"}
			case strings.Contains(to, "blocked"):
				return &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "Service unavailable; Client host [192.0.2.1] blocked using a blocklist"}
			case strings.Contains(to, "full"):
				return &gosmtp.SMTPError{Code: 552, EnhancedCode: gosmtp.EnhancedCode{5, 2, 2}, Message: "<" + to + ">: user is over quota"}
			}
			return nil
		}
	})
	inbound := freeAddress(t)
	postfix := startPostfix(t, mailboxes.addr, inbound)
	s := newServe(t, postfix, map[string]string{"BOUNCES_LISTEN": inbound, "MAIL_BOUNCE_DOMAIN": "bounces.insights.example.com", "BOUNCES_JUDGEMENT_WAIT": "30s"})
	s.start("serve")
	var rows strings.Builder
	rows.WriteString("email,status,cadence,categories\n")
	for i := range 60 {
		fmt.Fprintf(&rows, "%02d-%s@mailboxes.example,confirmed,weekly,*\n", i, []string{"reader", "reader", "unknown", "full", "blocked", "reader"}[i%6]) // in an order in which the unknown ones are apart
	}
	file := filepath.Join(t.TempDir(), "readers.csv")
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.insights("subscriber", "import", file)
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes")
	if d := s.awaitDone(id, 2*time.Minute); d.Counts["sent"] != 60 {
		t.Errorf("%v; Postfix takes all 60", d.Counts)
	}
	type bounced struct {
		Email string `json:"email"`
		Class string `json:"class"`
	}
	var came []bounced
	until(t, 2*time.Minute, "30 emails come back", func() bool {
		s.read(&came, "bounce", "list", "--limit", "0")
		return len(came) == 30
	})
	for _, b := range came {
		want := map[byte]string{'u': "hard", 'f': "soft", 'b': "blocked"}[b.Email[3]]
		if b.Class != want {
			t.Errorf("%s is %s, want %s", b.Email, b.Class, want)
		}
	}
	var suppressed []struct {
		Email string `json:"email"`
	}
	until(t, 2*time.Minute, "what came back is judged", func() bool {
		s.read(&suppressed, "subscriber", "list", "--status", "suppressed")
		return len(suppressed) >= 10
	})
	if len(suppressed) != 10 || slices.ContainsFunc(suppressed, func(r struct {
		Email string `json:"email"`
	}) bool {
		return !strings.Contains(r.Email, "unknown")
	}) {
		t.Errorf("suppressed: %v; want the ten unknown ones", suppressed)
	}

	// One of those whom it reached leaves by mail.
	letter := readMessage(t, mailboxes.await(t, "00-reader@mailboxes.example", 1).Raw)
	_, way, _ := strings.Cut(letter.Header.Get("List-Unsubscribe"), "<mailto:")
	way, _, _ = strings.Cut(way, "?")
	if err := smtp.SendMail(postfix, nil, "00-reader@mailboxes.example", []string{way}, []byte("Subject: unsubscribe\r\n\r\n")); err != nil {
		t.Fatalf("mail to %q: %v", way, err)
	}
	var reader struct {
		Status string `json:"status"`
	}
	until(t, time.Minute, "the reader has left", func() bool {
		s.read(&reader, "subscriber", "show", "00-reader@mailboxes.example")
		return reader.Status == "unsubscribed"
	})
}

// startPostfix runs a Postfix of the test's own, which hands mail for the bounce
// domain to one server and all other to another, and returns where it takes mail.
func startPostfix(t *testing.T, mailboxes, bounces string) (address string) {
	t.Helper()
	program := needs(t, "postfix", "/usr/sbin/postfix")
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("Postfix starts as root alone, and CI=true wants every test")
		}
		t.Skip("Postfix starts as root alone")
	}
	dir, err := os.MkdirTemp("", "postfix") // t.TempDir is its owner's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address = freeAddress(t)
	nexthop := func(address string) string {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		return "smtp:[" + host + "]:" + port
	}
	settings := map[string]string{
		"compatibility_level": "3.6", "queue_directory": dir + "/spool", "data_directory": dir + "/data", "maillog_file": dir + "/log",
		"maillog_file_prefixes": dir, "myhostname": "mx.mailboxes.example", "mydestination": "", "mynetworks": "127.0.0.0/8",
		"inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "default_transport": nexthop(mailboxes),
		"transport_maps": "inline:{bounces.insights.example.com=" + nexthop(bounces) + "}", "smtp_tls_security_level": "none", "smtpd_tls_security_level": "none",
		"smtpd_relay_restrictions": "permit_mynetworks,reject", "smtpd_client_connection_rate_limit": "0", "alias_maps": "", "local_recipient_maps": "",
		"smtp_host_lookup": "native", "disable_dns_lookups": "yes", "default_destination_concurrency_limit": "5", "notify_classes": "",
	}
	var main bytes.Buffer
	for name, value := range settings {
		fmt.Fprintf(&main, "%s = %s\n", name, value)
	}
	services := address + " inet n - n - - smtpd\n"
	for _, line := range []string{
		"pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify", "flush unix n - n 1000? 0 flush",
		"proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp", "relay unix - - n - - smtp", "error unix - - n - - error", "retry unix - - n - - error",
		"discard unix - - n - - discard", "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache", "showq unix n - n - - showq", "tlsmgr unix - - n 1000? 1 tlsmgr",
		"postlog unix-dgram n - n - 1 postlogd",
	} {
		services += line + "\n"
	}
	etc := filepath.Join(dir, "etc")
	for _, sub := range []string{"etc", "spool", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chown", "postfix", dir+"/data").CombinedOutput(); err != nil {
		t.Fatalf("chown: %v\n%s", err, out)
	}
	for name, text := range map[string]string{"main.cf": main.String(), "master.cf": services} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	postfix := func(verb string) ([]byte, error) {
		cmd := exec.Command(program, "-c", etc, verb)
		cmd.Env = append(os.Environ(), "MAIL_CONFIG="+etc)
		return cmd.CombinedOutput()
	}
	log := func() []byte {
		text, _ := os.ReadFile(dir + "/log")
		return text
	}
	if out, err := postfix("start"); err != nil {
		t.Fatalf("postfix start: %v\n%s%s", err, out, log())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Postfix said:\n%s", log())
		}
		if out, err := postfix("stop"); err != nil {
			t.Errorf("postfix stop: %v\n%s", err, out)
		}
	})
	until(t, time.Minute, "Postfix listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return address
}
