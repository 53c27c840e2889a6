package content

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"
)

// fence is the line before and after the front matter.
const fence = "---"

// maxFaultsPerFile bounds what is told of one file: a picture saved under the
// name of a text has a fault in each line.
const maxFaultsPerFile = 100

// maxHeader bounds the front matter, in bytes.
const maxHeader = 64 << 10

// document is one file by itself: what it says, before it is known what the other
// files say. Its insight's body, links and pictures are unresolved.
type document struct {
	source      string // as read: tells whether the file has changed
	insight     Insight
	idLine      int // where the id is given
	slugLine    int // where the slug is given
	updatedLine int // where updated is given; 0 = nowhere
	mentions    []mention
	faults      Faults
	flaws       Faults // see [Library.Flaws]
}

// fault notes a problem of the file's line, counted from 1.
func (d *document) fault(line int, format string, args ...any) {
	if len(d.faults) < maxFaultsPerFile {
		d.faults = append(d.faults, Fault{d.insight.File, line, fmt.Sprintf(format, args...)})
	}
}

// flaw notes what of the file's line is not shown as it was meant, though the insight can
// be shown.
func (d *document) flaw(line int, format string, args ...any) {
	flaw := Fault{d.insight.File, line, fmt.Sprintf(format, args...)}
	if len(d.flaws) < maxFaultsPerFile && !slices.Contains(d.flaws, flaw) {
		d.flaws = append(d.flaws, flaw)
	}
}

// parseDocument reads one file. It always returns a document; when that has
// faults, its insight holds what could be understood.
func parseDocument(file, source string, read *reading) *document {
	d := &document{source: source, insight: Insight{File: file, Email: true}}
	text := strings.ReplaceAll(strings.TrimPrefix(source, "\ufeff"), "\r\n", "\n")
	if strings.TrimSpace(text) == "" {
		d.fault(1, "the file is empty; start one with: insights content new TITLE")
		return d
	}
	text = d.checkCharacters(text)
	header, body, bodyLine := d.split(text)
	if bodyLine == 0 {
		d.salvageID(text)
		return d
	}
	if len(header) > maxHeader {
		d.fault(1, "the front matter is longer than %d KB", maxHeader>>10)
		d.salvageID(header)
		return d
	}
	f := &fields{document: d, reading: read, lines: map[string]int{}, given: map[string]bool{}}
	f.decodeAll(header)
	f.complete()
	if d.insight.ID == "" {
		d.salvageID(header)
	}
	d.insight.body = body
	d.scanBody(bodyLine)
	d.insight.digest = d.insight.sum()
	return d
}

// split parts the front matter from the body and says on which line the body
// begins; 0 when there is no front matter.
func (d *document) split(text string) (header, body string, bodyLine int) {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, " \t") != fence {
		d.fault(1, "no front matter: the first line must be %s", fence)
		return "", "", 0
	}
	start, line := 0, 2
	for l := range strings.Lines(rest) {
		if strings.TrimRight(l, " \t\n") == fence {
			return rest[:start], rest[start+len(l):], line + 1
		}
		start += len(l)
		line++
	}
	d.fault(1, "the front matter that begins here never ends: put a line %s after its last key", fence)
	return "", "", 0
}

// maxSalvage bounds where the id of a file without readable front matter is looked for.
const maxSalvage = 16 << 10

// idLine is a line of front matter that gives the id.
var idLine = regexp.MustCompile(`(?m)^id:[ \t]*["'“”„«»‘’]?([^"'“”„«»‘’\s#]+)`)

// salvageID finds the id in a file whose front matter can't be read, such as one that is
// half written: the insight is known to be there.
func (d *document) salvageID(text string) {
	found := idLine.FindStringSubmatch(text[:min(len(text), maxSalvage)])
	if found == nil {
		return
	}
	if id, ok := parseID(found[1]); ok {
		d.insight.ID = id
	}
}

// checkCharacters notes bytes that aren't UTF-8 and characters that can't be
// printed, and returns the text without them so that the rest can be checked too.
func (d *document) checkCharacters(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, isControl) < 0 {
		return text
	}
	line := 1
	for l := range strings.Lines(text) {
		if !utf8.ValidString(l) {
			d.fault(line, "not UTF-8: save the file in that encoding")
		} else if i := strings.IndexFunc(l, isControl); i >= 0 {
			r, _ := utf8.DecodeRuneInString(l[i:])
			d.fault(line, "control character %U: delete it", r)
		}
		line++
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
}

// isControl reports what has no place in a text: control characters but tab and
// line feed, byte order marks, and what XML 1.0 forbids or discourages.
func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' || 0x7f <= r && r <= 0x9f || r == '\ufeff' || r&0xfffe == 0xfffe
}

// decodeAll decodes every entry of the front matter.
func (f *fields) decodeAll(header string) {
	root, err := parseYAML(header, 2)
	if err == nil {
		f.decodeMapping(root)
		return
	}
	// Something can't be read: take each entry by itself, so that the faults of
	// the others are told as well.
	found := false
	for line, entry := range chunks(header) {
		root, err := parseYAML(entry, line)
		if err == nil {
			f.decodeMapping(root)
			continue
		}
		found = true
		name, value, _ := strings.Cut(entry, ":")
		first, _ := utf8.DecodeRuneInString(strings.TrimSpace(value))
		if strings.ContainsRune(quotationMarks, first) {
			f.fault(line, "%s; %s", err, straightQuotes)
		} else {
			f.fault(line, "%s; a value that holds : or # or quotes needs \"double quotes\" around it", err)
		}
		f.given[strings.TrimSpace(name)] = true // unreadable, but not missing
	}
	if !found {
		f.fault(2, "%s", err)
	}
}

func (f *fields) decodeMapping(root *yaml.Node) {
	if root == nil {
		return
	}
	if root.Kind != yaml.MappingNode {
		f.fault(root.Line, "front matter consists of lines such as title: \"Some title\"")
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		f.decode(root.Content[i], root.Content[i+1])
	}
}

// chunks yields the lines of each top-level entry and the line it begins on.
func chunks(header string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		var entry strings.Builder
		start, line := 2, 2
		for l := range strings.Lines(header) {
			r, _ := utf8.DecodeRuneInString(l)
			if (unicode.IsLetter(r) || r == '"' || r == '\'') && entry.Len() > 0 {
				if !yield(start, entry.String()) {
					return
				}
				entry.Reset()
				start = line
			}
			entry.WriteString(l)
			line++
		}
		if entry.Len() > 0 {
			yield(start, entry.String())
		}
	}
}

var yamlPosition = regexp.MustCompile(`^yaml: (line \d+: )?`)

// parseYAML returns the root node of a text that begins on the given line of its
// file, with lines counted as in the file; nil when the text holds nothing.
func parseYAML(text string, firstLine int) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, errors.New(yamlPosition.ReplaceAllString(err.Error(), "not YAML: "))
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	shift(&doc, firstLine-1)
	return doc.Content[0], nil
}

func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, child := range n.Content { // an alias isn't followed: Content only
		shift(child, lines)
	}
}

// lineProblem says what keeps s from being a plain line of text of at most limit
// characters; "" when nothing does.
func lineProblem(s string, limit int) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "is empty"
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return isControl(r) && r != '\n' && r != '\r' }):
		return "holds a control character"
	case strings.ContainsAny(s, "\r\n\u2028\u2029"):
		return "must be one line"
	case utf8.RuneCountInString(s) > limit:
		return fmt.Sprintf("is too long: %d characters, at most %d", utf8.RuneCountInString(s), limit)
	}
	return ""
}

// categoryOf finds a category by its slug, present or former, or its name, in any
// case.
func categoryOf(categories []Category, name string) (Category, bool) {
	name = norm.NFC.String(strings.TrimSpace(name))
	if c, ok := first(categories, func(c Category) bool {
		return strings.EqualFold(c.Slug, name) || strings.EqualFold(norm.NFC.String(c.Name), name)
	}); ok {
		return c, true
	}
	return first(categories, func(c Category) bool {
		return slices.ContainsFunc(c.Formerly, func(slug string) bool { return strings.EqualFold(slug, name) })
	})
}
