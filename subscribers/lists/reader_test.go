package lists_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

func readAll(t *testing.T, text string) (rows []lists.Row, faults []string, fatal error) {
	t.Helper()
	return readNamed(t, text, lists.Options{})
}

func readNamed(t *testing.T, text string, o lists.Options) (rows []lists.Row, faults []string, fatal error) {
	t.Helper()
	l, err := lists.NewReader(strings.NewReader(text), o)
	if err != nil {
		return nil, nil, err
	}
	for {
		row, err := l.Read()
		if errors.Is(err, io.EOF) {
			return rows, faults, nil
		}
		if e, ok := errors.AsType[*lists.Error](err); ok {
			return rows, faults, e
		}
		if err != nil {
			faults = append(faults, fmt.Sprintf("line %d: %v", row.Line, err))
			continue
		}
		rows = append(rows, row)
	}
}

// inUTF16 is text as Windows saves "Unicode".
func inUTF16(order binary.ByteOrder, text string) string {
	var b bytes.Buffer
	for _, unit := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		binary.Write(&b, order, unit)
	}
	return b.String()
}

func TestListsAreReadAsOthersWriteThem(t *testing.T) {
	const plain = "email,status,cadence,categories,name\na@example.com,confirmed,daily,leadership;architecture,Ä 🙂\n"
	for name, text := range map[string]string{
		"plain":                   plain,
		"windows":                 "\xef\xbb\xbfEmail,Status,Cadence,Categories,Name\r\n\"a@example.com\",confirmed,daily,\"leadership,architecture\",\"Ä 🙂\"\r\n",
		"old macintosh":           strings.ReplaceAll(plain, "\n", "\r"),
		"UTF-16, little endian":   inUTF16(binary.LittleEndian, plain),
		"UTF-16, big endian":      inUTF16(binary.BigEndian, plain),
		"semicolons":              "status;email;categories;cadence;name\nconfirmed;a@example.com;leadership,architecture;daily;Ä 🙂",
		"tabs":                    "status\temail\tcategories\tcadence\tname\nconfirmed\ta@example.com\tleadership,architecture\tdaily\tÄ 🙂",
		"an empty line":           "email,status,cadence,categories,name\n\na@example.com,Confirmed, daily ,leadership architecture, \"Ä 🙂\" \n\n",
		"unknown columns":         "id,email,status,cadence,categories,shoe size,name\n7,a@example.com,confirmed,daily,leadership;architecture,44,Ä 🙂\n",
		"an apostrophe of Excel":  "email,status,cadence,categories,name\n'=a@example.com,confirmed,daily,leadership;architecture,Ä 🙂\n",
		"JSON Lines":              `{"email":"a@example.com","status":"confirmed","cadence":"daily","categories":["leadership","architecture"],"name":"Ä 🙂","confirmed_at":null}`,
		"an array of JSON":        "[\n  {\n    \"Email\": \"a@example.com\",\n    \"status\": \"confirmed\", \"cadence\": \"daily\",\n    \"categories\": \"leadership,architecture\", \"name\": \"Ä 🙂\", \"shoe\": {\"size\": [44]}\n  }\n]\n",
		"JSON in UTF-16, escaped": inUTF16(binary.LittleEndian, `[{"email":"a@example.com","status":"confirmed","cadence":"daily","categories":["leadership","architecture"],"name":"\u00c4 \ud83d\ude42"}]`),
	} {
		rows, faults, err := readAll(t, text)
		if err != nil || len(faults) > 0 || len(rows) != 1 {
			t.Errorf("%s: %d rows, %q, %v", name, len(rows), faults, err)
			continue
		}
		r := rows[0]
		if !strings.HasSuffix(r.Address.String(), "a@example.com") || r.Status != subscribers.Confirmed || r.Cadence != subscribers.Daily || !slices.Equal(r.Categories, []string{"leadership", "architecture"}) || r.Name != "Ä 🙂" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestFaultsOfAListNameTheirLine(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, test := range []struct {
		name, text string
		rows       int
		faults     []string
	}{
		{"values", "email,status,confirmed_at\na@example.com,confirmed,2026-03-16\nnobody,confirmed,\nb@example.com,subscribed,\n\nc@example.com,confirmed,soon\nd@e\"x.com,pending,\nf@example.com\ng@example.com,pending,2019-01-01T00:00:00Z\n",
			2, []string{"line 3: .*name@example.com", "line 4: unknown status", "line 6: confirmed_at", "line 7: a quote", "line 8: unknown status"}},
		{"a lone quote", "email,status\n\"a@example.com,confirmed\nb@example.com,confirmed\nc@example.com,confirmed\n", 2, []string{"line 2: a quote is not closed"}},
		{"a lone quote far from the end", "email,status\n\"a@example.com,confirmed\n" + strings.Repeat("b@example.com,confirmed\n", 20_000), 20_000, []string{"line 2: a row of more than 64 KB"}},
		{"two lone quotes", "email,status\n\"a@example.com,confirmed\nb@example.com,confirmed\n\"c@example.com,confirmed\nd@example.com,pending\n", 2, []string{"line 2: a quote", "line 4: a quote"}},
		{"a quote at the start and one at an end", "email,status\n\"a@example.com,confirmed\nb@example.com,confirmed\nc@example.com,confirmed\"\nd@example.com,pending\n", 2, []string{"line 2: a quote is not closed", "line 4: a quote"}},
		{"a value of several lines", "email,status,notes\na@example.com,confirmed,\"one\ntwo, \"\"three\"\"\n\"\nb@example.com,confirmed,\n", 2, nil},
		{"a long row", "email,status\na@example.com,confirmed\n" + long + ",confirmed\nb@example.com,confirmed\n", 2, []string{"line 3: a row of more than 64 KB"}},
		{"a long row in quotes", "email,status\n\"" + long + long + "\",confirmed\nb@example.com,confirmed\n", 1, []string{"line 2: a row of more than 64 KB"}},
		{"a long row at the end", "email,status\na@example.com,confirmed\n" + long, 1, []string{"line 3: a row of more"}},
		{"NUL", "email,status,name\na\x00@example.com,confirmed,\nb@example.com,confirmed,\n", 1, []string{"line 2: email: it contains a NUL byte"}},
		{"Latin-1", "email,status,name\na@example.com,confirmed,J\xfcrgen\nb@example.com,confirmed,\n", 1, []string{"line 2: name: it is not UTF-8"}},
		{"JSON that is cut", "{\"email\":\"a@example.com\",\n{\"email\":\"b@example.com\",\"status\":\"confirmed\"}\n{\"email\":\"c@exa\n{\"email\":\"d@example.com\",\"status\":\"pending\"}\n{\"email\":", 2, []string{"line 1: ", "line 3: ", "line 5: "}},
		{"JSON without a comma", "{\"email\":\"a@example.com\" \"status\":\"confirmed\"}\n{\"email\":\"b@example.com\",\"status\":\"confirmed\"}", 1, []string{"line 1: this is not a JSON object"}},
		{"JSON that is too long", `[{"email":"a@example.com","status":"confirmed"},{"email":"` + long + `"},{"email":"b@example.com","status":"confirmed"}]`, 2, []string{"line 1: an object of more than 64 KB"}},
		{"JSON with a field twice", `[{"email":"a@example.com","status":"unsubscribed","Status":"confirmed"},{"email":"b@example.com","status":"confirmed"}]`, 1, []string{`line 1: duplicate key "status"`}},
		{"JSON that is no object", "[1, {\"email\":\"b@example.com\",\"status\":\"confirmed\"}, \"x\", {\"email\":5,\"status\":\"confirmed\"}]", 1, []string{"not a JSON object", "not a JSON object", "email is not text"}},
	} {
		rows, faults, err := readAll(t, test.text)
		if strings.HasPrefix(test.name, "JSON that is no object") {
			rows, faults, err = readAll(t, "[{\"email\":\"a@example.com\",\"status\":\"confirmed\"},"+test.text[1:])
			rows = rows[1:]
		}
		if err != nil || len(rows) != test.rows || len(faults) != len(test.faults) {
			t.Errorf("%s: %d rows, %.200q, %v", test.name, len(rows), faults, err)
			continue
		}
		for i, want := range test.faults {
			line, word, _ := strings.Cut(want, ": ")
			if !strings.Contains(faults[i], line) || !strings.Contains(faults[i], strings.TrimPrefix(word, ".*")) {
				t.Errorf("%s: %q, want %q", test.name, faults[i], want)
			}
		}
	}
}

func TestFilesThatAreNoListSaySo(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "empty",
		"  \n\n":                      "empty",
		"a@example.com,confirmed\n":   `missing column "email"`,
		"email\na@example.com\n":      `missing column "status"`,
		"email,status,email\n":        "duplicate",
		"\x1f\x8b\x08":                "compressed",
		"PK\x03\x04":                  "spreadsheet",
		"e\x00m\x00a\x00i\x00l\x00":   "NUL",
		"\xff\xfe\x00\x00e\x00\x00":   "NUL",
		strings.Repeat("x,", 100_000): "more than 64 KB",
	} {
		if rows, _, err := readAll(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %d rows, %v", text, len(rows), err)
		}
	}
	l, err := lists.NewReader(io.MultiReader(strings.NewReader("email,status\na@example.com,confirmed\nb@exa"), broken{}), lists.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(); err != nil {
		t.Error(err)
	}
	_, err = l.Read()
	if _, ok := errors.AsType[*lists.Error](err); !ok {
		t.Errorf("a file that can't be read on: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func FuzzReader(f *testing.F) {
	f.Add("email,status,cadence,categories\na@example.com,confirmed,daily,*\n")
	f.Add("\xef\xbb\xbfemail;status\n\"a\"\"@example.com\";x\r\n")
	f.Add("\xff\xfee\x00m\x00a\x00i\x00l\x00,\x00s\x00t\x00a\x00t\x00u\x00s\x00\n\x00")
	f.Add("[{\"email\":\"a@example.com\",\"status\":\"confirmed\"},{\"email\":\"b\n{\"x\":{}}]")
	f.Add("{\"email\":\"a@example.com\"\n{\"email\":\"b@example.com\",\"status\":\"pending\"}")
	f.Add("Email Address,MEMBER_RATING,LEID,UNSUB_TIME\na@example.com,2,1,2026-03-16 09:00:00\n")
	f.Add("uuid,email,name,attributes,status\n1,a@example.com,,{},enabled\n\"\n")
	f.Add("id,email,subscribed_to_emails\n1,a@example.com,true\n")
	f.Add("email,subscriber_type\na@example.com,regular\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, faults, _ := readAll(t, text)
		if n := len(rows) + len(faults); n > len(text)+1 {
			t.Errorf("%d rows in %q", n, text)
		}
		last := 0
		for _, row := range rows {
			if row.Line < last || row.Address == (subscribers.Address{}) || !slices.Contains(subscribers.Statuses[:], row.Status) || strings.ContainsRune(row.Name, 0) {
				t.Errorf("%+v after line %d", row, last)
			}
			last = row.Line
		}
	})
}
