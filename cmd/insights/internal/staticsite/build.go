// Package staticsite writes the site as files into a folder, which changes in one step.
package staticsite

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// File is one file of the site with its encodings.
type File struct {
	Name     string // in the folder, such as "insights/some-slug/index.html"
	Body     []byte
	Gzip     []byte    // nil: none is written
	Brotli   []byte    // likewise
	Modified time.Time // zero: not known
}

// Report is what a build came to. A file with its .gz and .br is three files.
type Report struct {
	Files     int   `json:"files"`
	Bytes     int64 `json:"bytes"`
	New       int   `json:"new"`
	Changed   int   `json:"changed"`
	Unchanged int   `json:"unchanged"`
	Removed   int   `json:"removed"`
	Kept      int   `json:"kept"` // put there by others
}

// Options say how to build.
type Options struct {
	DryRun bool                             // nothing is written
	Note   func(format string, args ...any) // told what is waited for
}

// Build writes into a folder, which need not exist, the files that fill gives to add;
// fill may call it from several goroutines at once. It waits while another build writes
// next to the folder. An [Unfit] error is about the folder that was named.
func Build(ctx context.Context, dir string, o Options, fill func(add func(File) error) error) (where string, r Report, err error) {
	b, err := openFolder(ctx, dir, o.DryRun, o.Note)
	if err != nil {
		return dir, r, unwritable(dir, err)
	}
	if err = fill(b.add); err == nil {
		err = b.finish()
	}
	if err = errors.Join(err, b.close()); err != nil {
		err = unwritable(dir, err)
	}
	return b.dir, b.report, err
}

// Unfit is the error for a folder that must not be built into.
type Unfit struct{ Err error }

func (e *Unfit) Error() string { return e.Err.Error() }
func (e *Unfit) Unwrap() error { return e.Err }

func unfit(format string, args ...any) error { return &Unfit{fmt.Errorf(format, args...)} }

// unwritable adds to an error of writing what to do next.
func unwritable(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is full: free some space; %s is unchanged: %w", dir, err)
	}
	return err
}
