package smtp

import (
	"regexp"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// verb is a step of a transaction, as the words of an outcome name it.
type verb string

const (
	verbMail verb = "MAIL"
	verbRcpt verb = "RCPT"
	verbData verb = "DATA"
	verbDot  verb = "the message" // the reply to the final dot
)

func (v verb) stage() newsletter.Stage {
	switch v {
	case verbMail:
		return newsletter.MailStage
	case verbRcpt:
		return newsletter.RcptStage
	case verbData:
		return newsletter.DataStage
	}
	return newsletter.DotStage
}

// refused says what a reply other than the wanted one means.
//
//   - 421 at any step: the server is closing. Nothing was taken.
//   - 4xx: not now.
//   - 5xx about the session: no message would pass, so none is at fault; this one
//     was not sent.
//   - any other 5xx: this sender, recipient or message is refused for good.
//   - anything else: the two sides no longer understand each other.
func refused(at verb, code int, message string) newsletter.Outcome {
	o := newsletter.Outcome{Code: code, Stage: at.stage()}
	o.Status, o.Text = splitStatus(code, message)
	switch {
	case code == 421:
		o.Kind, o.Broken = newsletter.Temporary, true
	case code/100 == 4:
		o.Kind = newsletter.Temporary
	case code/100 == 5 && aboutSession(at, code, o.Status):
		o.Kind, o.Broken = newsletter.NotSent, true
	case code/100 == 5:
		o.Kind = newsletter.Permanent
	default:
		o.Kind, o.Broken = newsletter.NotSent, true
		if at == verbDot {
			o.Kind = newsletter.Unknown
		}
		o.Text = rfc5322.OneLine("unexpected reply to " + string(at) + ": " + o.Text)
	}
	o.Slow = asksForFewer(o)
	return o
}

// aboutSession reports whether a 5xx speaks of the connection rather than of the
// message: commands unknown or out of order (502, 503, and 500 to those that are the
// same for every message), a server that takes no messages (521, RFC 7504), and a login
// or TLS that is missing, failed or too weak (530, 534, 535, 538, RFC 4954). A
// refused MAIL is about the sender, who is the same for every message, or how much they
// have sent, unless it says that the message is too big (552, 5.3.4) or of a kind
// that the server does not take (5.6).
func aboutSession(at verb, code int, status string) bool {
	switch code {
	case 502, 503, 521, 530, 534, 535, 538:
		return true
	case 500:
		return at == verbMail || at == verbData
	}
	return at == verbMail && code != 552 && status != "5.3.4" && !strings.HasPrefix(status, "5.6.")
}

// splitStatus takes the enhanced status code (RFC 3463) off each line of a reply
// and joins the lines. A code of another class than the reply's (RFC 2034 forbids
// it) is left among the words.
func splitStatus(code int, message string) (status, text string) {
	var lines []string
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		first, rest, _ := strings.Cut(line, " ")
		if enhancedStatus.MatchString(first) && int(first[0]-'0') == code/100 {
			status, line = first, rest
		}
		lines = append(lines, line)
	}
	return status, rfc5322.OneLine(strings.Join(lines, " "))
}

// enhancedStatus is class.subject.detail.
var enhancedStatus = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}$`)

var (
	fewerWords = regexp.MustCompile(`(?i)\brates?\b|rate-?limit|too (many|fast|quickly|much mail)|throttl|slow(er)? down`)

	// otherWords are about something that sending less does not fix: a connection
	// that has had its share of messages or of silence, a server on its way out, a
	// first delivery that is put off, a login.
	otherWords = regexp.MustCompile(`(?i)(this|per|one|a single) (smtp )?(connection|session)|idle|time-?out|timed out|shutting down|shutdown|gr[ea]ylist|\bTLS\b|authenticat|(many|invalid|unknown|bad) (errors|recipients|commands)`)
)

// named are addresses and hosts in a reply, whose names strangers choose.
var named = regexp.MustCompile(`<[^>]*>|\S*@\S*|[\w-]+(\.[\w-]+)+`)

// asksForFewer reports whether a refusal for now asks for fewer messages at a time:
// by 454, which large relays answer with above their rate, by the enhanced status
// codes for limits and congestion (RFC 3463, and 4.7.28, an unusual rate, in
// wide use), or in words. What is said of one mailbox, 4.2.x, says nothing of the
// others.
func asksForFewer(o newsletter.Outcome) bool {
	said := named.ReplaceAllString(o.Text, " ")
	if o.Code/100 != 4 || strings.HasPrefix(o.Status, "4.2.") || otherWords.MatchString(said) {
		return false
	}
	switch o.Status {
	case "4.3.2", "4.4.5", "4.7.0", "4.7.28":
		return true
	}
	return o.Code == 454 || fewerWords.MatchString(said)
}

// saysEnough reports whether a server that has taken messages in this session ends it
// for want of room for more, as far as its words tell.
func saysEnough(o newsletter.Outcome) bool {
	return o.Code == 421 && o.Status != "4.4.2" && !otherWords.MatchString(o.Text)
}
