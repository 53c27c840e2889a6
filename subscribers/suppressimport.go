package subscribers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// SuppressionImport suppresses the addresses of a file, one a line; what follows a
// comma, and lines that begin with #, are left aside, and so is a header.
type SuppressionImport struct {
	Registry *Registry
	Reason   string
	DryRun   bool // store nothing
	// Refused, when set, is told of each line that holds no address.
	Refused func(line int, word string, reason error)

	Rows, Added, Unchanged, Failed int
}

// Import reads a file to its end, or to the first line that could not be stored: what
// came before it stays.
func (s *SuppressionImport) Import(ctx context.Context, in io.Reader) error {
	registry := s.Registry
	if s.DryRun {
		registry = &Registry{Store: dryStore{s.Registry.Store, make(map[string]bool)}}
	}
	lines := bufio.NewScanner(in)
	for line := 1; lines.Scan(); line++ {
		word := suppressedWord(lines.Text())
		if word == "" || line == 1 && strings.EqualFold(word, "email") {
			continue
		}
		s.Rows++
		a, err := ReadAddress(word)
		if err != nil {
			s.Failed++
			if s.Refused != nil {
				s.Refused(line, word, err)
			}
			continue
		}
		changed, err := registry.Suppress(ctx, a, BlockedHere, s.Reason, "import")
		switch {
		case err != nil:
			return &LineError{line, err}
		case changed:
			s.Added++
		default:
			s.Unchanged++
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	return nil
}

// LineError is what kept a line of a file from being stored.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// suppressedWord is the address in a line, or "".
func suppressedWord(line string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(line, "\ufeff"), ",")
	word = strings.Trim(strings.TrimSpace(word), `"`)
	if strings.HasPrefix(word, "#") {
		return ""
	}
	return word
}

// MaxReason bounds the reason that staff give for a suppression, in bytes.
const MaxReason = 200

// CheckReason reports whether staff's reason for a suppression is one line.
func CheckReason(reason string) error {
	isBreak := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }
	if strings.ContainsFunc(reason, isBreak) || len(reason) > MaxReason {
		return errors.New("a reason is one line")
	}
	return nil
}

// dryStore is a store whose edits are tried, and not stored. That of an address which
// was edited before is left out: it would find nothing more to do.
type dryStore struct {
	Store
	edited map[string]bool
}

func (s dryStore) Edit(ctx context.Context, key string, change func(*Subscriber) (Change, error)) (sub Subscriber, err error) {
	if s.edited[key] {
		return sub, nil
	}
	s.edited[key] = true
	err = s.EditAll(ctx, []string{key}, true, func(_ int, stored *Subscriber) (Change, error) {
		made, err := change(stored)
		sub = *stored
		return made, err
	})
	return sub, err
}
