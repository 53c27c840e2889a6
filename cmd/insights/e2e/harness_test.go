// Package e2e tests the real program from outside, in a folder of its own, as people
// meet it: through a browser, feed readers, mail servers, its commands and its pages.
package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes a folder for the program, which the first test that needs it builds,
// and offers stories the commands that only they need.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"smalldisk": smallDisk,
		"quicksink": quickSink,
	})
}

// suite runs the tests with a folder for what they build.
type suite struct{ *testing.M }

func (s suite) Run() int {
	dir, err := os.MkdirTemp("", "insights-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	plainBuild.dir, raceBuild.dir = filepath.Join(dir, "plain"), filepath.Join(dir, "race")
	return s.M.Run()
}

// build is one way of building the program. It happens once.
type build struct {
	flag string
	dir  string
	once sync.Once
	out  []byte
	err  error
}

var (
	plainBuild = build{flag: "-race=false"} // GOFLAGS may say otherwise
	raceBuild  = build{flag: "-race"}
)

func (b *build) path(t failer) string {
	b.once.Do(func() {
		b.out, b.err = exec.Command("go", "build", b.flag, "-o", filepath.Join(b.dir, "insights"), "..").CombinedOutput()
	})
	if b.err != nil {
		t.Fatalf("go build %s: %v\n%s", b.flag, b.err, b.out)
	}
	return filepath.Join(b.dir, "insights")
}

// commands is the path of the program that runs commands: as people run it, since most
// end at once. With INSIGHTS_TEST_FULL=1 they have the race detector if daemons have it.
func commands(t failer) string {
	if os.Getenv("INSIGHTS_TEST_FULL") == "1" {
		return daemons(t)
	}
	return plainBuild.path(t)
}

// daemons is the path of the program that runs daemons, with the race detector in it if
// the tests have it.
func daemons(t failer) string {
	if raceDetector {
		return raceBuild.path(t)
	}
	return plainBuild.path(t)
}

// failer is a test, or a story.
type failer interface {
	Fatalf(format string, args ...any)
}

// slow keeps a test out of the fast lane, go test -short.
func slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of the fast lane")
	}
}

// patience is how long a person waits for anything before they call it broken:
// generous, since the machine may be busy.
const patience = 20 * time.Second

// needs finds a program that a test can't do without. Where the tests must be
// complete (CI=true) its absence is a failure.
func needs(t testing.TB, name string, elsewhere ...string) string {
	t.Helper()
	for _, place := range append([]string{name}, elsewhere...) {
		if path, err := exec.LookPath(place); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true wants every test", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// scale is how big a test is to be: from the environment, or as given.
func scale(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number", variable, text)
	}
	return n
}

// until looks again and again until done says so, less often the longer it takes, and
// fails when that is longer than within.
func until(t failer, within time.Duration, what string, done func() bool) {
	if t, ok := t.(testing.TB); ok {
		t.Helper()
	}
	pause := 10 * time.Millisecond
	for deadline := time.Now().Add(within); !done(); pause = min(pause*5/4, 100*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(pause)
	}
}

// freeAddress is one of this machine where nothing listens.
func freeAddress(t failer) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer l.Close()
	return l.Addr().String()
}
