package subscribers_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/subscribers"
)

func readAll(t *testing.T, text string) (rows []subscribers.CSVRow, faults []string, fatal error) {
	t.Helper()
	c, err := subscribers.ReadCSV(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	for {
		row, err := c.Next()
		if errors.Is(err, io.EOF) {
			return rows, faults, nil
		}
		if e, ok := errors.AsType[*subscribers.CSVError](err); ok {
			return rows, faults, e
		}
		if err != nil {
			faults = append(faults, err.Error())
		}
		rows = append(rows, row)
	}
}

func TestCSVIsReadAsOthersWriteIt(t *testing.T) {
	for name, text := range map[string]string{
		"plain":           "email,status,cadence,categories\na@example.com,confirmed,daily,leadership;architecture\n",
		"windows":         "\xef\xbb\xbfEmail,Status,Cadence,Categories\r\n\"a@example.com\",confirmed,daily,\"leadership,architecture\"\r\n",
		"semicolons":      "status;email;categories;cadence\nconfirmed;a@example.com;leadership,architecture;daily",
		"an empty line":   "email,status,cadence,categories\n\na@example.com,Confirmed, daily ,leadership architecture\n\n",
		"unknown columns": "id,email,status,cadence,categories,shoe size\n7,a@example.com,confirmed,daily,leadership;architecture,44\n",
	} {
		rows, faults, err := readAll(t, text)
		if err != nil || len(faults) > 0 || len(rows) != 1 {
			t.Errorf("%s: %d rows, %v, %v", name, len(rows), faults, err)
			continue
		}
		r := rows[0]
		if r.Address.String() != "a@example.com" || r.Status != subscribers.Confirmed || r.Cadence != subscribers.Daily || !slices.Equal(r.Categories, []string{"leadership", "architecture"}) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestCSVFaultsNameTheirLine(t *testing.T) {
	rows, faults, err := readAll(t, "email,status,confirmed_at\na@example.com,confirmed,2026-03-16\nnobody,confirmed,\nb@example.com,subscribed,\n\nc@example.com,confirmed,soon\nd@e\"x.com,pending,\nf@example.com\ng@example.com,pending,2019-01-01T00:00:00Z\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{3: "name@example.com", 4: "unknown status", 6: "confirmed_at", 7: "quote", 8: "unknown status"}
	bad := 0
	for _, r := range rows {
		if want[r.Line] != "" {
			if !strings.Contains(faults[bad], want[r.Line]) {
				t.Errorf("line %d: %s", r.Line, faults[bad])
			}
			bad++
		}
	}
	if len(rows) != 7 || bad != len(want) || bad != len(faults) {
		t.Errorf("%d rows, faults %q", len(rows), faults)
	}
}

func TestCSVThatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "empty",
		"a@example.com,confirmed\n": `no column "email"`,
		"email\na@example.com\n":    `no column "status"`,
		"email,status,email\n":      "twice",
		"email,status\n\"a@example.com,confirmed\n" + strings.Repeat("x\n", 100_000): "quote left open",
	} {
		if rows, _, err := readAll(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %d rows, %v", text, len(rows), err)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("email,status,cadence,categories\na@example.com,confirmed,daily,*\n")
	f.Add("\xef\xbb\xbfemail;status\n\"a\"\"@example.com\";x\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, _, _ := readAll(t, text)
		if len(rows) > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
			t.Errorf("%d rows in %q", len(rows), text)
		}
	})
}
