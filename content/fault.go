package content

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with one file, worded so that its author can correct it.
type Fault struct {
	File    string // its name in the folder
	Line    int    // counted from 1; 0 when no line can be named
	Message string
}

// Error returns "file.md:3: message".
func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// Faults are all the faults of a folder, sorted by file and line.
type Faults []Fault

// Error returns the faults one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Files returns how many files have faults.
func (f Faults) Files() int {
	files := make(map[string]bool, len(f))
	for _, fault := range f {
		files[fault.File] = true
	}
	return len(files)
}

// Unwrap gives [errors.Is] and [errors.As] each fault.
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i, fault := range f {
		errs[i] = fault
	}
	return errs
}

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
}
