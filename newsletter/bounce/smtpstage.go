package bounce

import (
	"regexp"
	"strings"
)

// Stage is the step of an SMTP session that a reply refused.
type Stage string

const (
	UnknownStage  Stage = ""
	GreetingStage Stage = "greeting"
	HelloStage    Stage = "EHLO"
	StartTLSStage Stage = "STARTTLS"
	AuthStage     Stage = "AUTH"
	MailStage     Stage = "MAIL"
	RcptStage     Stage = "RCPT"
	DataStage     Stage = "DATA"
	DotStage      Stage = "dot" // the message itself
)

// early reports whether no recipient had been named: only the sender can be refused.
func (s Stage) early() bool {
	switch s {
	case GreetingStage, HelloStage, StartTLSStage, AuthStage, MailStage:
		return true
	}
	return false
}

// message reports whether the recipient had been accepted: some servers call a user
// unknown whose filter does not like the text.
func (s Stage) message() bool { return s == DataStage || s == DotStage }

var (
	inReplyTo = regexp.MustCompile(`(?i)(?:in\s+reply\s+to|remote\s+(?:mail\s+)?server\s+after)\s+(?:the\s+)?(end\s+of\s+data|rcpt|mail\s+from|data|helo|ehlo|starttls|auth|initial)`)
	showed    = regexp.MustCompile(`(?im)^[> ]*>>> *(rcpt|mail from|data|helo|ehlo|starttls|auth)`)
)

// qmailSays is what qmail calls the steps.
var qmailSays = map[string]Stage{
	"but greeting failed": GreetingStage, "but my name was rejected": HelloStage, "but sender was rejected": MailStage,
}

// refusedStage reads from a text for people what was refused, as Postfix, Exim, Sendmail
// and qmail say it.
func refusedStage(text string) Stage {
	for phrase, s := range qmailSays {
		if strings.Contains(text, phrase) {
			return s
		}
	}
	m := inReplyTo.FindStringSubmatch(text)
	if m == nil {
		m = showed.FindStringSubmatch(text)
		// A Sendmail that did not wait between its commands shows the last one. That no
		// recipient was left says that it was they who were refused.
		if lower := strings.ToLower(text); m != nil && (strings.Contains(lower, "<<< 503") || strings.Contains(lower, "<<< 554 5.5.1")) {
			return RcptStage
		}
	}
	if m == nil {
		return UnknownStage
	}
	switch strings.Join(strings.Fields(strings.ToLower(m[1])), " ") {
	case "initial":
		return GreetingStage
	case "helo", "ehlo":
		return HelloStage
	case "starttls":
		return StartTLSStage
	case "auth":
		return AuthStage
	case "mail from":
		return MailStage
	case "data":
		return DataStage
	case "end of data":
		return DotStage
	}
	return RcptStage
}
