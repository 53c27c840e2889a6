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
	var s score
	raw, err := os.ReadFile("testdata/corpus/replies.tsv")
	if err != nil {
		t.Fatal(err)
	}
	stages := map[string]bounce.Stage{
		"greeting": bounce.GreetingStage, "ehlo": bounce.HelloStage, "starttls": bounce.StartTLSStage, "auth": bounce.AuthStage,
		"mail": bounce.MailStage, "rcpt": bounce.RcptStage, "data": bounce.DataStage, "dot": bounce.DotStage,
	}
	_, lines, _ := strings.Cut(string(raw), "\n") // a heading
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		stage, known := stages[f[1]]
		code, err := strconv.Atoi(f[2])
		if len(f) != 4 || !known || err != nil {
			t.Fatalf("can't read %q", line)
		}
		got := bounce.Reply{Code: code, Text: strings.ReplaceAll(f[3], " / ", " "), Stage: stage}.Class()
		if !s.add(bounce.Class(f[0]), got) {
			t.Logf("%s at %s: %s %s", got, f[1], f[2], f[3])
		}
	}
	t.Log("replies:")
	s.hold(t)

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
	if s.all+m.all < 300 {
		t.Errorf("only %d replies and messages", s.all+m.all)
	}
}
