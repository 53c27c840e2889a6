// Command insights publishes a folder of Markdown articles as a site, as feeds and
// as e-mail digests. It is the daemon and the staff's command line in one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // time zones on machines that have none installed

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err))
}

// run is the whole program: nothing else reads the arguments or the environment.
// The error has been shown to the user when run returns it.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	p := &program{
		env: environment(environ), stdin: stdin, out: output{stdout: &result{Writer: stdout}, stderr: stderr},
	}
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(p.out.stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = p.out.stdout.err
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil && !isSilent(err) {
		p.out.problem("insights: %s", strings.TrimPrefix(err.Error(), "insights: "))
	}
	return err
}

// program is what every command shares: its surroundings and its global flags.
type program struct {
	env        map[string]string
	stdin      io.Reader
	out        output
	configFile string // --config
}

// Exit codes. Scripts rely on them.
const (
	exitFailed   = 1 // it was tried and failed
	exitUsage    = 2 // wrong words, or it would have to ask and can't
	exitProblems = 3 // a check found problems
	exitPartly   = 4 // done in part, or needs a person
	exitLocked   = 5 // another process holds what this needs
	exitUnusable = 6 // configuration or database can't be used
)

// coded is an error with the exit code it means.
type coded struct {
	error
	code   int
	silent bool // what is wrong has been shown already
}

func (c *coded) Unwrap() error { return c.error }

func usageError(format string, args ...any) error {
	return &coded{fmt.Errorf(format, args...), exitUsage, false}
}

func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &coded{err, exitUnusable, false}
}

func isSilent(err error) bool {
	c, ok := errors.AsType[*coded](err)
	return ok && c.silent
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if c, ok := errors.AsType[*coded](err); ok {
		return c.code
	}
	switch {
	case errors.Is(err, database.ErrLocked):
		return exitLocked
	case errors.Is(err, database.ErrNewer), errors.Is(err, database.ErrOld):
		return exitUnusable
	case errors.Is(err, newsletter.ErrOtherLibrary):
		return exitPartly
	}
	return exitFailed
}

// environment turns "KEY=value" lines into a map.
func environment(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, line := range lines {
		if key, value, ok := strings.Cut(line, "="); ok {
			env[key] = value
		}
	}
	return env
}
