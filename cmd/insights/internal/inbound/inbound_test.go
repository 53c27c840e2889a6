package inbound_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/scaledbydesign/insights/cmd/insights/internal/inbound"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// desk takes mail for addresses that begin with bounce+.
type desk struct {
	mu    sync.Mutex
	mails []string
	only  string // which emails fail; "" = all
	asked int
	err   error
}

func (d *desk) Takes(address string) bool { return strings.HasPrefix(address, "bounce+") }

func (d *desk) HandleMessage(_ context.Context, to []string, message io.Reader) (string, error) {
	raw, err := io.ReadAll(message)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.err != nil && (d.only == "" || strings.Contains(string(raw), d.only)) {
		return "", d.err
	}
	d.mails = append(d.mails, strings.Join(to, " ")+"|"+strings.ReplaceAll(string(raw), "\r\n", "\n"))
	return "taken", nil
}

func (d *desk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *desk) took() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.mails)
}

func listen(t *testing.T, address string, d inbound.Receiver, log slog.Handler) string {
	t.Helper()
	s, err := inbound.Listen(address, "bounces.example.com", d, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

func TestMailsComeInOverSMTP(t *testing.T) {
	var d desk
	address := listen(t, "127.0.0.1:0", &d, slog.DiscardHandler)
	send := func(to, text string) error {
		return smtp.SendMail(address, nil, "", []string{to}, []byte(text))
	}
	if err := send("bounce+abc@bounces.example.com", "Subject: a\r\n\r\nb\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := d.took(); len(got) != 1 || got[0] != "bounce+abc@bounces.example.com|Subject: a\n\nb\n" {
		t.Errorf("taken %q", got)
	}
	if err := send("news@bounces.example.com", "x"); err == nil || !strings.HasPrefix(err.Error(), "550") {
		t.Errorf("an unknown recipient: %v", err)
	}
	d.fail(newsletter.ErrNotOurs)
	if err := send("bounce+abc@bounces.example.com", "x"); err != nil {
		t.Errorf("a mail about none of ours: %v", err)
	}
	d.fail(errors.New("the disk is full"))
	if err := send("bounce+abc@bounces.example.com", "x"); err == nil || !strings.HasPrefix(err.Error(), "451") {
		t.Errorf("a mail that can't be handled now: %v", err)
	}
	d.fail(nil)
	if err := send("bounce+abc@bounces.example.com", strings.Repeat(strings.Repeat("x", 76)+"\r\n", 20_000)); err == nil || !strings.HasPrefix(err.Error(), "552") {
		t.Errorf("a mail of 1.5 MB: %v", err)
	}
}

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// returns is what takes emails in earnest. None of these tests gets as far as its store.
func returns(t *testing.T) *newsletter.Feedback {
	t.Helper()
	keys, err := subscribers.NewKeyring(strings.Repeat("secret ", 8))
	if err != nil {
		t.Fatal(err)
	}
	return &newsletter.Feedback{Registry: &subscribers.Registry{Keys: keys}, Complaints: "abuse@bounces.example.com", Log: slog.New(slog.DiscardHandler)}
}

func TestAMailThatIsTooLargeIsRefused(t *testing.T) {
	var log journal
	address := listen(t, "127.0.0.1:0", returns(t), slog.NewTextHandler(&log, nil))
	line := strings.Repeat("x", 62) + "\r\n"
	for lines, want := range map[int]string{
		newsletter.MaxInbound/64 - 10: "",
		newsletter.MaxInbound/64 + 1:  "552",
		5 << 20 / 64:                  "552",
	} {
		err := smtp.SendMail(address, nil, "", []string{"abuse@bounces.example.com"}, []byte("Subject: a\r\n\r\n"+strings.Repeat(line, lines)))
		if (want == "") != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("a mail of %d lines: %v, want %q", lines, err, want)
		}
	}
	if got := log.String(); strings.Count(got, "too large") != 2 || strings.Contains(got, "level=ERROR") {
		t.Errorf("the log says %s", got)
	}
}

func TestAMailThatIsTooLargeForAMaildirIsLeftAside(t *testing.T) {
	dir := newMaildir(t)
	var log journal
	m := inbound.Maildir{Path: dir, Receiver: returns(t), Log: slog.New(slog.NewTextHandler(&log, nil)), Every: time.Millisecond}
	if err := os.WriteFile(filepath.Join(dir, "new", "1.large.host"), make([]byte, newsletter.MaxInbound+1), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, &m)
	waitFor(t, "moved", func() bool { return slices.Equal(files(t, dir, "cur"), []string{"1.large.host:2,S"}) })
	if got := log.String(); !strings.Contains(got, "skipped an incoming message") || !strings.Contains(got, "1.large.host") || !strings.Contains(got, "larger than 1 MB") {
		t.Errorf("the log says %s", got)
	}
}

// A client that hangs up is none of our faults: nobody has to be woken for it.
func TestAClientThatHangsUpIsNoError(t *testing.T) {
	var log journal
	address := listen(t, "127.0.0.1:0", returns(t), slog.NewTextHandler(&log, nil))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := smtp.NewClient(conn, "bounces.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(client.Mail(""), client.Rcpt("abuse@bounces.example.com")); err != nil {
		t.Fatal(err)
	}
	body, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(body, "Subject: a\r\n\r\nhalf a li")
	client.Text.W.Flush()
	conn.Close()
	waitFor(t, "noted", func() bool { return strings.Contains(log.String(), "disconnected") })
	if got := log.String(); !strings.Contains(got, "level=INFO") || strings.Contains(got, "level=ERROR") {
		t.Errorf("the log says %s", got)
	}
}

func TestMailsComeInOverLMTPOnASocket(t *testing.T) {
	var d desk
	path := filepath.Join(t.TempDir(), "lmtp")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close() // as a daemon leaves it that was killed
	listen(t, "unix:"+path, &d, slog.DiscardHandler)
	if _, err := inbound.Listen("unix:"+path, "x", &d, slog.Default()); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second daemon on the socket: %v", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	client := gosmtp.NewClientLMTP(conn)
	defer client.Close()
	if err := client.SendMail("", []string{"bounce+abc@x.example"}, strings.NewReader("Subject: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if len(d.took()) != 1 {
		t.Errorf("taken %q", d.took())
	}
}

// newMaildir is an empty one.
func newMaildir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run takes emails until the test, or stop, ends it.
func run(t *testing.T, m *inbound.Maildir) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 5000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("waited in vain: %s", what)
}

func TestMailsComeInFromAMaildir(t *testing.T) {
	dir := newMaildir(t)
	var d desk
	m := inbound.Maildir{Path: t.TempDir(), Receiver: &d, Log: slog.New(slog.DiscardHandler), Every: time.Millisecond}
	if err := m.Check(); err == nil {
		t.Error("a folder that is no maildir passes")
	}
	m.Path = dir
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, "new", name), []byte("Delivered-To: <bounce+abc@x.example>\nSubject: a\n\nb\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("1.a.host")
	put(".hidden")
	d.fail(errors.New("the disk is full"))
	stop := run(t, &m)
	put("2.b.host")
	// Once it is asked for the second time, it is done with the first.
	waitFor(t, "asked twice", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.asked > 1 })
	if got := files(t, dir, "cur"); len(got) > 0 {
		t.Errorf("moved without being handled: %v", got)
	}
	d.fail(nil)
	waitFor(t, "handled and moved", func() bool { return slices.Equal(files(t, dir, "cur"), []string{"1.a.host:2,S", "2.b.host:2,S"}) })
	// One that can't be handled holds up no other.
	d.mu.Lock()
	d.err, d.only = errors.New("who knows"), "bad"
	d.mu.Unlock()
	if err := os.WriteFile(filepath.Join(dir, "new", "3.bad.host"), []byte("Subject: bad\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	put("4.c.host")
	waitFor(t, "the next was handled", func() bool { return slices.Contains(files(t, dir, "cur"), "4.c.host:2,S") })
	d.fail(nil)
	waitFor(t, "and the other at last", func() bool { return slices.Contains(files(t, dir, "cur"), "3.bad.host:2,S") })
	stop()
	if got := d.took(); len(got) != 4 || !strings.HasPrefix(got[0], "bounce+abc@x.example|") {
		t.Errorf("taken %q", got)
	}
	if got := files(t, dir, "new"); !slices.Equal(got, []string{".hidden"}) {
		t.Errorf("left %v", got)
	}
}

// What fails is said once a look, however many emails it is.
func TestMailsThatFailAreLoggedTogether(t *testing.T) {
	dir := newMaildir(t)
	var log journal
	d := desk{err: errors.New("who knows"), only: "bad"}
	for _, name := range []string{"1.bad", "2.bad", "3.good"} {
		if err := os.WriteFile(filepath.Join(dir, "new", name), []byte("Subject: "+name+"\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := inbound.Maildir{Path: dir, Receiver: &d, Log: slog.New(slog.NewTextHandler(&log, nil)), Every: time.Hour}
	stop := run(t, &m)
	waitFor(t, "logged", func() bool { return strings.Contains(log.String(), "level=ERROR") })
	stop()
	if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, "2 messages, the first: 1.bad: who knows") {
		t.Errorf("the log says %s", got)
	}
	if got := files(t, dir, "cur"); !slices.Equal(got, []string{"3.good:2,S"}) {
		t.Errorf("moved %v", got)
	}
}

func files(t *testing.T, dir, sub string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, sub))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
