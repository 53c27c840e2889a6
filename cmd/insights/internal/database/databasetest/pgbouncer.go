package databasetest

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// PgBouncer returns the URL of a PgBouncer that pools sessions, transactions or statements,
// before the server of a URL. Without the program the test is skipped, and fails where
// CI=true.
func PgBouncer(t testing.TB, mode, before string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !isThere(program) {
			if os.Getenv("CI") == "true" {
				t.Fatal("pgbouncer is not installed, and CI=true wants every test")
			}
			t.Skip("pgbouncer is not installed")
		}
	}
	u, err := url.Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	_, port, _ := net.SplitHostPort(free.Addr().String())
	dir, err := os.MkdirTemp("", "pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "pgbouncer.ini")
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s/users
pool_mode = %s
max_client_conn = 200
default_pool_size = 100
`, u.Hostname(), u.Port(), port, dir, mode)
	for name, text := range map[string]string{file: settings, dir + "/users": fmt.Sprintf("%q \"\"\n", u.User.Username())} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{file}
	if os.Geteuid() == 0 { // as whom it refuses to run
		args = append(args, "-u", "nobody")
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	u.Host = "127.0.0.1:" + port
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			conn.Close()
			return u.String()
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("pgbouncer ended: %v\n%s", err, said.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer does not answer: %v", err)
		}
	}
}

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
