package newsletter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/content"
)

const (
	maxIntro   = 16 << 10 // bytes: keeps an email under 90 KB
	maxSubject = 250      // bytes
)

// SetSubject sets the subject chosen by staff, a single line.
func (r *Request) SetSubject(subject string) error {
	odd := func(c rune) bool {
		return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
	}
	if !utf8.ValidString(subject) || strings.ContainsFunc(subject, odd) || len(subject) > maxSubject {
		return fmt.Errorf("a subject is one line of at most %d bytes, without control characters", maxSubject)
	}
	r.Subject = strings.TrimSpace(subject)
	return nil
}

// SetIntro sets the text before the insights, in Markdown: see [content.ParseNote].
func (r *Request) SetIntro(text []byte) error {
	switch {
	case len(text) > maxIntro:
		return fmt.Errorf("it has %d bytes; %d at most", len(text), maxIntro)
	case !utf8.Valid(text) || bytes.ContainsRune(text, 0):
		return errors.New("it is not UTF-8 text")
	}
	if _, err := content.ParseNote(string(text)); err != nil {
		return err
	}
	r.Intro = strings.TrimSpace(string(text))
	return nil
}

// PlanByHand plans a digest of what is visible now, without waiting for the edit grace
// of new insights: staff who ask for a digest have seen them. Unless DryRun it numbers
// them first, for which the library must hold everything that is not withdrawn:
// ErrOtherLibrary.
func (p *Planner) PlanByHand(ctx context.Context, lib *content.Library, r Request) (Digest, error) {
	if !r.DryRun {
		if _, _, err := p.Store.Number(ctx, VisibleIn(lib), NumberingOf(lib, 0, false)); err != nil {
			return Digest{}, err
		}
	}
	return p.Plan(ctx, lib, r)
}
