package bounce

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Reply is a refusal by a mail server.
type Reply struct {
	Code   int    // of the SMTP reply, 0 = none
	Status string // the enhanced status (RFC 3463), or ""
	Text   string // the words
	Stage  Stage  // what was refused, if it is known
	To     string // the recipient's address, or "": its words are not the server's
}

// Classify says what a reply means of which only numbers and words are known.
func Classify(code int, status, text string) Class {
	return Reply{Code: code, Status: status, Text: text}.Class()
}

// Class says what the reply means, in this order: by the enhanced status, by what was
// refused, and by the words where the status is missing or says only "no". What is said
// of the sender is Blocked whatever the status: of their account, login, plan, limits,
// network, domain or content. What is said in a link, an address, a quotation or an
// advice counts for nothing. What stays in doubt is Blocked, which costs no reader
// anything.
func (r Reply) Class() Class {
	class, _ := r.classify()
	return class
}

// AboutSender reports whether the words are about the sender: their account, login, plan,
// limits or domain.
func (r Reply) AboutSender() bool {
	text := cut(r.Text, maxClassified)
	_, status := numbers(r.Code, r.Status, text)
	return aboutSender(text, r.To, status)
}

// ofMailbox reports whether a status is about a mailbox (RFC 3463, x.2.y).
func ofMailbox(status string) bool {
	return strings.HasPrefix(status, "4.2.") || strings.HasPrefix(status, "5.2.")
}

// trust says how much a class is worth, so that what one source leaves open can be
// asked of another.
type trust int

const (
	guessed  trust = iota // nothing was said
	hinted                // general words, or a number of no meaning
	numbered              // a status with a meaning of its own
	stated                // definite words
)

func (r Reply) classify() (Class, trust) {
	text := cut(r.Text, maxClassified)
	code, status := numbers(r.Code, r.Status, text)
	if code/100 == 2 || code/100 == 3 || code == 0 && strings.HasPrefix(status, "2.") {
		return None, numbered
	}
	if r.Stage.early() {
		return Blocked, stated
	}
	if aboutSender(text, r.To, status) {
		return Blocked, stated
	}
	words := cause(text, r.To)
	if class, ok := statusSays(code, status); ok {
		switch {
		case says(words, sending) && !(class == Hard && says(words, dead)) && !(class == Soft && ofMailbox(status)):
			return Blocked, stated // but how much a mailbox takes, x.2.y, is its own matter
		case status == "5.2.1" && says(words, busy):
			return Soft, stated // "not accepting messages", but only because of how many there are
		}
		return class, numbered
	}
	class, sure := byWords(text, r.Stage, r.To)
	switch {
	case sure == stated && class == Hard && code/100 == 4:
		return Soft, stated // of an address that will never be, a server says 5xx
	case sure == stated:
		return class, stated
	case code/100 == 4:
		return Soft, numbered
	case sure == guessed && (code != 0 || status != ""):
		return Blocked, hinted
	}
	return class, sure
}

// classifyWords classifies a text by its words alone.
func classifyWords(text string, at Stage, to string) (Class, trust) {
	text = cut(text, maxClassified)
	if aboutSender(text, to, "") {
		return Blocked, stated
	}
	return byWords(text, at, to)
}

// byWords classifies a text that is not about the sender.
func byWords(text string, at Stage, to string) (Class, trust) {
	reason, all := cause(text, to), normalized(bare(text, to))
	for i, rules := range [][]rule{definite, general} {
		for _, words := range []string{reason, all} { // there may be nothing but advice
			class, ok := wordsSay(words, rules)
			switch {
			case !ok:
			case class == Hard && at.message() && !strings.Contains(words, " account"):
				return Soft, stated // who speaks of an account has looked for it
			default:
				return class, []trust{stated, hinted}[i]
			}
		}
	}
	return Blocked, guessed
}

const maxClassified = 8 << 10 // octets of a text that are classified

// says reports whether words hold one of some phrases.
func says(words string, phrases []string) bool {
	return slices.ContainsFunc(phrases, func(phrase string) bool { return matches(words, phrase) })
}

func wordsSay(words string, rules []rule) (Class, bool) {
	for _, r := range rules {
		if says(words, r.phrases) {
			return r.class, true
		}
	}
	return None, false
}

// statusSays reads an enhanced status that says more than "no".
func statusSays(code int, status string) (Class, bool) {
	switch status {
	case "", "5.0.0", "5.1.0", "5.2.0", "5.5.0":
		return None, false
	case "4.0.0": // of a report that says no more, it may be about anything
		return Soft, code/100 == 4
	case "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4":
		return Hard, code/100 != 4
	case "5.1.7", "5.1.8": // the sender's address
		return Blocked, true
	case "5.2.2", "5.2.3", "5.3.4", "5.4.7":
		return Soft, true
	}
	switch {
	case strings.HasPrefix(status, "4."), strings.HasPrefix(status, "5.6."):
		return Soft, true
	case strings.HasPrefix(status, "5.3."), strings.HasPrefix(status, "5.4."), strings.HasPrefix(status, "5.5."), strings.HasPrefix(status, "5.7."):
		return Blocked, true
	}
	return None, false
}

var (
	statusInText = regexp.MustCompile(`(?:^|[^\d.\w])([245]\.\d{1,3}\.\d{1,3})(?:[^\d.]|\.\D|\.?$)`)
	codeInText   = regexp.MustCompile(`(?:^|[^\d.\w])([2-5][0-5]\d)[ -]`)
)

// numbers fills in the code and the status that the words begin with. A status
// among the words is the remote server's own, and replaces one of no meaning, which is
// often made up by the server nearby.
func numbers(code int, status, text string) (int, string) {
	text = cut(text, 300)
	if code == 0 {
		if m := codeInText.FindStringSubmatch(text); m != nil && m[1][0] >= '4' {
			code, _ = strconv.Atoi(m[1])
		}
	}
	if m := statusInText.FindStringSubmatch(text); m != nil && m[1][0] != '2' {
		if _, precise := statusSays(code, status); !precise || !strings.HasSuffix(m[1], ".0") {
			status = m[1]
		}
	}
	return code, status
}
