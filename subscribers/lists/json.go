package lists

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// jsonRows are JSON objects: in an array, or one after the other.
type jsonRows struct {
	input  *input
	list   *Reader
	values map[string]string
}

var (
	errLongObject = fmt.Errorf("an object of more than %d KB: is a bracket or a quote not closed?", maxRow>>10)
	errOpenObject = errors.New("a bracket or a quote is not closed; reading continues with the next line that begins with {")
	errNoObject   = errors.New(`this is not a JSON object: write {"email": "…", "status": "…"}`)
)

func (j *jsonRows) next() (int, func(string) string, error) {
	for {
		w, whole := j.input.peekRow()
		blank := len(w) - len(bytes.TrimLeft(w, " \t\r\n,[]"))
		if blank > 0 {
			j.input.consume(blank)
			continue
		}
		line := j.input.line
		if len(w) == 0 {
			return line, nil, j.input.end()
		}
		if w[0] != '{' {
			j.resync()
			return line, nil, errNoObject
		}
		n, err := object(w, whole)
		if err != nil {
			if errors.Is(err, errOpenObject) && whole && j.input.err != nil {
				err = &Error{Line: line, Err: j.input.err}
			}
			j.resync()
			return line, nil, err
		}
		err = j.parse(w[:n])
		j.input.consume(n)
		return line, func(name string) string { return j.values[name] }, err
	}
}

// object is the length of the object that w begins with.
func object(w []byte, whole bool) (int, error) {
	var s jsonState
	for i := range w {
		if s.next(w[i]) {
			return i + 1, nil
		}
		if s.broken {
			return i, errOpenObject
		}
	}
	if whole {
		return len(w), errOpenObject
	}
	return len(w), errLongObject
}

// jsonState follows brackets and strings.
type jsonState struct {
	depth          int
	inString, skip bool
	last           byte // but blanks
	newLine        bool // since last
	broken         bool // a string has a line break, or an object begins where none may
}

// next takes a byte, and reports whether it ends the object.
func (s *jsonState) next(c byte) (ended bool) {
	switch {
	case s.skip:
		s.skip = false
	case s.inString && c == '\\':
		s.skip = true
	case c == '\n' || c == '\r':
		s.broken = s.broken || s.inString
		s.newLine = true
		return false
	case c == ' ' || c == '\t':
		return false
	case c == '"':
		s.inString = !s.inString
	case s.inString:
	case c == '{' || c == '[':
		if s.newLine && s.depth > 0 && s.last != ':' && s.last != ',' && s.last != '[' {
			s.broken = true
		}
		s.depth++
	case c == '}' || c == ']':
		s.depth--
		ended = s.depth == 0
	}
	s.last, s.newLine = c, false
	return ended
}

// resync moves on behind what is no object: to where its brackets end, or to the next
// line that begins with one.
func (j *jsonRows) resync() {
	s := jsonState{}
	atStart := false // of a line, after its blanks and comma
	for first := true; ; {
		w := j.input.peek()
		if len(w) == 0 {
			return
		}
		for i, c := range w {
			switch {
			case c == '\n' || c == '\r':
				atStart = true
			case c == '{' && !first && (atStart || s.depth == 0 && !s.inString):
				j.input.consume(i)
				return
			case c != ' ' && c != '\t' && c != ',':
				atStart = false
			}
			first = false
			if s.next(c) && !s.broken {
				j.input.consume(i + 1)
				return
			}
		}
		j.input.consume(len(w))
	}
}

func (j *jsonRows) parse(object []byte) error {
	fields := make(map[string]any)
	if err := json.Unmarshal(object, &fields); err != nil {
		return fmt.Errorf("this is not a JSON object: %w", err)
	}
	j.values = make(map[string]string, len(fields))
	seen := make(map[string]bool, len(fields))
	for name, value := range fields {
		known := strings.ToLower(strings.TrimSpace(name))
		if seen[known] {
			return fmt.Errorf("duplicate key %q, which differs only in case", known)
		}
		seen[known] = true
		if bars(known) && value != nil {
			j.values[known] = fmt.Sprint(value)
			continue
		}
		if !slices.Contains(own.columns, known) {
			if readable(known) == "" {
				j.list.note(known)
			}
			continue
		}
		switch value := value.(type) {
		case nil:
		case string:
			j.values[known] = value
		case []any:
			words := make([]string, len(value))
			for i, word := range value {
				text, ok := word.(string)
				if known != "categories" || !ok {
					return fmt.Errorf("%s is not text", known)
				}
				words[i] = text
			}
			j.values[known] = strings.Join(words, ";")
		default:
			return fmt.Errorf("%s is not text", known)
		}
	}
	return nil
}
