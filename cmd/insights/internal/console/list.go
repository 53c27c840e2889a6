package console

import (
	"encoding/json"
	"errors"
	"fmt"
)

// List writes a result of any length as one JSON list, element by element.
type List struct {
	out *Console
	n   int
	Err error // the first that Add met
}

// List begins a list.
func (c *Console) List() *List { return &List{out: c} }

// Add writes an element under --json, and reports whether it did.
func (l *List) Add(v any) bool {
	if !l.out.JSON {
		return false
	}
	before := ",\n  "
	if l.n == 0 {
		before = "[\n  "
	}
	l.n++
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err == nil {
		_, err = fmt.Fprintf(l.out.Out, "%s%s", before, text)
	}
	l.Err = errors.Join(l.Err, err)
	return true
}

// End ends the list under --json, and reports whether it did.
func (l *List) End() (bool, error) {
	if !l.out.JSON {
		return false, nil
	}
	end := "\n]\n"
	if l.n == 0 {
		end = "[]\n"
	}
	_, err := fmt.Fprint(l.out.Out, end)
	return true, errors.Join(l.Err, err)
}
