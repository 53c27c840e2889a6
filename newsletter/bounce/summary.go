package bounce

import (
	"bytes"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// Summary is who wrote a message, about what, and what it says, on one line, for people.
func Summary(raw []byte) string {
	report, err := Parse(bytes.NewReader(raw))
	if err != nil {
		return rfc5322.OneLine(string(raw))
	}
	header, _ := rfc5322.ParseHeader(raw)
	return rfc5322.OneLine("from " + rfc5322.DecodeHeader(header.Get("From")) + ": " + rfc5322.DecodeHeader(header.Get("Subject")) + ": " + report.Text)
}
