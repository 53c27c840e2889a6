package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// e2eDaemon is a running `dev` or `serve`.
type e2eDaemon struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it has ended
	stderr e2eBuffer
	ready  time.Duration // from its start to the first good /readyz
}

// start runs a daemon until the test ends or it is stopped, and waits until it is
// ready.
func (s *e2eSite) start(args ...string) *e2eDaemon {
	s.t.Helper()
	d := &e2eDaemon{cmd: exec.Command(s.program, args...), ended: make(chan struct{})}
	d.cmd.Dir, d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = s.dir, s.env, &d.stderr, &d.stderr
	began := time.Now()
	if err := d.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait() // its exit code is in ProcessState
		close(d.ended)
	}()
	s.daemon = d
	s.t.Cleanup(func() {
		d.kill()
		if s.t.Failed() {
			s.t.Logf("insights %s said:\n%s", strings.Join(args, " "), d.stderr.String())
		}
		if strings.Contains(d.stderr.String(), "DATA RACE") {
			s.t.Errorf("insights %s: data race:\n%s", strings.Join(args, " "), d.stderr.String())
		}
	})
	e2eUntil(s.t, 2*time.Minute, "/readyz is good", func() bool {
		select {
		case <-d.ended:
			s.t.Fatalf("insights %s ended: %v\n%s", strings.Join(args, " "), d.cmd.ProcessState, d.stderr.String())
		default:
		}
		response, err := http.Get("http://" + s.addr + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	d.ready = time.Since(began)
	return d
}

// processor is how much processor time the daemon has used, to a hundredth of a
// second: on a machine that others keep busy it says more than a clock. Where /proc
// does not tell, it is as good as endless.
func (d *e2eDaemon) processor() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return time.Hour
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold blanks
	fields := strings.Fields(after)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100
}

// kill ends the daemon as a power cut would.
func (d *e2eDaemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.ended
}

// terminate asks the daemon to stop; stop also waits until it has.
func (d *e2eDaemon) terminate(t testing.TB) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (d *e2eDaemon) stop(t testing.TB) {
	t.Helper()
	d.terminate(t)
	select {
	case <-d.ended:
	case <-time.After(time.Minute):
		t.Fatal("it did not end within a minute of SIGTERM")
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("after SIGTERM it ended with %d; want 0\n%s", code, d.stderr.String())
	}
}

// e2eBuffer is a buffer that can be read while it is written.
type e2eBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *e2eBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *e2eBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
