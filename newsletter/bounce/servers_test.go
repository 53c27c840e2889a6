package bounce_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// TestClassOfRepliesAndMessagesOfManyServers reads testdata/corpus: replies with what they
// refused, one a line (class, stage, code and words, the lines of a reply joined with a
// slash), and whole messages that came back, named NUMBER-CLASS-NAME.eml. All are written
// in the formats of large providers, gateways and appliances.
func TestClassOfRepliesAndMessagesOfManyServers(t *testing.T) {
	var all int
	for _, file := range []string{"replies.tsv", "whose.tsv"} { // whose: ours and the reader's in nearly the same words
		var s score
		raw, err := os.ReadFile("testdata/corpus/" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, lines, _ := strings.Cut(string(raw), "\n") // a heading
		for line := range strings.Lines(lines) {
			want, r := replyOf(t, line)
			if got := r.Class(); !s.add(want, got) {
				t.Logf("%s at %s: %d %s", got, r.Stage, r.Code, r.Text)
			}
		}
		t.Log(file + ":")
		s.hold(t)
		all += s.all
	}

	paths, err := filepath.Glob("testdata/corpus/messages/*.eml")
	if err != nil {
		t.Fatal(err)
	}
	var m score
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		report, err := bounce.Parse(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		want := bounce.Class(strings.Split(filepath.Base(path), "-")[1])
		if want == "none" {
			want = bounce.None
		}
		if !m.add(want, report.Class) {
			t.Logf("%s is %s %q: %s", path, report.Kind, report.Class, report.Text)
		}
	}
	t.Log("messages:")
	m.hold(t)
	if all+m.all < 600 {
		t.Errorf("only %d replies and messages", all+m.all)
	}
}

// replyOf reads a line of a corpus.
func replyOf(t *testing.T, line string) (bounce.Class, bounce.Reply) {
	t.Helper()
	stages := map[string]bounce.Stage{
		"greeting": bounce.GreetingStage, "ehlo": bounce.HelloStage, "starttls": bounce.StartTLSStage, "auth": bounce.AuthStage,
		"mail": bounce.MailStage, "rcpt": bounce.RcptStage, "data": bounce.DataStage, "dot": bounce.DotStage,
	}
	f := strings.Split(strings.TrimRight(line, "\n"), "\t")
	if len(f) != 4 {
		t.Fatalf("can't read %q", line)
	}
	stage, known := stages[f[1]]
	code, err := strconv.Atoi(f[2])
	if !known || err != nil {
		t.Fatalf("can't read %q", line)
	}
	return bounce.Class(f[0]), bounce.Reply{Code: code, Text: strings.ReplaceAll(f[3], " / ", " "), Stage: stage}
}
