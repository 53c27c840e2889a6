package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// startDaemon: daemon NAME COMMAND... starts it at $LISTEN and waits until it is
// ready. Commands that the story runs beside it don't learn the address.
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	name, listen := args[0], ts.Getenv("LISTEN")
	ts.Check(ts.Exec("env"))
	cmd := exec.Command(daemons(ts), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n"), "INSIGHTS_LISTEN="+listen)
	p := startProcess(ts, cmd)
	storyOf(ts).daemons[name] = p
	p.awaitReady(ts, listen)
	ts.Logf("%s was ready after %s", name, p.ready.Round(time.Millisecond))
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
	began := time.Now()
	p.stop(ts)
	ts.Logf("%s ended after %s", args[0], time.Since(began).Round(time.Millisecond))
	fmt.Fprint(ts.Stderr(), p.log.String())
}

// crash: crash NAME ends it with SIGKILL.
func crash(ts *testscript.TestScript, neg bool, args []string) {
	daemonNamed(ts, args[0]).kill()
}

// hangup: hangup NAME sends SIGHUP: the configuration has changed.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(daemonNamed(ts, args[0]).cmd.Process.Signal(syscall.SIGHUP))
}

// logged: logged NAME PATTERN waits until the daemon has written it; ! logged
// asks whether it has not.
func logged(ts *testscript.TestScript, neg bool, args []string) {
	p, pattern := daemonNamed(ts, args[0]), regexp.MustCompile(`(?m)`+args[1])
	if neg {
		if pattern.MatchString(p.log.String()) {
			ts.Fatalf("%s wrote:\n%s", args[0], p.log.String())
		}
		return
	}
	until(ts, patience, strings.Join(args, " "), func() bool { return pattern.MatchString(p.log.String()) })
	fmt.Fprint(ts.Stdout(), p.log.String())
}
