package content

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"
)

// The lengths, in characters, that a page and an email can show.
const (
	maxTitle   = 200
	maxSummary = 1000
	maxName    = 200 // an author, a tag
)

// How much a list may hold, and an address in bytes: far more than anybody writes, and
// little enough to be shown in each feed.
const (
	maxTags     = 50
	maxFormerly = 100
	maxURL      = 2000
)

// lastYear is the last that a date may have. Feeds write four digits, in UTC, and
// tell dates apart by seconds: of the year 9999 some would need five.
const lastYear = 9998

// keys are the keys of the front matter, in the order people are told them.
var keys = []string{"id", "title", "summary", "category", "date", "slug", "order", "updated",
	"author", "tags", "featured", "draft", "email", "image", "canonical", "formerly"}

// otherwise names our key for what other systems call the same.
var otherwise = map[string]string{"description": "summary", "excerpt": "summary", "published": "date", "publishdate": "date",
	"lastmod": "updated", "modified": "updated", "permalink": "slug", "url": "slug", "weight": "order", "guid": "id", "cover": "image", "aliases": "formerly", "redirect_from": "formerly"}

var (
	uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	// RFC 4151: tag:AUTHORITY,DATE:SPECIFIC
	tagForm  = regexp.MustCompile(`^tag:([A-Za-z0-9._-]+@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?,\d{4}(-\d\d){0,2}:[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*$`)
	slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	dayFirst = regexp.MustCompile(`^\d{4}-\d\d-\d\d-`)
)

// fields decodes front matter into a document's insight, entry by entry. Faults go
// to the line of the key.
type fields struct {
	*document
	*reading
	lines map[string]int  // of the keys met so far
	given map[string]bool // those of them with a value

	dateDay bool // the date is a day, not a time
}

func (f *fields) decode(key, value *yaml.Node) {
	name, line := key.Value, key.Line
	if key.Kind != yaml.ScalarNode || key.Anchor != "" {
		f.fault(line, "front matter consists of lines such as title: \"Some title\"")
		return
	}
	if !slices.Contains(keys, name) {
		f.unknownKey(line, name)
		return
	}
	if f.lines[name] > 0 {
		f.fault(line, "%s: given twice, first on line %d; keep one", name, f.lines[name])
		return
	}
	f.lines[name] = line
	if value.Kind == yaml.ScalarNode && (value.ShortTag() == "!!null" || value.Value == "") {
		return // an empty "summary:" counts as missing
	}
	f.given[name] = true
	if bad := machinery(value); bad != "" {
		f.fault(line, "%s: %s has no place in front matter; write the value itself", name, bad)
		return
	}
	if bad := typographic(value); bad != "" {
		f.fault(line, "%s: %s", name, bad)
		return
	}
	in := &f.insight
	switch name {
	case "order":
		in.Order = f.whole(line, name, value)
	case "tags":
		in.Tags = f.tags(line, value)
	case "formerly":
		in.Formerly = f.formerly(line, value)
	case "featured":
		in.Featured = f.yesNo(line, name, value, false)
	case "draft":
		in.Draft = f.yesNo(line, name, value, true) // when in doubt, don't publish
	case "email":
		in.Email = f.yesNo(line, name, value, true)
	default:
		if value.Kind != yaml.ScalarNode {
			f.fault(line, "%s: must be text, not a list or a mapping", name)
			return
		}
		// As it is written: 2026, no and 2026-01-01 are texts here.
		s := value.Value
		if name == "title" || name == "summary" || name == "author" {
			s = f.undirected(line, name, s)
		}
		f.decodeText(line, name, norm.NFC.String(strings.TrimSpace(s)))
	}
}

func (f *fields) decodeText(line int, name, s string) {
	in := &f.insight
	switch name {
	case "id":
		in.ID = f.id(line, s)
	case "title":
		in.Title = f.line(line, name, s, maxTitle)
	case "summary": // perhaps a paragraph written over several lines
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n\u2028\u2029", r) }), " ")
		in.Summary = f.line(line, name, s, maxSummary)
	case "category":
		in.Category = f.category(line, s)
	case "date":
		in.Date = f.time(line, name, s)
		f.dateDay = isDay(s)
	case "updated":
		in.Updated = f.time(line, name, s)
		in.UpdatedDay = isDay(s)
	case "slug":
		if problem := slugProblem(s); problem != "" {
			f.fault(line, "slug: %q %s", shorten(s), problem)
			return
		}
		in.Slug = s
	case "author":
		in.Author = f.line(line, name, s, maxName)
	case "image":
		in.Image = f.image(line, s)
	case "canonical":
		if f.tooLong(line, name, s) {
			return
		}
		if !isWebAddress(s) {
			f.fault(line, "%s: %q is not an absolute URL such as https://example.com/article", name, shorten(s))
			return
		}
		in.Canonical = s
	}
}

// complete fills in optional fields and reports missing ones.
func (f *fields) complete() {
	in := &f.insight
	for _, name := range []string{"id", "title", "summary", "category", "date"} {
		switch {
		case f.given[name], name == "summary" && in.Draft:
		case f.lines[name] > 0:
			f.fault(f.lines[name], "%s: is empty", name)
		default:
			f.fault(1, "%s: is missing", name)
		}
	}
	if !f.given["slug"] {
		in.Slug = bare(dayFirst.ReplaceAllString(norm.NFC.String(in.File), ""))
		if problem := slugProblem(in.Slug); problem != "" {
			f.fault(1, "the file's name makes the address %q, which %s; rename the file or add a line slug:", shorten(in.Slug), problem)
			in.Slug = ""
		}
	}
	if in.Updated.Before(in.Date) {
		in.Updated, in.UpdatedDay = in.Date, f.dateDay
	}
	f.idLine, f.slugLine, f.updatedLine = max(f.lines["id"], 1), max(f.lines["slug"], 1), f.lines["updated"]
}

func (f *fields) unknownKey(line int, name string) {
	if meant := cmp.Or(otherwise[strings.ToLower(name)], Nearest(name, keys)); meant != "" {
		f.fault(line, "%s: unknown key; did you mean %s?", name, meant)
		return
	}
	f.fault(line, "%s: unknown key; known are %s", name, strings.Join(keys, ", "))
}

// machinery names what of YAML's machinery the value uses.
func machinery(value *yaml.Node) string {
	switch {
	case value.Kind == yaml.AliasNode:
		return "an alias (*)"
	case value.Anchor != "":
		return "an anchor (&)"
	case value.Style&yaml.TaggedStyle != 0:
		return "a type (!)"
	}
	for _, child := range value.Content {
		if bad := machinery(child); bad != "" {
			return bad
		}
	}
	return ""
}

// quotationMarks are those that a word processor makes of straight ones.
const quotationMarks = "“”„‟‘’‚‛«»‹›"

const straightQuotes = `the quotation marks around the value are typographic; write straight ones: "value"`

// typographic says what is wrong with a value in quotation marks that mean nothing to YAML.
// Inside straight ones they are part of the text.
func typographic(value *yaml.Node) string {
	if value.Kind == yaml.ScalarNode && value.Style == 0 {
		first, size := utf8.DecodeRuneInString(value.Value)
		last, _ := utf8.DecodeLastRuneInString(value.Value)
		if len(value.Value) > size && strings.ContainsRune(quotationMarks, first) && strings.ContainsRune(quotationMarks, last) {
			return straightQuotes
		}
	}
	for _, item := range value.Content {
		if bad := typographic(item); bad != "" {
			return bad
		}
	}
	return ""
}

func (f *fields) line(line int, name, s string, limit int) string {
	if problem := lineProblem(s, limit); problem != "" {
		f.fault(line, "%s: %s", name, problem)
	}
	return s
}

func (f *fields) id(line int, s string) string {
	id, ok := parseID(s)
	if !ok {
		f.fault(line, "id: %q is neither a UUID nor a tag URI (RFC 4151); uuidgen makes one", shorten(s))
	}
	return id
}

func parseID(s string) (string, bool) {
	switch {
	case uuidForm.MatchString(s):
		return strings.ToLower(s), true
	case tagForm.MatchString(s) && len(s) <= 300:
		return s, true
	}
	return "", false
}

func (f *fields) category(line int, s string) Category {
	if c, ok := categoryOf(f.categories, s); ok {
		return c
	}
	names := make([]string, len(f.categories))
	for i, c := range f.categories {
		names[i] = c.Name
	}
	if near := Nearest(s, names); near != "" {
		f.fault(line, "category: no category %q; did you mean %s?", shorten(s), near)
	} else {
		f.fault(line, "category: no category %q; there are: %s", shorten(s), strings.Join(names, ", "))
	}
	return Category{}
}

// time reads RFC 3339, or a day, which begins at 00:00 in the site's zone. Parts
// of a second are dropped, since feeds can't say them.
func (f *fields) time(line int, name, s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.ParseInLocation(time.DateOnly, s, f.location)
	}
	if err != nil || t.Year() < 1900 || t.UTC().Year() > lastYear {
		f.fault(line, "%s: %q is not a date; write a day such as 2026-02-27 or a time such as 2026-02-27T09:30:00+01:00", name, shorten(s))
		return time.Time{}
	}
	return t.Truncate(time.Second).In(f.location)
}

func isDay(s string) bool { return len(s) == len(time.DateOnly) }

// slugProblem says what keeps s from being the last part of an insight's address.
func slugProblem(s string) string {
	switch {
	case !slugForm.MatchString(s):
		return "must consist of a-z, 0-9 and single hyphens between them, such as " + Slugify(s)
	case len(s) > maxSlug:
		return "is longer than " + strconv.Itoa(maxSlug) + " characters"
	case s == imagesFolder:
		return "is where the pictures are; choose another"
	}
	return ""
}

func (f *fields) whole(line int, name string, value *yaml.Node) int {
	n, err := strconv.ParseInt(value.Value, 10, 32)
	if value.Kind != yaml.ScalarNode || value.ShortTag() != "!!int" || err != nil {
		f.fault(line, "%s: must be a whole number such as 12", name)
	}
	return int(n)
}

func (f *fields) yesNo(line int, name string, value *yaml.Node, otherwise bool) bool {
	if value.Kind != yaml.ScalarNode || value.ShortTag() != "!!bool" {
		f.fault(line, "%s: must be true or false, without quotes", name)
		return otherwise
	}
	return strings.EqualFold(value.Value, "true")
}

func (f *fields) tags(line int, value *yaml.Node) []string {
	if value.Kind != yaml.SequenceNode {
		f.fault(line, "tags: must be a list such as [events, messaging]")
		return nil
	}
	if len(value.Content) > maxTags {
		f.fault(line, "tags: %d are too many; %d at most", len(value.Content), maxTags)
		return nil
	}
	var tags []string
	for _, item := range value.Content {
		if item.Kind != yaml.ScalarNode {
			f.fault(item.Line, "tags: each must be text")
			continue
		}
		tag := norm.NFC.String(strings.TrimSpace(f.undirected(item.Line, "tags", item.Value)))
		if problem := lineProblem(tag, maxName); problem != "" {
			f.fault(item.Line, "tags: one %s", problem)
		} else if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// formerly reads slugs that the insight had before: one, or a list.
func (f *fields) formerly(line int, value *yaml.Node) []string {
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		items = value.Content
	}
	if len(items) > maxFormerly {
		f.fault(line, "formerly: %d are too many; %d at most", len(items), maxFormerly)
		return nil
	}
	var slugs []string
	for _, item := range items {
		if item.Kind != yaml.ScalarNode {
			f.fault(line, "formerly: must be a slug that the insight had before, or a list such as [old-slug, older-slug]")
			continue
		}
		slug := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(item.Value), insightsPath), "/")
		switch problem := slugProblem(slug); {
		case problem != "":
			f.fault(max(item.Line, line), "formerly: %q %s", shorten(slug), problem)
		case !slices.Contains(slugs, slug):
			slugs = append(slugs, slug)
		}
	}
	return slugs
}

// image reads a picture's name; whether the file exists is checked later.
func (f *fields) image(line int, s string) string {
	if strings.HasPrefix(s, imagesFolder+"/") {
		f.mentions = append(f.mentions, mention{toImage, s, line})
		return s
	}
	if f.tooLong(line, "image", s) {
		return ""
	}
	if !isWebAddress(s) {
		f.fault(line, "image: %q is neither a file such as images/some-diagram.svg nor an https:// address", shorten(s))
		return ""
	}
	return s
}

// tooLong reports an address that is.
func (f *fields) tooLong(line int, name, s string) bool {
	if len(s) > maxURL {
		f.fault(line, "%s: is too long: %d bytes, at most %d", name, len(s), maxURL)
	}
	return len(s) > maxURL
}

// isWebAddress reports an absolute http or https URL of printable ASCII.
func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) })
}

// shorten cuts a value for a message.
func shorten(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}
