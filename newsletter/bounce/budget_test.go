package bounce_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/newsletter/bounce"
)

const size = budget.Size

// hostile are messages of a mebibyte that anybody can send to a return path.
func hostile() map[string]string {
	report := func(text, status string) string {
		return "From: MAILER-DAEMON@example.com\r\nTo: bounces@example.net\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
			"--b\r\nContent-Type: text/plain\r\n\r\n" + text + "\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; example.com\r\n\r\n" + status + "\r\n--b--\r\n"
	}
	fill := func(s string, n int) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	var status, sayings, addresses, headers, parts, nested strings.Builder
	for i := 0; status.Len() < size; i++ {
		fmt.Fprintf(&status, "Final-Recipient: rfc822; r%d@example.com\r\nAction: failed\r\n\r\n", i)
	}
	for i := 0; sayings.Len() < size; i++ {
		fmt.Fprintf(&sayings, "<r%d@example.com>: host mx%d.example.com[192.0.2.%d] said: 550 5.0.0 mailbox (full) of \"user %d\" is disabled; blocked by policy, see https://example.com/%d\r\n", i%50, i, i%250, i, i)
		fmt.Fprintf(&addresses, "r%d@example.com ", i)
		fmt.Fprintf(&headers, "X-Failed-Recipients: r%d@example.com\r\n =?utf-8?q?=61=62?= (nested (comments (in (parentheses))))\r\n", i)
		fmt.Fprintf(&parts, "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=55=56 550 5.1.1 gone\r\n")
	}
	for i := range 5000 {
		fmt.Fprintf(&nested, "--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i, i+1)
	}
	few := status.String()[:20000]
	var about strings.Builder // each paragraph speaks of all, in words that a server might use
	for i := 0; about.Len() < 70<<10; i++ {
		about.WriteString("550 who knows, ")
		for j := range 50 {
			fmt.Fprintf(&about, "<r%d@example.com>: 55%d %d.0.0 host said (in reply to RCPT TO command) that quota, mailbox, sender and user; ", j, j%10, 4+j%2)
		}
		about.WriteString("\r\n\r\n")
	}
	return map[string]string{
		"many recipients":                  report("", status.String()),
		"every paragraph about all":        report(about.String(), few),
		"many recipients, each spoken of":  report(sayings.String(), few),
		"one paragraph about all":          report(strings.ReplaceAll(sayings.String(), "\r\n", " "), few),
		"one recipient, a long text":       report(sayings.String(), "Final-Recipient: rfc822; r1@example.com\r\nAction: failed\r\n"),
		"a text alone":                     "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\n\r\n" + sayings.String(),
		"addresses":                        "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\n\r\n" + addresses.String(),
		"one line":                         "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\n\r\n" + fill("550 5.1.1 ", size),
		"headers":                          "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\n" + cutTo(headers.String()) + "\r\n550 5.1.1 gone\r\n",
		"one folded header":                "From: MAILER-DAEMON@example.com\r\nSubject:" + fill("\r\n =?utf-8?b?w6k=?=", size) + "\r\n\r\ngone\r\n",
		"a long subject":                   "From: MAILER-DAEMON@example.com\r\nSubject: " + fill("550 5.7.1 blocked ", size) + "\r\n\r\ngone\r\n",
		"parentheses":                      "From: " + fill("(", size) + "\r\nSubject: Undelivered mail\r\n\r\ngone\r\n",
		"brackets":                         "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\n\r\n" + fill("<<<", size),
		"references":                       "From: MAILER-DAEMON@example.com\r\nReferences: " + fill("<a@b> ", size) + "\r\nSubject: Undelivered mail\r\n\r\ngone\r\n",
		"parts":                            "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + cutTo(parts.String()),
		"nested parts":                     "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + nested.String() + fill("x", size-nested.Len()),
		"boundaries":                       "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + fill("--b\r\n\r\n", size),
		"HTML":                             "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\nContent-Type: text/html\r\n\r\n" + fill("<p><a href='&amp;'><!-- &lt;", size),
		"base64":                           "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + fill("YWJj\r\n", size),
		"quoted-printable":                 "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + fill("=41=\r\n", size),
		"Japanese":                         "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + fill("\x1b$B$\"$$\x1b(B", size),
		"a complaint of many":              "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n" + fill("Original-Rcpt-To: r@example.com\r\n", size) + "\r\n--b--\r\n",
		"a status whose fields are folded": report("", "Final-Recipient: rfc822; r@example.com\r\nAction: failed\r\nDiagnostic-Code: smtp;"+fill("\r\n 550-5.1.1 who; <r@example.com>", size)),
	}
}

func cutTo(s string) string { return s[:strings.LastIndexByte(s[:min(len(s), size)], '\n')+1] }

// TestHostileMessagesCostLittle: whatever anybody sends, no message of a mebibyte takes
// more than half a second of a processor, or 64 MB.
func TestHostileMessagesCostLittle(t *testing.T) {
	for name, message := range hostile() {
		t.Run(name, func(t *testing.T) {
			message = message[:min(len(message), size)]
			budget.Check(t, func() {
				if report, err := bounce.Parse(strings.NewReader(message)); err != nil && report.Kind != "" {
					t.Errorf("%v, with a report of %s", err, report.Kind)
				}
			})
		})
	}
}
