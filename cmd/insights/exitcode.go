package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

// Exit codes. Scripts rely on them.
const (
	exitFailed   = 1 // it failed
	exitUsage    = 2 // wrong usage, or it can't ask for confirmation
	exitProblems = 3 // a check found problems
	exitPartly   = 4 // done in part, or needs a person
	exitLocked   = 5 // another process holds the lock
	exitUnusable = 6 // configuration or database can't be used

	exitTryLater = 75 // EX_TEMPFAIL of sysexits.h, for mail servers
)

// exitCode is the one place that maps errors to exit codes. The class that a command gives
// an error takes precedence over its cause.
func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case is[*tryLater](err):
		return exitTryLater
	case is[*problems](err):
		return exitProblems
	case is[*app.Partly](err):
		return exitPartly
	case is[*usage](err), is[*app.Invalid](err), is[*console.NotConfirmed](err), is[*lists.Unreadable](err):
		return exitUsage
	case is[*app.Unusable](err), is[*config.Error](err):
		return exitUnusable
	case errors.Is(err, app.ErrLocked):
		return exitLocked
	case errors.Is(err, newsletter.ErrOtherLibrary):
		return exitPartly
	}
	return exitFailed
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// usage is an error about the words of a command.
type usage struct{ error }

func (e *usage) Unwrap() error { return e.error }

func usageError(format string, args ...any) error { return &usage{fmt.Errorf(format, args...)} }

// tryLater is an error of a command that a mail server runs, and may run again.
type tryLater struct{ error }

func (e *tryLater) Unwrap() error { return e.error }

// later makes every failure of a command that reads standard input one after which the same
// message is to be tried again, but for a slip in its words.
func later(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err == nil || len(args) > 0 || is[*usage](err) {
			return err
		}
		return &tryLater{err}
	}
}

// problems is an error of what was checked.
type problems struct{ error }

func (e *problems) Unwrap() error { return e.error }

func partly(err error) error { return &app.Partly{Err: err} }

// shown is an error that has been shown already.
type shown struct{ error }

func (e *shown) Unwrap() error { return e.error }
