// Package rfc5322 reads messages (RFC 5322, MIME), however badly they are made.
// net/mail, mime/multipart and emersion/go-message give up at the first line that is not
// as it should be, and many messages that bounce have one.
package rfc5322

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"
)

// What of a message is read. What lies beyond is cut.
const (
	MaxSize   = 1 << 20
	maxHeader = 64 << 10 // octets of one header
	maxFields = 500      // fields of one header
	maxField  = 8 << 10  // octets of a field that goes on
	maxDepth  = 10       // multiparts in each other
	maxParts  = 50
)

// Header is the fields of a message or of a part, in their order.
type Header []Field

// Field is one field of a Header, unfolded.
type Field struct{ Name, Value string }

// Get returns the first value of a field, or "".
func (h Header) Get(name string) string {
	if i := slices.IndexFunc(h, func(f Field) bool { return strings.EqualFold(f.Name, name) }); i >= 0 {
		return h[i].Value
	}
	return ""
}

// Values returns all values of a field.
func (h Header) Values(name string) []string {
	var values []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Part is a leaf of the MIME tree. Enclosed messages are leaves: what they say is not
// said by who sends the message.
type Part struct {
	Type   string // media type, lower case
	Params map[string]string
	Body   []byte // its transfer encoding undone
}

// Parse splits a message into its header and its leaves: of 1 MiB 50 parts and 10 levels
// of MIME. It reports false if the message does not begin with a header.
func Parse(raw []byte) (Header, []Part, bool) {
	raw = bytes.ReplaceAll(cut(raw, MaxSize), []byte("\r\n"), []byte("\n"))
	raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
	raw = bytes.TrimLeft(raw, "\n")
	header, body := ParseHeader(raw)
	if len(header) == 0 {
		return nil, nil, false
	}
	var w walker
	w.walk(header, body, 0)
	return header, w.parts, true
}

// ParseHeader reads fields up to the first empty line. Lines that are no field are
// passed over, such as the "From " of a mailbox file.
func ParseHeader(raw []byte) (Header, []byte) {
	h := Header{}
	open := false // whether the last field may go on
	read := 0
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		raw, read = rest, read+len(line)+1
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if read > maxHeader {
			open = false
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if open && len(h[len(h)-1].Value) < maxField {
				h[len(h)-1].Value += " " + string(bytes.TrimSpace(line))
			}
			continue
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		key = bytes.TrimRight(key, " \t")
		named := len(key) > 0 && len(key) <= 80 && !bytes.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f })
		open = ok && named && len(h) < maxFields
		if open {
			h = append(h, Field{string(key), string(bytes.TrimSpace(value))})
		}
	}
	return h, raw
}

type walker struct{ parts []Part }

func (w *walker) walk(h Header, body []byte, depth int) {
	if depth > maxDepth || len(w.parts) >= maxParts {
		return
	}
	kind, params := mediaType(h.Get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		all := splitParts(body, params["boundary"])
		if len(all) == 0 {
			all = splitParts(body, firstDelimiter(body))
		}
		for _, raw := range all {
			// A part may begin with the empty line that ends its header.
			inner, rest := Header(nil), bytes.TrimPrefix(raw, []byte("\n"))
			if len(rest) == len(raw) {
				inner, rest = ParseHeader(raw)
			}
			w.walk(inner, rest, depth+1)
		}
		if len(all) > 0 {
			return
		}
		kind = "text/plain"
	}
	w.parts = append(w.parts, Part{kind, params, decode(h.Get("Content-Transfer-Encoding"), body)})
}

// mediaType reads a Content-Type. Of one that mime refuses it takes the type and
// the boundary.
func mediaType(s string) (string, map[string]string) {
	if s == "" {
		return "text/plain", nil
	}
	kind, params, err := mime.ParseMediaType(s)
	if err == nil {
		return kind, params
	}
	kind, rest, _ := strings.Cut(s, ";")
	params = map[string]string{}
	for field := range strings.SplitSeq(rest, ";") {
		key, value, _ := strings.Cut(field, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if _, twice := params[key]; !twice {
			params[key] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// splitParts cuts a multipart body at its boundary lines. The last one may be
// missing: servers cut what they return.
func splitParts(body []byte, boundary string) [][]byte {
	if boundary == "" {
		return nil
	}
	delimiter := []byte("--" + boundary)
	var parts [][]byte
	start, inside := 0, false
	for at := 0; at < len(body) && len(parts) < maxParts; {
		line, _, _ := bytes.Cut(body[at:], []byte("\n"))
		next := min(at+len(line)+1, len(body))
		if bytes.HasPrefix(line, delimiter) {
			tail := string(bytes.TrimSpace(line[len(delimiter):]))
			if tail == "" || tail == "--" {
				if inside {
					parts = append(parts, body[start:at])
				}
				start, inside = next, tail == ""
			}
		}
		at = next
	}
	if inside && len(parts) < maxParts {
		parts = append(parts, body[start:])
	}
	return parts
}

// firstDelimiter guesses the boundary of a body that does not hold the one which its
// header names: filters and gateways rewrite the one and not the other.
func firstDelimiter(body []byte) string {
	for line := range bytes.Lines(cut(body, maxHeader)) {
		line = bytes.TrimSpace(line)
		if len(line) > 10 && bytes.HasPrefix(line, []byte("--")) && !bytes.ContainsAny(line, " \t") && bytes.Trim(line, "-=_") != nil {
			return string(line[2:])
		}
	}
	return ""
}

// decode undoes a transfer encoding as far as it holds.
func decode(encoding string, body []byte) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		if plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body))); err == nil {
			return plain
		}
	case "base64":
		digits := bytes.Map(func(r rune) rune {
			if r == '+' || r == '/' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, body)
		plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
		n, _ := base64.RawStdEncoding.Decode(plain, digits)
		return bytes.ReplaceAll(plain[:n], []byte("\r\n"), []byte("\n"))
	}
	return body
}

func cut(b []byte, limit int) []byte { return b[:min(len(b), limit)] }
