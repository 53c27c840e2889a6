package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Error is what is wrong with a configuration: every fault, one a line.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// faults collects everything wrong with a configuration, each with its place.
type faults struct {
	name   string // of the file
	source []byte
	list   []fault
}

type fault struct {
	at   int // line of the file; other places sort last
	text string
}

// line reports what is wrong in a line of the file.
func (f *faults) line(number, message string) {
	at, err := strconv.Atoi(number)
	if err != nil { // no line known
		f.list = append(f.list, fault{0, fmt.Sprintf("%s: %s", f.name, message)})
		return
	}
	f.list = append(f.list, fault{at, fmt.Sprintf("%s:%d: %s", f.name, at, message)})
}

// variable reports what is wrong with a variable.
func (f *faults) variable(name, message string) {
	f.list = append(f.list, fault{math.MaxInt, name + ": " + message})
}

// key reports what is wrong with the value of a key, wherever it was set.
func (f *faults) key(c *Config, path, message string) {
	if c.origins[path] == InVariable {
		f.variable(variable(path), message)
	} else if node := nodeAt(f.source, path); node != nil {
		f.line(strconv.Itoa(node.Line), path+": "+message)
	} else {
		f.variable(path, message)
	}
}

// err is all of it in one error, or nil.
func (f *faults) err() error {
	slices.SortStableFunc(f.list, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	var errs []error
	for _, fault := range f.list {
		errs = append(errs, errors.New(fault.text))
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{errors.Join(errs...)}
}
