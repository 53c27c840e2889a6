package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

var update = flag.Bool("update", false, "write what scripts compare with anew")

// quickStories are those of the fast lane.
var quickStories = []string{"quickstart", "reader", "staff", "import", "config"}

// TestScripts runs the real program, one story a file.
func TestScripts(t *testing.T) {
	t.Parallel()
	stories, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		stories = nil
		for _, name := range quickStories {
			stories = append(stories, filepath.Join("testdata", "script", name+".txtar"))
		}
	}
	testscript.Run(t, testscript.Params{
		Files: stories, Setup: setUp, Cmds: storyWords, RequireUniqueNames: true, UpdateScripts: *update,
		Deadline: time.Now().Add(25 * time.Minute), // of all of them together, for a command that should have ended by itself
	})
}

// storyWords are the commands that stories have beside testscript's own.
var storyWords = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"insights":  insights,
	"exits":     exits,
	"until":     untilItSays,
	"json":      jsonIs,
	"need":      need,
	"postgres":  postgres,
	"dated":     dated,
	"pack":      pack,
	"freeport":  freePort,
	"daemon":    startDaemon,
	"terminate": terminate,
	"crash":     crash,
	"hangup":    hangup,
	"logged":    logged,
	"get":       get,
	"post":      post,
	"poll":      poll,
	"submit":    submit,
	"mail":      readMail,
	"link":      link,
	"altered":   altered,
	"relay":     startRelay,
	"received":  received,
}

// story is what one script holds beside its folder.
type story struct {
	t       testscript.T
	daemons map[string]*process
	relays  map[string]*mailServer
	forms   map[string]form // sign-up forms that are open
}

// endAtOnce, in GORACE, keeps a program with the race detector from sleeping for a
// second before it ends, each time.
const endAtOnce = "atexit_sleep_ms=20"

// setUp gives a story the program, an address of its own and a folder to itself.
func setUp(env *testscript.Env) error {
	s := &story{t: env.T(), daemons: make(map[string]*process), relays: make(map[string]*mailServer), forms: make(map[string]form)}
	env.Values["story"] = s
	env.Defer(s.end)
	listen := freeAddress(s)
	env.Setenv("LISTEN", listen)
	env.Setenv("INSIGHTS_LISTEN", listen)
	env.Setenv("SITE", "http://"+listen)
	env.Setenv("PATH", filepath.Dir(commands(s))+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("GORACE", endAtOnce)
	return nil
}

// Fatalf ends the story.
func (s *story) Fatalf(format string, args ...any) { s.t.Fatal(fmt.Sprintf(format, args...)) }

func (s *story) end() {
	for _, p := range s.daemons {
		p.kill()
	}
	for _, r := range s.relays {
		r.close()
	}
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value("story").(*story) }

// freePort: freeport VAR
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], freeAddress(ts))
}

// insights: insights ARGUMENT... runs the program.
func insights(ts *testscript.TestScript, neg bool, args []string) {
	switch err := ts.Exec("insights", args...); {
	case err == nil && neg:
		ts.Fatalf("unexpected command success")
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	}
}

// need: need PROGRAM. Where it is missing the script is skipped; in CI that fails.
func need(ts *testscript.TestScript, neg bool, args []string) {
	if _, err := exec.LookPath(args[0]); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		ts.Fatalf("%s is missing", args[0])
	}
	storyOf(ts).t.Skip(args[0] + " is missing")
}

// postgres: postgres VAR sets it to the URL of a schema of its own. Where there is no
// server the script is skipped; in CI that fails.
func postgres(ts *testscript.TestScript, neg bool, args []string) {
	url, drop, err := databasetest.Schema()
	if errors.Is(err, databasetest.ErrNoServer) && os.Getenv("CI") != "true" {
		storyOf(ts).t.Skip(err)
	}
	ts.Check(err)
	ts.Defer(func() { ts.Check(drop()) })
	ts.Setenv(args[0], url)
}

// exits: exits CODE COMMAND...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// until: until PATTERN COMMAND... repeats a command until its output has the
// pattern; ! until waits until it no longer has. The command may be get.
func untilItSays(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	last := ""
	until(ts, patience, strings.Join(args, " "), func() bool {
		if args[1] == "get" {
			response, err := fetch(ts, http.MethodGet, args[2], nil)
			ts.Check(err)
			last = response.Body
		} else {
			_ = ts.Exec(args[1], args[2:]...) // its failure is seen in what it printed
			last = ts.ReadFile("stdout")
		}
		return pattern.MatchString(last) != neg
	})
	fmt.Fprint(ts.Stdout(), last)
}

// jsonIs: json PATH VALUE says what the last command's one JSON document holds.
// PATH is .key.0.key; at its end .# counts.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stdout")
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		ts.Fatalf("stdout is no JSON: %v", err)
	}
	if decoder.More() {
		ts.Fatalf("stdout contains more than one document")
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(args[0], "."), ".") {
		if part == "" {
			continue
		}
		v = jsonAt(ts, v, args[0], part)
	}
	got, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		ts.Check(err)
		got = string(b)
	}
	if want := strings.Join(args[1:], " "); len(args) > 1 && (got == want) == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

func jsonAt(ts *testscript.TestScript, v any, path, part string) any {
	switch v := v.(type) {
	case map[string]any:
		if part == "#" {
			return len(v)
		}
		value, ok := v[part]
		if !ok {
			ts.Fatalf("%s: there is no %q", path, part)
		}
		return value
	case []any:
		if part == "#" {
			return len(v)
		}
		i, err := strconv.Atoi(part)
		if err != nil || i >= len(v) {
			ts.Fatalf("%s: there is no element %s of %d", path, part, len(v))
		}
		return v[i]
	}
	ts.Fatalf("%s: nothing below %v", path, v)
	return nil
}

// dated: dated FROM TO +3s copies an insight and puts that time for @DATE@.
func dated(ts *testscript.TestScript, neg bool, args []string) {
	ahead, err := time.ParseDuration(args[2])
	ts.Check(err)
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "@DATE@", time.Now().Add(ahead).UTC().Format(time.RFC3339))
	target := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(target), 0o777))
	ts.Check(os.WriteFile(target, []byte(text), 0o666))
}
