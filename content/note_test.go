package content_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/content"
)

func TestNotes(t *testing.T) {
	type span = content.NoteSpan
	paragraph := func(spans ...span) content.NoteBlock { return content.NoteBlock{Lines: [][]span{spans}} }
	for _, test := range []struct {
		name, text string
		want       content.Note
		plain      string
		fault      string
	}{
		{"nothing", "  \n", nil, "", ""},
		{"plain paragraphs", "Hello,\nall of you.\n\nSee below.", content.Note{paragraph(span{Text: "Hello, all of you."}), paragraph(span{Text: "See below."})}, "Hello, all of you.\n\nSee below.\n", ""},
		{"a list", "- one\n- two", content.Note{{List: true, Lines: [][]span{{{Text: "one"}}, {{Text: "two"}}}}}, "- one\n- two\n", ""},
		{"a numbered list", "3. one\n4. two", content.Note{{List: true, First: 3, Lines: [][]span{{{Text: "one"}}, {{Text: "two"}}}}}, "3. one\n4. two\n", ""},
		{"a list in a list", "- one\n  - inner\n- two", content.Note{{List: true, Lines: [][]span{{{Text: "one"}}, {{Text: "inner"}}, {{Text: "two"}}}}}, "- one\n- inner\n- two\n", ""},
		{"a link", "See [our talk](https://example.com/talk), please.", content.Note{paragraph(span{Text: "See "}, span{Text: "our talk", URL: "https://example.com/talk"}, span{Text: ", please."})},
			"See our talk\nhttps://example.com/talk\n, please.\n", ""},
		{"an address alone", "https://example.com/a", content.Note{paragraph(span{Text: "https://example.com/a", URL: "https://example.com/a"})}, "https://example.com/a\n\n", ""},
		{"an email address", "<ada@example.com>", content.Note{paragraph(span{Text: "ada@example.com", URL: "mailto:ada@example.com"})}, "mailto:ada@example.com\n\n", ""},
		{"line breaks", "one  \ntwo\\\nthree", content.Note{paragraph(span{Text: "one"}, span{Break: true}, span{Text: "two"}, span{Break: true}, span{Text: "three"})}, "one\ntwo\nthree\n", ""},
		{"emphasis", "**bold**, *slanted* and `code`", content.Note{paragraph(span{Text: "bold", Strong: true}, span{Text: ", "}, span{Text: "slanted", Emphasis: true}, span{Text: " and "}, span{Text: "code", Code: true})}, "bold, slanted and code\n", ""},
		{"a heading", "# Hello", content.Note{paragraph(span{Text: "Hello", Strong: true})}, "Hello\n", ""},
		{"code", "```\na\nb\n```", content.Note{paragraph(span{Text: "a", Code: true}, span{Break: true}, span{Text: "b", Code: true})}, "a\nb\n", ""},
		{"what looks like HTML stays text", "a <b>bold</b> Vec<u8>", content.Note{paragraph(span{Text: "a <b>bold</b> Vec<u8>"})}, "a <b>bold</b> Vec<u8>\n", ""},
		{"a block of HTML stays text", "<script>alert(1)</script>", content.Note{paragraph(span{Text: "<script>alert(1)</script>"})}, "<script>alert(1)</script>\n", ""},
		{"a link that leads nowhere", "[here](/insights/one)", content.Note{paragraph(span{Text: "here"})}, "here\n", "link /insights/one"},
		{"a link that does something", "[here](javascript:alert(1))", content.Note{paragraph(span{Text: "here"})}, "here\n", "link javascript:"},
		{"an image", "![A chart](https://example.com/c.png)", content.Note{paragraph(span{Text: "A chart", URL: "https://example.com/c.png"})}, "A chart\nhttps://example.com/c.png\n\n", ""},
		{"a quote", "> said", content.Note{paragraph(span{Text: "said"})}, "said\n", ""},
		{"a table", "a|b\n-|-\n1|2", content.Note{paragraph(span{Text: "a"}, span{Text: " | "}, span{Text: "b"}), paragraph(span{Text: "1"}, span{Text: " | "}, span{Text: "2"})}, "a | b\n\n1 | 2\n", ""},
	} {
		got, err := content.ParseNote(test.text)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
		if plain := got.Text(); plain != test.plain {
			t.Errorf("%s: as text %q, want %q", test.name, plain, test.plain)
		}
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzNote(f *testing.F) {
	f.Add("See [our talk](https://example.com/talk).\n\n- one\n- two  \nthree")
	f.Fuzz(func(t *testing.T, text string) {
		note, _ := content.ParseNote(text)
		_ = note.Text()
		for _, block := range note {
			for _, line := range block.Lines {
				for _, span := range line {
					if span.URL != "" && !strings.HasPrefix(span.URL, "http") && !strings.HasPrefix(span.URL, "mailto:") {
						t.Errorf("%q links to %q", text, span.URL)
					}
				}
			}
		}
	})
}
