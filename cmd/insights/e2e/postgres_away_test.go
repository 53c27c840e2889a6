package e2e

import (
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

// onPostgres is an installation on PostgreSQL with a crowd, behind a proxy that can take
// the server away.
func onPostgres(t *testing.T, readers int, settings map[string]string) (*sinkSite, *databasetest.Proxy) {
	t.Helper()
	direct := databasetest.Postgres(t)
	proxy, address := databasetest.NewProxy(t, direct)
	to := newSink(t, nil)
	s := &sinkSite{site: newServe(t, to.addr, settings), sink: to, content: t.TempDir()}
	s.set(map[string]string{"CONTENT_DIR": s.content, "DATABASE_URL": address})
	s.publish()
	s.start("serve")
	until(t, patience, "the insights are numbered", func() bool {
		var d digestJSON
		s.read(&d, "digest", "plan", "--dry-run")
		return d.State == "skipped"
	})
	for _, reader := range addReaders(t, direct, readers, 0) {
		s.crowd = append(s.crowd, reader.email)
	}
	return s, proxy
}

// However PostgreSQL goes away in the middle of a digest, the site goes on, and sending
// within five seconds of its return; nobody is lost, and who may have got it twice is listed.
func TestSendingGoesOnWhenPostgresIsBack(t *testing.T) {
	slow(t)
	const back = 5 * time.Second
	for name, take := range map[string]func(*databasetest.Proxy){"refusing": (*databasetest.Proxy).Refuse, "silent": (*databasetest.Proxy).Silence} {
		for long, notice := range map[string]string{"for a moment": "", "for long": "outbox failed"} {
			t.Run(name+" "+long, func(t *testing.T) {
				t.Parallel()
				s, proxy := onPostgres(t, 300, map[string]string{"SMTP_CONNECTIONS": "4"})
				gone := make(chan struct{})
				s.sink.misbehave(atMail(s.sink, 60, func() {
					take(proxy)
					close(gone)
				}), sinkAll)
				id := s.next()
				<-gone
				ask := func(path string, status int, within time.Duration) {
					t.Helper()
					began := time.Now()
					response, err := http.Get("http://" + s.addr + path)
					if err != nil {
						t.Error(err)
						return
					}
					defer response.Body.Close()
					body, _ := io.ReadAll(response.Body)
					if took := time.Since(began); response.StatusCode != status || took > within {
						t.Errorf("%s: %d after %s; want %d within %s\n%s", path, response.StatusCode, took, status, within, body)
					}
				}
				ask("/readyz", http.StatusServiceUnavailable, 2*time.Second)
				ask("/", http.StatusOK, time.Second)
				ask("/feeds/all.rss", http.StatusOK, time.Second)
				ask("/healthz", http.StatusOK, time.Second)
				ask("/digests", http.StatusServiceUnavailable, 6*time.Second)
				until(t, 2*time.Minute, "the worker has noticed", func() bool { return strings.Contains(s.daemon.log.String(), notice) })
				before := s.sink.taken()
				proxy.Restore()
				until(t, back, "emails go out", func() bool { return s.sink.taken() > before })
				until(t, time.Minute, "the digest is done", func() bool {
					var d digestJSON
					s.read(&d, "digest", "show", id)
					return d.State == "done"
				})
				tally := s.sink.tally()
				if missing := tally.missing(s.crowd); len(missing) > 0 {
					t.Errorf("lost %q", missing)
				}
				if hidden := without(tally.repeated(), s.known(id, "uncertain")); len(hidden) > 0 {
					t.Errorf("%q got it again and are not listed as uncertain", hidden)
				}
				s.daemon.stop(t)
			})
		}
	}
}

// A server that is only starting is waited for. A URL that is wrong ends serve at once.
func TestServeWaitsForAServerThatStarts(t *testing.T) {
	slow(t)
	direct := databasetest.Postgres(t)
	proxy, address := databasetest.NewProxy(t, direct)
	s := newServe(t, "127.0.0.1:1", map[string]string{"CONTENT_DIR": t.TempDir(), "DATABASE_URL": address})
	proxy.Refuse()
	cmd := exec.Command(s.server, "serve")
	cmd.Dir, cmd.Env = s.dir, s.env
	p := startProcess(t, cmd)
	defer p.kill()
	const waiting = "waiting for the database server"
	until(t, patience, "it says that it waits", func() bool { return strings.Contains(p.log.String(), waiting) })
	if response, err := http.Get("http://" + s.addr + "/"); err == nil {
		response.Body.Close()
		t.Errorf("it answers while it waits: %s", response.Status)
	}
	proxy.Restore()
	p.awaitReady(t, s.addr)
	if n := strings.Count(p.log.String(), waiting); n != 1 {
		t.Errorf("it said %d times that it waits:\n%s", n, p.log.String())
	}
	p.stop(t)

	for name, change := range map[string]func(*url.URL){
		"no such database": func(u *url.URL) { u.Path = "/nowhere" },
		"no such user":     func(u *url.URL) { u.User = url.User("nobody_here") },
		"no such host":     func(u *url.URL) { u.Host = "nowhere.invalid:5432" },
	} {
		u, err := url.Parse(direct)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		s.set(map[string]string{"DATABASE_URL": u.String()})
		if _, stderr, code := s.run("serve"); code != 6 {
			t.Errorf("%s: exit %d, %s", name, code, stderr)
		}
	}
	s.set(map[string]string{"DATABASE_URL": databasetest.PgBouncer(t, "transaction", direct)})
	for _, command := range []string{"serve", "status"} {
		if _, stderr, code := s.run(command); code != 6 || !strings.Contains(stderr, "set pool_mode=session") {
			t.Errorf("%s through PgBouncer in transaction mode: exit %d, %s", command, code, stderr)
		}
	}
}
