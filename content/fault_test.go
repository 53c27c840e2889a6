package content_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/scaledbydesign/insights/content"
)

// Every case but the last ones is a single file, a.md.
func TestEveryFaultIsToldWithItsLine(t *testing.T) {
	keys := "id, title, summary, category, date, slug, order, updated, author, tags, featured, draft, email, image, canonical, formerly"
	names := "Architecture, Split Testing & Tracking, AI & Automation, Engineering, Growth Ops, Leadership, Infrastructure"
	quotes := `; a value that holds : or # or quotes needs "double quotes" around it`
	for _, c := range []struct {
		name string
		file *fstest.MapFile
		want string
	}{
		{"empty file", file(""), "a.md:1: the file is empty; start one with: insights content new TITLE"},
		{"blank file", file("\n \n"), "a.md:1: the file is empty; start one with: insights content new TITLE"},
		{"no front matter", file("# Hello\n"), "a.md:1: no front matter: the first line must be ---"},
		{"no end", file("---\ntitle: x\n"), "a.md:1: the front matter that begins here never ends: put a line --- after its last key"},
		{"nothing in it", file("---\n---\n"), "a.md:1: category: is missing\na.md:1: date: is missing\na.md:1: id: is missing\na.md:1: summary: is missing\na.md:1: title: is missing"},
		{"not a mapping", file("---\n- a\n---\n"), "a.md:1: category: is missing\na.md:1: date: is missing\na.md:1: id: is missing\na.md:1: summary: is missing\na.md:1: title: is missing\n" +
			`a.md:2: front matter consists of lines such as title: "Some title"`},
		{"too large", file(strings.Repeat("x", 1<<20+1)), "a.md: larger than 1 MiB; move pictures to the folder images/ and link to them"},
		{"key misspelt", insight(1, "", "tag: [x]"), "a.md:7: tag: unknown key; did you mean tags?"},
		{"key of another system", insight(1, "", "description: x"), "a.md:7: description: unknown key; did you mean summary?"},
		{"key nobody knows", insight(1, "", "wibblewobble: x"), "a.md:7: wibblewobble: unknown key; known are " + keys},
		{"key twice", insight(1, "", "order: 1", "# again\norder: 2"), "a.md:9: order: given twice, first on line 7; keep one"},
		{"key is a list", insight(1, "", "? [a]\n: b"), `a.md:7: front matter consists of lines such as title: "Some title"`},
		{"id empty", insight(1, "", "id:"), "a.md:2: id: is empty"},
		{"id not a UUID", insight(1, "", "id: 12"), `a.md:2: id: "12" is neither a UUID nor a tag URI (RFC 4151); uuidgen makes one`},
		{"id a URL", insight(1, "", "id: https://example.com/1"), `a.md:2: id: "https://example.com/1" is neither a UUID nor a tag URI (RFC 4151); uuidgen makes one`},
		{"title empty", insight(1, "", `title: " "`), "a.md:3: title: is empty"},
		{"title of two lines", insight(1, "", `title: "a\nb"`), "a.md:3: title: must be one line"},
		{"title too long", insight(1, "", "title: "+strings.Repeat("é", 201)), "a.md:3: title: is too long: 201 characters, at most 200"},
		{"title a list", insight(1, "", "title: [a]"), "a.md:3: title: must be text, not a list or a mapping"},
		{"title with a colon", insight(1, "", "title: One: two"), "a.md:3: not YAML: mapping values are not allowed in this context" + quotes},
		{"control character escaped", insight(1, "", `title: "a\x07b"`), "a.md:3: title: holds a control character"},
		{"control character in front matter", insight(1, "", "title: a\x07b"), "a.md:3: control character U+0007: delete it"},
		{"control character in the text", insight(1, "one\ntwo \x1b[0m\n\nfour\u0085\n"), "a.md:9: control character U+001B: delete it\na.md:11: control character U+0085: delete it"},
		{"not UTF-8", insight(1, "one\ncaf\xe9\n"), "a.md:9: not UTF-8: save the file in that encoding"},
		{"summary missing", insight(1, "", "summary:"), "a.md:4: summary: is empty"},
		{"summary empty", insight(1, "", `summary: ""`), "a.md:4: summary: is empty"},
		{"category near", insight(1, "", "category: Enginering"), `a.md:5: category: no category "Enginering"; did you mean Engineering?`},
		{"category unknown", insight(1, "", "category: Cooking at home"), `a.md:5: category: no category "Cooking at home"; there are: ` + names},
		{"date no date", insight(1, "", "date: 27.2.2026"), `a.md:6: date: "27.2.2026" is not a date; write a day such as 2026-02-27 or a time such as 2026-02-27T09:30:00+01:00`},
		{"date without zone", insight(1, "", "date: 2026-02-27 10:00:00"), `a.md:6: date: "2026-02-27 10:00:00" is not a date; write a day such as 2026-02-27 or a time such as 2026-02-27T09:30:00+01:00`},
		{"date that never was", insight(1, "", "date: 2026-02-30"), `a.md:6: date: "2026-02-30" is not a date; write a day such as 2026-02-27 or a time such as 2026-02-27T09:30:00+01:00`},
		{"updated too late", insight(1, "", "updated: 9998-12-31T23:59:59-00:01"), `a.md:7: updated: "9998-12-31T23:59:59-00:01" is not a date; write a day such as 2026-02-27 or a time such as 2026-02-27T09:30:00+01:00`},
		{"date a list", insight(1, "", "date: [2026]"), "a.md:6: date: must be text, not a list or a mapping"},
		{"updated no date", insight(1, "", "updated: soon"), `a.md:7: updated: "soon" is not a date; write a day such as 2026-02-27 or a time such as 2026-02-27T09:30:00+01:00`},
		{"slug bad", insight(1, "", "slug: Some Slug"), `a.md:7: slug: "Some Slug" must consist of a-z, 0-9 and single hyphens between them, such as some-slug`},
		{"slug reserved", insight(1, "", "slug: images"), `a.md:7: slug: "images" is where the pictures are; choose another`},
		{"order a text", insight(1, "", "order: first"), "a.md:7: order: must be a whole number such as 12"},
		{"order a fraction", insight(1, "", "order: 1.5"), "a.md:7: order: must be a whole number such as 12"},
		{"order in quotes", insight(1, "", `order: "1"`), "a.md:7: order: must be a whole number such as 12"},
		{"tags a text", insight(1, "", "tags: a, b"), "a.md:7: tags: must be a list such as [events, messaging]"},
		{"tags of lists", insight(1, "", "tags:\n- a\n- [b]\n- ''"), "a.md:10: tags: one is empty\na.md:9: tags: each must be text"},
		{"draft no boolean", insight(1, "", "draft: maybe"), "a.md:7: draft: must be true or false, without quotes"},
		{"draft in quotes", insight(1, "", `draft: "false"`), "a.md:7: draft: must be true or false, without quotes"},
		{"email no boolean", insight(1, "", "email: no"), "a.md:7: email: must be true or false, without quotes"},
		{"image nowhere", insight(1, "", "image: images/none.svg"), "a.md:7: image images/none.svg: no such file"},
		{"image neither", insight(1, "", "image: none.svg"), `a.md:7: image: "none.svg" is neither a file such as images/some-diagram.svg nor an https:// address`},
		{"canonical too long", insight(1, "", "canonical: https://example.com/"+strings.Repeat("a", 2000)), "a.md:7: canonical: is too long: 2020 bytes, at most 2000"},
		{"image too long", insight(1, "", "image: https://example.com/"+strings.Repeat("a", 2000)), "a.md:7: image: is too long: 2020 bytes, at most 2000"},
		{"too many tags", insight(1, "", "tags: ["+strings.Repeat("a, ", 51)+"]"), "a.md:7: tags: 51 are too many; 50 at most"},
		{"too many former slugs", insight(1, "", "formerly: ["+strings.Repeat("a, ", 101)+"]"), "a.md:7: formerly: 101 are too many; 100 at most"},
		{"too long a front matter", insight(1, "", "# "+strings.Repeat("a", 64<<10)), "a.md:1: the front matter is longer than 64 KB"},
		{"canonical relative", insight(1, "", "canonical: /x"), `a.md:7: canonical: "/x" is not an absolute URL such as https://example.com/article`},
		{"canonical script", insight(1, "", "canonical: javascript:x"), `a.md:7: canonical: "javascript:x" is not an absolute URL such as https://example.com/article`},
		{"alias", insight(1, "", "title: &a x", "author: *a"), "a.md:3: title: an anchor (&) has no place in front matter; write the value itself\na.md:7: author: an alias (*) has no place in front matter; write the value itself"},
		{"type", insight(1, "", "title: !!binary aGVsbG8="), "a.md:3: title: a type (!) has no place in front matter; write the value itself"},
		{"link nowhere", insight(1, "\nOne\n\n- [two](nowhere.md#x)\n"), "a.md:11: link to nowhere.md: no such file"},
		{"link outside", insight(1, "[x](../a.md)"), "a.md:8: link to ../a.md: no such file; did you mean a.md?"},
		{"picture nowhere", insight(1, "one\ntwo ![x](images/none.png) ![y](https://example.com/y.png)\n"), "a.md:9: image images/none.png: no such file"},
		{"picture elsewhere in the folder", insight(1, "![x](x.png)"), "a.md:8: image x.png: pictures must be directly in the folder images/"},
		{"picture of another type", insight(1, "![x](images/x.bmp)"), "a.md:8: image images/x.bmp: a picture's name must end in .svg, .png, .jpg, .jpeg, .gif, .webp or .avif"},
		{"nested too deep", insight(1, "one\n\n"+strings.Repeat(">", 101)+"\n"), "a.md:10: lists and quotes nested 101 levels deep; the limit is 100"},
		{"nested too deep by indentation", insight(1, "- one\n"+strings.Repeat(" ", 202)+"- two\n"), "a.md:9: lists and quotes nested 101 levels deep; the limit is 100"},
		{"too many footnotes", insight(1, "one\n"+strings.Repeat("[^1]", 10_001)), "a.md:9: more than 10000 links"},
		{"too large a table", insight(1, "|"+strings.Repeat("a|", 500)+"\n|"+strings.Repeat("-|", 500)+"\n"+strings.Repeat("|x\n", 400)), "a.md:407: tables with more than 200000 cells"},
		{"too many links for one paragraph", insight(1, "one\n\n"+strings.Repeat("[a](b) ", 1001)), "a.md:10: a paragraph with more than 1000 links or other brackets; put blank lines between its parts"},
		{"too many links for a heading", insight(1, "one\n\n# "+strings.Repeat("[", 1001)), "a.md:10: a paragraph with more than 1000 links or other brackets; put blank lines between its parts"},
		{"too many definitions", insight(1, "one\n\n"+strings.Repeat("[a]: /b\n", 1001)), "a.md:1010: more than 1000 definitions of links; put blank lines between them"},
		{"too much emphasis", insight(1, "> "+strings.Repeat("_a* ", 501)), "a.md:8: a paragraph with more than 1000 marks of emphasis (*, _, ~); put blank lines between its parts"},
		{"too much emphasis in a cell", insight(1, "|a|\n|-|\n|"+strings.Repeat("*_", 501)+"|"), "a.md:10: a paragraph with more than 1000 marks of emphasis (*, _, ~); put blank lines between its parts"},
		{"too many tags", insight(1, "one\n"+strings.Repeat("<b>", 20_001)), "a.md:9: more than 20000 tags of HTML, or other uses of <"},
		{"too many links", insight(1, "one\n"+strings.Repeat("[a](", 10_001)), "a.md:9: more than 10000 links"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(sortLines(c.want), sortLines(faults(t, fstest.MapFS{"a.md": c.file}))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func sortLines(s string) map[string]bool {
	lines := map[string]bool{}
	for line := range strings.SplitSeq(s, "\n") {
		lines[line] = true
	}
	return lines
}

func TestFaultsAcrossFilesNameBoth(t *testing.T) {
	got := faults(t, fstest.MapFS{
		"2026-01-01-same.md": insight(1, ""),
		"2026-01-02-same.md": insight(2, ""),
		"b.md":               insight(2, "[x](c.md) [y](2026-01-01-sane.md) ![z](images/diagran.svg)"),
		"d.md":               insight(4, "", "slug: b"),
		"images/diagram.svg": file("<svg/>"),
	})
	want := `2026-01-02-same.md:1: the address /insights/same is also that of 2026-01-01-same.md:1; give one of the two files another
b.md:1: the address /insights/b is also that of d.md:7; give one of the two files another
b.md:2: id: 00000000-0000-4000-8000-000000000002 is also that of 2026-01-02-same.md:2; give one of the two files another
b.md:8: image images/diagran.svg: no such file; did you mean images/diagram.svg?
b.md:8: link to 2026-01-01-sane.md: no such file; did you mean 2026-01-01-same.md?
b.md:8: link to c.md: no such file; did you mean b.md?`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAFilesNameMustMakeAnAddress(t *testing.T) {
	got := faults(t, fstest.MapFS{"2026-01-01-Some_File.md": insight(1, "")})
	want := `2026-01-01-Some_File.md:1: the file's name makes the address "Some_File", which must consist of a-z, 0-9 and single hyphens between them, such as some-file; rename the file or add a line slug:`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAllFaultsOfAllFilesAreToldAtOnce(t *testing.T) {
	got := faults(t, fstest.MapFS{
		"a.md": file("---\nid: x\ntitle: One: two\nsumary: s\ncategory: Nothing like it\ndate: tomorrow\ntags: [a\norder: x\n---\n[x](y.md)\n"),
		"b.md": file("no"),
		"c.md": insight(3, ""),
	})
	var lines []string
	for line := range strings.SplitSeq(got, "\n") {
		place, _, _ := strings.Cut(line, ": ")
		lines = append(lines, place)
	}
	if got, want := strings.Join(lines, " "), "a.md:1 a.md:2 a.md:3 a.md:4 a.md:5 a.md:6 a.md:7 a.md:8 a.md:10 b.md:1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFaultsAreErrorsOneByOne(t *testing.T) {
	library, err := content.Load(fstest.MapFS{"a.md": file("x"), "b.md": file("y")}, options())
	if err != nil {
		t.Fatal(err)
	}
	if fault, ok := errors.AsType[content.Fault](library.Faults()); !ok || fault.File != "a.md" || fault.Line != 1 || fault.Message == "" {
		t.Errorf("got %#v, %v", fault, ok)
	}
}

func TestUnusableFoldersAndOptions(t *testing.T) {
	if _, err := content.Load(fstest.MapFS{"a": file("")}, content.Options{Categories: []content.Category{
		{Slug: "a", Name: "A"}, {Slug: "b", Name: "a"}, {Slug: "a", Name: "B"}, {Slug: "B c", Name: "C"}, {Slug: "d"},
	}}); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("got %v, want four errors", err)
	}
	if _, err := content.Load(missing{}, options()); err == nil || !strings.Contains(err.Error(), "read the folder of insights") {
		t.Errorf("got %v", err)
	}
}

// A file that names the tag, the category or the date in another way is fine.
func TestWhatIsAccepted(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		check func(in *content.Insight) any
		want  any
	}{
		{"id in upper case", []string{"id: 6F9619FF-8B86-4011-B42D-00CF4FC964FF"}, func(in *content.Insight) any { return in.ID }, "6f9619ff-8b86-4011-b42d-00cf4fc964ff"},
		{"tag URI as it is", []string{"id: tag:Example.com,2026-01:A/b?c"}, func(in *content.Insight) any { return in.ID }, "tag:Example.com,2026-01:A/b?c"},
		{"number as title", []string{"title: 2026"}, func(in *content.Insight) any { return in.Title }, "2026"},
		{"date as title", []string{"title: 2026-01-01"}, func(in *content.Insight) any { return in.Title }, "2026-01-01"},
		{"no as title", []string{"title: no"}, func(in *content.Insight) any { return in.Title }, "no"},
		{"folded summary", []string{"summary: >\n  a\n  b\n\n  c"}, func(in *content.Insight) any { return in.Summary }, "a b c"},
		{"category by slug", []string{"category: growth-ops"}, func(in *content.Insight) any { return in.Category.Name }, "Growth Ops"},
		{"category in any case", []string{"category: AI & automation"}, func(in *content.Insight) any { return in.Category.Slug }, "ai-automation"},
		{"date in quotes", []string{`date: "2026-02-27"`}, func(in *content.Insight) any { return in.Date.Format("2006-01-02T15:04:05Z07:00") }, "2026-02-27T00:00:00Z"},
		{"time in another zone", []string{"date: 2026-02-27T01:00:00.5+02:00"}, func(in *content.Insight) any { return in.Date.Format("2006-01-02T15:04:05Z07:00") }, "2026-02-26T23:00:00Z"},
		{"updated before date", []string{"updated: 2020-01-01"}, func(in *content.Insight) any { return in.Updated.Equal(in.Date) }, true},
		{"no updated", nil, func(in *content.Insight) any { return in.Updated.Equal(in.Date) }, true},
		{"slug of its own", []string{"slug: other"}, func(in *content.Insight) any { return in.Path() }, "/insights/other"},
		{"slug left empty", []string{"slug:"}, func(in *content.Insight) any { return in.Path() }, "/insights/a"},
		{"tags", []string{"tags: [a, 2026, a, 'b c']"}, func(in *content.Insight) any { return strings.Join(in.Tags, "|") }, "a|2026|b c"},
		{"mail by default", nil, func(in *content.Insight) any { return in.Email }, true},
		{"no mail", []string{"email: false"}, func(in *content.Insight) any { return in.Email }, false},
		{"image elsewhere", []string{"image: https://example.com/x.png"}, func(in *content.Insight) any { return in.Image }, "https://example.com/x.png"},
		{"comment", []string{"order: 3 # third"}, func(in *content.Insight) any { return in.Order }, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := load(t, fstest.MapFS{"a.md": insight(1, "text", c.lines...)}).Insights()[0]
			if got := c.check(in); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestByteOrderMarkAndCarriageReturnsAreAccepted(t *testing.T) {
	plain := load(t, fstest.MapFS{"a.md": insight(1, "One\n\n```go\nx := 1\n```\n")})
	windows := strings.ReplaceAll("\ufeff"+string(insight(1, "One\n\n```go\nx := 1\n```\n").Data), "\n", "\r\n")
	same := load(t, fstest.MapFS{"a.md": file(windows)})
	if plain.Version() != same.Version() || plain.Insights()[0].HTML() != same.Insights()[0].HTML() {
		t.Error("the same text with CRLF differs")
	}
}

func TestOtherFilesAreIgnored(t *testing.T) {
	library := load(t, fstest.MapFS{
		"a.md": insight(1, ""), "README.md": file("x"), "readme.md": file("x"), ".hidden.md": file("x"), ".#a.md": file("x"),
		"#a.md#": file("x"), "a.md~": file("x"), "~a.md": file("x"), "a.md.swp": file("x"), "a.txt": file("x"), "sub/b.md": file("x"), "dir.md/c": file("x"),
	})
	if n := len(library.All()); n != 1 {
		t.Errorf("%d insights, want 1", n)
	}
}

func TestFlawsAreReportedWithTheirLine(t *testing.T) {
	lib, err := content.Load(fstest.MapFS{
		"a.md": insight(1, "[one](https:///path)\n\n<https:///auto> ![two](https://) [three](mailto:)\n\n[good](https://example.com) [good](#here) <x@example.com> ![good](data:image/png;base64,AAAA) [good](tel:1)\n"),
		"b.md": insight(2, "[draft](https:///path)\n", "draft: true"),
	}, options())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range lib.Flaws() {
		line, _, _ := strings.Cut(f.Error(), " leads nowhere")
		lines = append(lines, line)
	}
	if diff := cmp.Diff([]string{"a.md:8: link https:///path", "a.md:10: link https://", "a.md:10: link https:///auto", "a.md:10: link mailto:"}, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
