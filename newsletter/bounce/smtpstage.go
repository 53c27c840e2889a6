package bounce

import (
	"regexp"
	"strings"
)

// stage is the step of an SMTP transaction that a reply refused.
type stage string

var (
	inReplyTo = regexp.MustCompile(`(?i)(?:in\s+reply\s+to|remote\s+(?:mail\s+)?server\s+after)\s+(?:the\s+)?(end\s+of\s+data|rcpt|mail\s+from|data|helo|ehlo|initial)`)
	showed    = regexp.MustCompile(`(?im)^[> ]*>>> *(rcpt|mail from|data|helo|ehlo)`)
)

// refusedStage reads from a text for people what was refused, as Postfix, Exim and
// Sendmail say it.
func refusedStage(text string) stage {
	m := inReplyTo.FindStringSubmatch(text)
	if m == nil {
		m = showed.FindStringSubmatch(text)
		// A Sendmail that did not wait between its commands shows the last one. That no
		// recipient was left says that it was they who were refused.
		if lower := strings.ToLower(text); m != nil && (strings.Contains(lower, "<<< 503") || strings.Contains(lower, "<<< 554 5.5.1")) {
			return "rcpt"
		}
	}
	if m == nil {
		return ""
	}
	return stage(strings.Join(strings.Fields(strings.ToLower(m[1])), " "))
}

// soften softens what words say of an address where it is not the address that was
// refused. Before RCPT it can only be the sender. After it the address was taken, and
// some servers call a user unknown whose filter does not like the text; who speaks of
// an account has looked for it.
func (s stage) soften(class Class, status, words string) Class {
	if class != Hard {
		return class
	}
	switch s {
	case "mail from", "helo", "ehlo", "initial":
		return Blocked
	case "data", "end of data":
		if precise, _ := statusSays(status); precise != Hard && !strings.Contains(words, " account") {
			return Soft
		}
	}
	return class
}
