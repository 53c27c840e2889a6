package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

// readersFile is a list of so many readers, in no order.
func readersFile(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "readers.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	random := rand.New(rand.NewPCG(1, 2))
	fmt.Fprintln(w, "email,status,cadence,categories,name,confirmed_at")
	for i := range n {
		fmt.Fprintf(w, "%x.reader%d@example.com,%s,weekly,%s,Reader %d,2024-03-01T09:00:00Z\n",
			random.Uint32(), i, []string{"confirmed", "confirmed", "unsubscribed"}[i%3], []string{"*", "leadership;engineering"}[i%2], i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

func newImportSite(t *testing.T, url string) *site {
	t.Helper()
	s := newSite(t, map[string]string{"DATABASE_URL": url, "SECRET": secret})
	s.plain()
	if out, err := s.command("db", "migrate").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// imported is what an import says of itself.
type imported struct {
	Rows, Added, Changed, Unchanged, Kept, Failed int
}

// measured runs a command to its end, and returns its peak of memory, as it stood in
// its last moments: what the system says of a child that has ended is never less than
// the peak of its parent.
func (s *site) measured(stdout io.Writer, args ...string) (took time.Duration, peakMB int) {
	s.t.Helper()
	cmd := s.command(args...)
	var problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &problems
	began := time.Now()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for look := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-look.C:
			peakMB = max(peakMB, memoryOf(cmd.Process.Pid, "VmHWM"))
			continue
		case err := <-ended:
			if err != nil {
				s.t.Fatalf("%v: %v\n%s", args, err, problems.String())
			}
		}
		return time.Since(began), peakMB
	}
}

func (s *site) runImport(args ...string) (in imported, took time.Duration, peakMB int) {
	s.t.Helper()
	var out bytes.Buffer
	took, peakMB = s.measured(&out, append([]string{"subscriber", "import", "--json"}, args...)...)
	if err := json.Unmarshal(out.Bytes(), &in); err != nil {
		s.t.Fatalf("%v\n%s", err, out.String())
	}
	return in, took, peakMB
}

func (s *site) exported() int {
	s.t.Helper()
	rows := lineCount(-1) // the header
	s.measured(&rows, "subscriber", "export")
	return int(rows)
}

// lineCount counts the lines that are written to it.
type lineCount int

func (c *lineCount) Write(b []byte) (int, error) {
	*c += lineCount(bytes.Count(b, []byte("\n")))
	return len(b), nil
}

// How fast a list comes in and goes out, and in how much memory, by
//
//	INSIGHTS_TEST_IMPORT=1000000 go test ./cmd/insights/e2e -run ListsOfAnySize -v
//
// The figures are those of the plain program, without the race detector.
func TestListsOfAnySizeComeInAndGoOut(t *testing.T) {
	slow(t)
	t.Parallel()
	n := scale(t, "INSIGHTS_TEST_IMPORT", 20_000)
	path := readersFile(t, n)
	databasetest.OnEach(t, func(t *testing.T, url string) {
		s := newImportSite(t, url)
		report := func(what string, took time.Duration, peakMB int) {
			t.Logf("%s: %d rows in %v, %.0f rows/s, %d MB at the peak", what, n, took.Round(10*time.Millisecond), float64(n)/took.Seconds(), peakMB)
			if peakMB > 150 {
				t.Errorf("%s takes %d MB", what, peakMB)
			}
		}
		dry, took, peak := s.runImport(path, "--dry-run")
		report("dry run", took, peak)
		if dry.Added != n {
			t.Errorf("%+v", dry)
		}
		in, took, peak := s.runImport(path)
		report("import", took, peak)
		if (in != imported{Rows: n, Added: n}) {
			t.Errorf("%+v", in)
		}
		again, took, peak := s.runImport(path)
		report("the same again", took, peak)
		if (again != imported{Rows: n, Unchanged: n}) {
			t.Errorf("again %+v", again)
		}
		rows := lineCount(-1)
		took, peak = s.measured(&rows, "subscriber", "export")
		report("export", took, peak)
		if int(rows) != n {
			t.Errorf("%d rows exported", rows)
		}
	})
}

// An import that is cut anywhere leaves whole chunks, and made again goes on.
func TestImportsThatAreCutGoOnWhereTheyWere(t *testing.T) {
	slow(t)
	t.Parallel()
	n := scale(t, "INSIGHTS_TEST_IMPORT", 45_000)
	path := readersFile(t, n)
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "interrupted": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databasetest.OnEach(t, func(t *testing.T, url string) {
				s := newImportSite(t, url)
				stored := 0
				for cut := 0; cut < 2 && stored < n; cut++ {
					var problems bytes.Buffer
					cmd := s.command("subscriber", "import", path)
					cmd.Stderr = &problems
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					ended := make(chan error, 1)
					go func() { ended <- cmd.Wait() }()
					until(t, time.Minute, "a chunk is stored, or all of them", func() bool {
						select {
						case err := <-ended:
							ended <- err
							return true
						default:
							return s.exported() > stored
						}
					})
					cmd.Process.Signal(signal)
					exit, cutShort := errors.AsType[*exec.ExitError](<-ended)
					now := s.exported()
					if now < stored || now%20_000 != 0 && now != n {
						t.Errorf("cut %d left %d rows of %d before", cut, now, stored)
					}
					if cutShort && signal == syscall.SIGINT && (exit.ExitCode() != 4 && exit.ExitCode() != 1 || !strings.Contains(problems.String(), "the import stopped early")) {
						t.Errorf("exit %d\n%s", exit.ExitCode(), problems.String())
					}
					stored = now
				}
				in, _, _ := s.runImport(path)
				if (in != imported{Rows: n, Added: n - stored, Unchanged: stored}) || s.exported() != n {
					t.Errorf("%+v after %d rows", in, stored)
				}
				t.Logf("%d rows were stored before", stored)
			})
		})
	}
}
