package e2e

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

// process is a running `dev` or `serve`.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	log   buffer        // its stdout and stderr
	ready time.Duration // from its start to the first good /readyz
}

// startProcess starts a daemon.
func startProcess(t failer, cmd *exec.Cmd) *process {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v", err)
	}
	go func() {
		_ = cmd.Wait() // its exit code is in ProcessState
		close(p.ended)
	}()
	return p
}

// awaitReady waits until a daemon that has just been started is ready.
func (p *process) awaitReady(t failer, addr string) {
	if t, ok := t.(testing.TB); ok {
		t.Helper()
	}
	began := time.Now()
	until(t, 2*time.Minute, "/readyz is good", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("%q ended: %v\n%s", p.cmd.Args, p.cmd.ProcessState, p.log.String())
		default:
		}
		response, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	p.ready = time.Since(began)
}

// start runs a daemon until the test ends or it is stopped, and waits until it is
// ready.
func (s *site) start(args ...string) *process {
	s.t.Helper()
	cmd := exec.Command(s.server, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	p := startProcess(s.t, cmd)
	s.daemon = p
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("insights %s said:\n%s", strings.Join(args, " "), p.log.String())
		}
		if strings.Contains(p.log.String(), "DATA RACE") {
			s.t.Errorf("insights %s: data race:\n%s", strings.Join(args, " "), p.log.String())
		}
	})
	p.awaitReady(s.t, s.addr)
	return p
}

// processor is how much processor time the daemon has used, to a hundredth of a
// second: on a machine that others keep busy it says more than a clock. Where /proc
// does not tell, it is as good as endless.
func (p *process) processor() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return time.Hour
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold blanks
	fields := strings.Fields(after)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100
}

// memory is what the daemon takes, in MB.
func (p *process) memory(field string) int { return memoryOf(p.cmd.Process.Pid, field) }

// memoryOf is what a process takes in MB: VmHWM at its peak, VmRSS now. It is 0 where
// /proc does not tell.
func memoryOf(pid int, field string) (mb int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), field+":")
	fmt.Sscan(after, &mb) // in kB
	return mb >> 10
}

// kill ends the daemon as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// terminate asks the daemon to stop; stop also waits until it has, in good order.
func (p *process) terminate(t failer) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%v", err)
	}
}

func (p *process) stop(t failer) {
	if t, ok := t.(testing.TB); ok {
		t.Helper()
	}
	p.terminate(t)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Fatalf("it did not end within a minute of SIGTERM")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("after SIGTERM it ended with %d; want 0\n%s", code, p.log.String())
	}
}

// buffer is a buffer that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
