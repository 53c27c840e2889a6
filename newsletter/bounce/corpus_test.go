package bounce_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"mime/quotedprintable"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/text/encoding/charmap"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// reply is a line of testdata/replies.txt.
type reply struct {
	class  bounce.Class
	code   int
	status string
	text   string
}

func replies(t testing.TB) []reply {
	t.Helper()
	raw, err := os.ReadFile("testdata/replies.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []reply
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f := strings.SplitN(line, " ", 4)
		code, err := strconv.Atoi(f[1])
		if err != nil || len(f) != 4 {
			t.Fatalf("can't read %q", line)
		}
		all = append(all, reply{bounce.Class(f[0]), code, strings.Trim(f[2], "-"), f[3]})
	}
	return all
}

// returned is a mail that comes back, for the templates of testdata/mailers.txtar.
type returned struct {
	reply
	To, Path, ID string
}

func (r returned) words() string {
	return strings.NewReplacer("$TO", r.To, "$PATH", r.Path).Replace(r.text)
}

func (r returned) Words() string {
	return strings.ReplaceAll(r.words(), `\n`, " ")
}

func (r returned) prefix(separator string) string {
	if r.status == "" {
		return strconv.Itoa(r.code) + separator
	}
	return strconv.Itoa(r.code) + separator + r.status + " "
}

func (r returned) Reply() string { return r.prefix(" ") + r.Words() }

func (r returned) Lines() string {
	lines := strings.Split(r.words(), `\n`)
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		lines[i] = r.prefix(separator) + line
	}
	return strings.Join(lines, "\n    ")
}

// Status is the server's, or the one of no meaning that a report must state.
func (r returned) Status() string {
	if r.status == "" {
		return strconv.Itoa(r.code/100) + ".0.0"
	}
	return r.status
}

func (r returned) HTML() string {
	return "<html><head><title>NDR</title></head><body>\r\n<p><b>Delivery has failed to these recipients or groups:</b></p>\r\n" +
		"<p><a href=\"mailto:" + r.To + "\">" + r.To + "</a><br>The message you sent couldn't be delivered.</p>\r\n" +
		"<p><b>Diagnostic information for administrators:</b></p>\r\n<p>Generating server: mail.example.net<br></p>\r\n" +
		"<p>" + r.To + "<br>mx.example.org<br>Remote Server returned '" + html.EscapeString(r.Reply()) + "'<br></p></body></html>\r\n"
}

func (r returned) Russian() string {
	return "Это письмо отправлено почтовым сервером.\r\n\r\nК сожалению, мы вынуждены сообщить Вам о том, что Ваше письмо не может\r\nбыть отправлено одному или нескольким адресатам.\r\n\r\n<" +
		r.To + ">: host mx.example.org[198.51.100.25] said: " + r.Reply() + "\r\n"
}

var encoders = template.FuncMap{
	"base64": func(s string) string {
		var b strings.Builder
		for coded := base64.StdEncoding.EncodeToString([]byte(s)); coded != ""; {
			line := coded[:min(76, len(coded))]
			coded = coded[len(line):]
			b.WriteString(line + "\n")
		}
		return b.String()
	},
	"qp": quoted,
	"latin1": func(s string) string {
		b, err := charmap.ISO8859_15.NewEncoder().String(s)
		if err != nil { // a Japanese reply: a server of Latin letters shows what it can
			b = strings.ToValidUTF8(s, "?")
		}
		return quoted(b)
	},
}

func quoted(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	fmt.Fprint(w, s)
	w.Close()
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

// score counts how often the class is right, and which errors there are.
type score struct {
	all, right, falseHard int
	errors                map[string]int
}

func (s *score) add(want, got bounce.Class) bool {
	s.all++
	if want == got {
		s.right++
		return true
	}
	if got == bounce.Hard {
		s.falseHard++
	}
	if s.errors == nil {
		s.errors = map[string]int{}
	}
	s.errors[fmt.Sprintf("%q read as %q", want, got)]++
	return false
}

// hold fails a test whose share of right classes is below 95 %, or that calls 2 % of the
// addresses dead or more which are not.
func (s *score) hold(t *testing.T) {
	t.Helper()
	t.Logf("%d messages, %d right (%.1f %%), %d falsely hard (%.1f %%), errors: %v", s.all, s.right,
		100*float64(s.right)/float64(s.all), s.falseHard, 100*float64(s.falseHard)/float64(s.all), s.errors)
	if s.right*100 < s.all*95 || s.falseHard*100 >= s.all*2 {
		t.Errorf("want 95 %% right and less than 2 %% falsely hard")
	}
}

func TestClassOfReplies(t *testing.T) {
	var s score
	for _, r := range replies(t) {
		m := returned{r, "mira@example.org", "bounce@bounces.example.com", ""}
		if got := bounce.Classify(r.code, r.status, m.Words()); !s.add(r.class, got) {
			t.Errorf("%q: %q, want %q", m.Reply(), got, r.class)
		}
	}
	s.hold(t)
}

func TestClassOfRepliesInReportsOfEveryServer(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/mailers.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var s score
	for i, r := range replies(t) {
		for j, file := range archive.Files {
			mailer, err := template.New(file.Name).Funcs(encoders).Parse(string(file.Data))
			if err != nil {
				t.Fatal(err)
			}
			m := returned{r, fmt.Sprintf("mira.%d@example.org", i), fmt.Sprintf("bounce+eq%dx.mfrgg%d@bounces.example.com", i, j), fmt.Sprintf("eq%dx.%d@example.com", i, j)}
			var raw bytes.Buffer
			if err := mailer.Execute(&raw, m); err != nil {
				t.Fatal(err)
			}
			got, err := bounce.Parse(&raw)
			if err != nil {
				t.Fatal(err)
			}
			if !s.add(r.class, got.Class) {
				t.Logf("%s: %q is %q, want %q: %s", file.Name, m.Reply(), got.Class, r.class, got.Text)
			}
			if got.Kind != bounce.Failure || len(got.Recipients) != 1 || got.Recipients[0].Address != m.To || got.MessageID != m.ID || got.OriginalTo != m.To {
				t.Errorf("%s: %s of %q to %q, its recipients %+v", file.Name, got.Kind, got.MessageID, got.OriginalTo, got.Recipients)
			}
			if len(got.To) == 0 || got.To[0] != m.Path {
				t.Errorf("%s: sent to %q, want %q", file.Name, got.To, m.Path)
			}
		}
	}
	s.hold(t)
}
