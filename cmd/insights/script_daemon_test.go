package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
)

// process is a daemon that a script has started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // of its end

	mu  sync.Mutex
	log bytes.Buffer // its stdout and stderr
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// startDaemon: daemon NAME COMMAND... starts it at $LISTEN and waits until it is
// ready. Commands that the script runs beside it don't learn the address.
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	name, listen := args[0], ts.Getenv("LISTEN")
	cmd := exec.Command("insights", args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(environmentOf(ts), "INSIGHTS_LISTEN="+listen)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	ts.Check(cmd.Start())
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	storyOf(ts).daemons[name] = p
	took := waitFor(ts, name+" to be ready", func() bool {
		if !p.running() {
			ts.Fatalf("%s ended: %v\n%s", name, p.err, p.text())
		}
		response, err := http.Get("http://" + listen + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	ts.Logf("%s was ready after %s", name, took.Round(time.Millisecond))
}

// environmentOf is the script's environment, as far as the program reads it.
func environmentOf(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "TZ=" + ts.Getenv("TZ"), "GOCOVERDIR=" + ts.Getenv("GOCOVERDIR")}
	for _, k := range config.Keys() {
		if k.Variable == "" {
			continue
		}
		for _, name := range []string{k.Variable, k.Variable + "_FILE"} {
			if value := ts.Getenv(name); value != "" {
				env = append(env, name+"="+value)
			}
		}
	}
	return env
}

func daemonNamed(ts *testscript.TestScript, name string) *process {
	p := storyOf(ts).daemons[name]
	if p == nil {
		ts.Fatalf("there is no daemon %q", name)
	}
	return p
}

// terminate: terminate NAME sends SIGTERM; the daemon must leave in good order,
// and soon.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	p := daemonNamed(ts, args[0])
	ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	began := time.Now()
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s still runs %s after SIGTERM\n%s", args[0], patience, p.text())
	}
	ts.Logf("%s ended after %s", args[0], time.Since(began).Round(time.Millisecond))
	fmt.Fprint(ts.Stderr(), p.text())
	if p.err != nil {
		ts.Fatalf("%s ended: %v", args[0], p.err)
	}
}

// crash: crash NAME ends it with SIGKILL.
func crash(ts *testscript.TestScript, neg bool, args []string) {
	daemonNamed(ts, args[0]).kill()
}

// logged: logged NAME PATTERN waits until the daemon has written it; ! logged
// asks whether it has not.
func logged(ts *testscript.TestScript, neg bool, args []string) {
	p, pattern := daemonNamed(ts, args[0]), regexp.MustCompile(`(?m)`+args[1])
	if neg {
		if pattern.MatchString(p.text()) {
			ts.Fatalf("%s wrote:\n%s", args[0], p.text())
		}
		return
	}
	waitFor(ts, strings.Join(args, " "), func() bool { return pattern.MatchString(p.text()) })
	fmt.Fprint(ts.Stdout(), p.text())
}
