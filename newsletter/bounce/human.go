package bounce

import (
	"regexp"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// fromMachine reports whether the sender is a mail server, by its name.
func (m *incoming) fromMachine() bool {
	from := strings.ToLower(rfc5322.DecodeHeader(m.head.Get("From")))
	return containsAny(from, serverNames) || strings.TrimSpace(m.head.Get("Return-Path")) == "<>" && m.bounceSubject()
}

func (m *incoming) bounceSubject() bool { return containsAny(m.subject, subjects) }

func containsAny(s string, phrases []string) bool {
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(s, phrase) })
}

// isBounce reports whether a message without a report part is about one that
// could not be delivered.
func (m *incoming) isBounce() bool {
	if m.head.Get("X-Failed-Recipients") != "" || m.fromMachine() || m.bounceSubject() {
		return true
	}
	lower := strings.ToLower(m.said)
	if strings.Contains(lower, "mail from:") && strings.Contains(lower, "rcpt to:") && anyReply.MatchString(m.said) {
		return true
	}
	return containsAny(normalized(cut(m.said, 4<<10)), undelivered) && (m.original != nil || anyReply.MatchString(m.said))
}

// readHuman reads a bounce that is written for people alone.
func (m *incoming) readHuman(r *Report) {
	r.Kind = Failure
	words := normalized(cut(m.said, maxClassified))
	if m.delayed(words) {
		r.Kind, r.Text = Delay, m.quoted()
		return
	}
	failed := m.failed()
	class, said, sure := classifyText(m.said, refusedStage(m.said), firstOf(failed))
	if sure < numbered {
		if other, _, how := classifyWhole(m.subject, UnknownStage, ""); how == stated {
			class = other
		}
	}
	if class == None {
		class = Soft
	}
	r.Class, r.Text = class, rfc5322.OneLine(said)
	recipient := Recipient{Action: "failed", Diagnostic: r.Text, Class: r.Class}
	recipient.Code, recipient.Status = numbers(0, "", said)
	for _, a := range failed {
		recipient.Address = a
		r.Recipients = append(r.Recipients, recipient)
	}
}

func firstOf(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// quoted is the first reply of a server in what is said, or all of that.
func (m *incoming) quoted() string {
	return rfc5322.OneLine(firstNonEmpty(append(replies(m.said), m.said)...))
}

// delayed reports whether the message is still being tried.
func (m *incoming) delayed(words string) bool {
	if containsAny(words, gaveUp) {
		return false
	}
	return slices.ContainsFunc(waiting, func(phrase string) bool { return matches(words, phrase) }) ||
		strings.Contains(m.subject, "delayed") || strings.HasPrefix(m.subject, "warning: could not send")
}

// failed is the addresses that a bounce for people names: by the header that some
// servers add, or the first in the text that is not of the message's own sender.
func (m *incoming) failed() []string {
	if all := m.addressed(nil, "X-Failed-Recipients"); len(all) > 0 {
		return all
	}
	own := strings.ToLower(strings.Join([]string{
		m.head.Get("From"), m.head.Get("To"), m.head.Get("Delivered-To"), m.head.Get("X-Original-To"),
		m.original.Get("From"), m.original.Get("Return-Path"), m.original.Get("Reply-To"),
	}, " "))
	to := addressList(m.original.Get("To"))
	if len(to) == 1 && strings.Contains(m.said, to[0]) {
		return to
	}
	for _, a := range addresses.FindAllString(cut(m.said, maxClassified), maxRecipients) {
		a = bareAddress(strings.Trim(a, ".*-="))
		name := strings.ToLower(a)
		if a == "" || strings.Contains(own, name) || strings.Contains(name, "/") ||
			strings.HasPrefix(name, "postmaster@") || strings.HasPrefix(name, "mailer-daemon@") {
			continue
		}
		return []string{a}
	}
	if len(to) == 1 {
		return to
	}
	return nil
}

// anyReply begins a reply of an SMTP server in the middle of a text.
var anyReply = regexp.MustCompile(`(?:^|[\s:;,("'>\]#])((?:([45][0-5]\d)[ -]#?(?:[245]\.\d{1,3}\.\d{1,3})?|[45]\.\d{1,3}\.\d{1,3}[ :)-]))`)

const maxReply = 400 // octets of a reply in a text

// replies are the server's words in a text. Each goes to the end of its paragraph, or
// to the next one with another code: the lines of one reply each have the same.
func replies(text string) []string {
	var all []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		start, code := -1, ""
		for _, at := range anyReply.FindAllStringSubmatchIndex(cut(paragraph, maxClassified), 50) {
			begins := strings.TrimSpace(strings.Replace(paragraph[at[2]:at[3]], "-", " ", 1))
			if begins == code {
				continue
			}
			if start >= 0 {
				all = append(all, cut(paragraph[start:at[2]], maxReply))
			}
			start, code = at[2], begins
		}
		if start >= 0 && len(all) < 50 {
			all = append(all, cut(paragraph[start:], maxReply))
		}
	}
	return all
}

// classifyText says what a text for people means, and which words of it say so: the
// most serious reply of a server that is definite, else the text as a whole, else what
// numbers the replies have.
func classifyText(text string, at Stage, to string) (Class, string, trust) {
	text = cut(text, maxSaid)
	var said string
	class, sure := None, guessed
	for _, reply := range replies(text) {
		other, how := Reply{Text: reply, Stage: at, To: to}.classify()
		if how > sure || how == sure && other.weight() > class.weight() {
			class, said, sure = other, reply, how
		}
	}
	if sure >= numbered {
		return class, said, sure
	}
	if other, words, how := classifyWhole(text, at, to); how > sure {
		return other, firstNonEmpty(said, words), how
	}
	return class, firstNonEmpty(said, text), sure
}

// classifyWhole classifies a text by its words alone, and finds the paragraph that says it.
func classifyWhole(text string, at Stage, to string) (Class, string, trust) {
	text = cut(text, maxClassified)
	class, sure := classifyWords(text, at, to)
	if sure > guessed {
		for paragraph := range strings.SplitSeq(text, "\n\n") {
			if c, how := classifyWords(paragraph, at, to); how == sure && c == class {
				return class, paragraph, sure
			}
		}
	}
	return class, text, sure
}

// How many octets of what a text says of one recipient among several are looked at, and of
// all of them together: anybody can write a long text about many.
const (
	maxAround    = 4 << 10
	maxAroundAll = 32 << 10
)

// around is the paragraphs of what is said that name an address.
func (m *incoming) around(address string) string {
	if address == "" {
		return ""
	}
	if m.paragraphs == nil {
		for paragraph := range strings.SplitSeq(m.said, "\n\n") {
			m.paragraphs = append(m.paragraphs, [2]string{paragraph, strings.ToLower(paragraph)})
		}
	}
	var found []string
	size := 0
	most := min(maxAround, maxAroundAll-m.looked)
	for _, p := range m.paragraphs {
		if size < most && strings.Contains(p[1], strings.ToLower(address)) {
			found = append(found, cut(p[0], most-size))
			size += len(p[0])
		}
	}
	m.looked += min(size, most)
	return strings.Join(found, "\n\n")
}
