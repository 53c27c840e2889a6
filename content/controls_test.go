package content_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
)

// What turns the text around a title or a name the other way is taken out where the file
// is read, and named; the marks that right-to-left text needs stay.
func TestNoValueTurnsTheDirectionAround(t *testing.T) {
	for name, c := range map[string]struct{ line, flaw string }{
		"an override":       {"title: \"Safe\u202e gnp.exe\"", "a.md:3: title: the invisible character U+202E, which changes the direction of text, is left out; delete it"},
		"as an escape":      {`title: "Safe\u202e gnp.exe"`, "a.md:3: title: the invisible character U+202E"},
		"isolates":          {"summary: \u2066isolated\u2069 \u200fand marked", "a.md:4: summary: the invisible character U+2066"},
		"an embedding":      {"author: \u202aAda\u202c", "a.md:7: author: the invisible character U+202A"},
		"a tag":             {"tags: [plain, \"a\u2067b\"]", "a.md:7: tags: the invisible character U+2067"},
		"an isolate by use": {"title: one\u2068two", "a.md:3: title: the invisible character U+2068"},
	} {
		library := load(t, fstest.MapFS{"a.md": insight(1, "Text.", c.line)})
		if flaws := library.Flaws(); len(flaws) != 1 || !strings.HasPrefix(flaws[0].Error(), c.flaw) {
			t.Errorf("%s: %v", name, flaws)
		}
		in := library.Insights()[0]
		all := strings.Join(append([]string{in.Title, in.Summary, in.Author}, in.Tags...), "|")
		if strings.ContainsFunc(all, content.Redirects) || name == "isolates" && in.Summary != "isolated \u200fand marked" || name == "an override" && in.Title != "Safe gnp.exe" {
			t.Errorf("%s: %+q", name, all)
		}
	}
	note, err := content.ParseNote("\u202dintro *\u2067more*")
	if err != nil || strings.ContainsFunc(note.Text()+note.HTML(), content.Redirects) {
		t.Errorf("%+q, %v", note.Text(), err)
	}
	if _, err := content.Load(fstest.MapFS{"a.md": insight(1, "Text.", "title: \"\u202e\"")}, options()); err != nil {
		t.Error(err)
	}
}
