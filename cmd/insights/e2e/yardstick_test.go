package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
	"github.com/scaledbydesign/insights/subscribers"
)

// TestYardsticks measures the whole send, its ledger durable, against what else
// there is, all into the same sink in the same run: Postfix's smtp-source, a plain
// loop over go-mail that renders for each reader, and what the bare key allows.
// INSIGHTS_TEST_YARDSTICK is how many emails a turn has, INSIGHTS_TEST_ROUNDS how
// many turns; medians are shown. It asserts nothing of speed: machines are noisy.
func TestYardsticks(t *testing.T) {
	slow(t)
	t.Parallel()
	mails, rounds := 200, 1
	if n, err := strconv.Atoi(os.Getenv("INSIGHTS_TEST_YARDSTICK")); err == nil {
		mails, rounds = n, 3
	}
	if n, err := strconv.Atoi(os.Getenv("INSIGHTS_TEST_ROUNDS")); err == nil {
		rounds = n
	}
	if _, err := exec.LookPath("smtp-source"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("smtp-source is missing: install postfix to run this test")
	}
	port := startQuickSink(t)
	pem, err := smtp.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := smtp.ParseKeys(pem)
	if err != nil {
		t.Fatal(err)
	}
	rsa := smtp.SigningKey{Domain: "insights.example", Selector: "insights", Key: keys[0]}
	ed := smtp.SigningKey{Domain: "insights.example", Selector: "insights-ed25519", Key: keys[1]}
	turns := []struct {
		name  string
		mails int
		run   func(n int) time.Duration
	}{
		{"smtp-source -d, 20 sessions", mails, func(n int) time.Duration { return smtpSource(t, port, n) }},
		{"insights, 20 connections", mails, func(n int) time.Duration { return sendAll(t, port, n, 20, nil) }},
		{"insights, 100 connections", mails, func(n int) time.Duration { return sendAll(t, port, n, 100, nil) }},
		{"go-mail, a template a reader, 20 connections", mails / 4, func(n int) time.Duration { return plainLoop(t, port, n, 20) }},
		{"insights signed with Ed25519, 20 connections", mails / 2, func(n int) time.Duration { return sendAll(t, port, n, 20, []smtp.SigningKey{ed}) }},
		{"insights signed with RSA-2048, 20 connections", mails / 8, func(n int) time.Duration { return sendAll(t, port, n, 20, []smtp.SigningKey{rsa}) }},
		{"the bare RSA-2048 key on every core", mails / 8, func(n int) time.Duration { return bareKey(t, rsa.Key, n) }},
	}
	rates := make(map[string][]float64)
	for range rounds {
		for _, turn := range turns {
			rates[turn.name] = append(rates[turn.name], float64(turn.mails)/turn.run(turn.mails).Seconds())
		}
	}
	median := func(name string) float64 {
		slices.Sort(rates[name])
		return rates[name][len(rates[name])/2]
	}
	for _, turn := range turns {
		t.Logf("%-46s %8.0f a second  %5.2f of smtp-source", turn.name, median(turn.name), median(turn.name)/median(turns[0].name))
	}
	t.Logf("insights at 20 connections: %.1f times go-mail's loop; signed with RSA-2048: %.2f of the bare key", median(turns[1].name)/median(turns[3].name), median(turns[5].name)/median(turns[6].name))
}

// plainWords is a renderer whose emails have 20 KB on the wire.
type plainWords struct{}

var longText = strings.Repeat("Twenty words or so of a summary, as a digest has them, in a paragraph with its usual marks around it.\n", 60)

func (plainWords) Digest(e newsletter.DigestContent) (newsletter.Body, error) {
	text := longText + e.UnsubscribeURL + "\n" + e.PreferencesURL + "\n" + e.Address + " since " + e.Since + "\n"
	html := "<p>" + strings.ReplaceAll(longText, "\n", "</p>\n<p style=\"margin:0 0 12px;color:#334155\">") + "</p><a href=\"" + e.UnsubscribeURL + "\">leave</a> <a href=\"" + e.PreferencesURL + "\">choose</a>"
	return newsletter.Body{Subject: e.Subject, Text: text, HTML: html}, nil
}

func (plainWords) Single(newsletter.SingleContent) (newsletter.Body, error) {
	return newsletter.Body{Subject: "s", Text: "t"}, nil
}

// crowdOf is a database with n confirmed readers of one category, and its insight.
func crowdOf(t *testing.T, n int) (*database.DB, *subscribers.Registry, *content.Library) {
	t.Helper()
	db, err := database.Open("sqlite:"+filepath.Join(t.TempDir(), "crowd.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ring, err := subscribers.NewKeyring(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	registry := &subscribers.Registry{Store: db, Keys: ring, Categories: []string{"leadership"}, StartWith: 3}
	lib, err := content.Load(fstest.MapFS{"one.md": &fstest.MapFile{Data: []byte("---\nid: 0b8b3b5e-5c5c-4d43-9a3a-6a1f2f0f7c11\ntitle: One\nsummary: Words.\ncategory: leadership\ndate: 2026-01-01\n---\n\nWords.\n")}},
		content.Options{Categories: []content.Category{{Slug: "leadership", Name: "Leadership"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Number(t.Context(), newsletter.VisibleIn(lib), newsletter.Numbering{Authority: true}); err != nil {
		t.Fatal(err)
	}
	rows := make([]subscribers.Imported, 0, 2000)
	for i := range n {
		address, err := subscribers.ParseAddress(fmt.Sprintf("reader%d@d%d.example", i, i%50))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, subscribers.Imported{Address: address, Status: subscribers.Confirmed, Source: "import", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"leadership"}}})
		if len(rows) == cap(rows) || i == n-1 {
			if _, err := registry.Import(t.Context(), rows, false); err != nil {
				t.Fatal(err)
			}
			rows = rows[:0]
		}
	}
	return db, registry, lib
}

// sendAll sends one digest to n readers over a relay and returns how long that took,
// from the worker's start to the digest's end.
func sendAll(t *testing.T, port, n, connections int, keys []smtp.SigningKey) time.Duration {
	t.Helper()
	return sendWhile(t, port, n, connections, keys, nil)
}

// sendWhile is sendAll while something else goes on with the same database. meanwhile
// prepares that, and returns what begins it and what ends it.
func sendWhile(t *testing.T, port, n, connections int, keys []smtp.SigningKey, meanwhile func(*database.DB) (begin, end func())) time.Duration {
	t.Helper()
	db, registry, lib := crowdOf(t, n)
	log := slog.New(slog.DiscardHandler)
	planner := newsletter.Planner{Store: db, Log: log}
	d, err := planner.Plan(t.Context(), lib, newsletter.Request{Approved: true})
	if err != nil || d.Readers != n {
		t.Fatalf("%d readers, %v", d.Readers, err)
	}
	if err := db.LockSender(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	worker := newsletter.Worker{
		Store: db, Composer: smtp.Composer{Keys: keys}, Connections: connections, Log: log, OnDone: func(int64) { cancel() },
		Transport: &smtp.Relay{Host: "127.0.0.1", Port: port, TLS: smtp.TLSNone, HELO: "insights.example", MaxMessages: 100},
		Writer:    &newsletter.Writer{Renderer: plainWords{}, Registry: registry, Identity: newsletter.Identity{BaseURL: "https://insights.example", From: "Insights <news@insights.example>"}},
	}
	begin, end := func() {}, func() {}
	if meanwhile != nil {
		begin, end = meanwhile(db)
	}
	began := time.Now()
	begin()
	if err := worker.Run(ctx); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	end()
	if d, err = db.Digest(t.Context(), d.ID); err != nil || d.Counts[newsletter.Sent] != n {
		t.Fatalf("%v, %v", d.Counts, err)
	}
	return took
}
