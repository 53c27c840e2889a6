package bounce

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Classify says what a refusal means, from the code of an SMTP reply (0 if there is
// none), an enhanced status (RFC 3463, or ""), and the words that came with it.
// Words that say something definite count for more than numbers, which many servers
// choose at random; among numbers the precise ones count. What stays in doubt is
// Soft, since a living address that is called dead gets no more emails, while a dead one
// that is called Soft is only tried again.
func Classify(code int, status, text string) Class {
	class, _ := classify(code, status, text)
	return class
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

func classify(code int, status, text string) (Class, trust) {
	text = cut(text, maxClassified)
	code, status = numbers(code, status, text)
	if code/100 == 2 || code/100 == 3 || code == 0 && strings.HasPrefix(status, "2.") {
		return None, numbered
	}
	temporary := (code/100 == 4 || strings.HasPrefix(status, "4.")) && code/100 != 5
	words := normalized(text)

	class, sure := wordsSay(words, definite)
	switch {
	case sure && class == Hard && (status == "5.1.7" || status == "5.1.8"):
		return Blocked, stated // it is the sender whom they don't know
	case sure && class == Hard && temporary && (code != 0 || status != "4.0.0"):
		return Soft, stated // of an address that will never be, a server says 5xx
	case sure:
		return class, stated
	}
	if class, ok := statusSays(status); ok && !(class == Hard && temporary) {
		return class, numbered
	}
	if class, ok := wordsSay(words, general); ok {
		return class, hinted
	}
	switch {
	case temporary:
		return Soft, numbered
	case strings.HasPrefix(status, "5.7."):
		return Blocked, numbered
	case code != 0 || status != "":
		return Soft, hinted
	}
	return Soft, guessed
}

const maxClassified = 8 << 10 // octets of a text that are classified

func wordsSay(words string, rules []rule) (Class, bool) {
	for _, r := range rules {
		if slices.ContainsFunc(r.phrases, func(phrase string) bool { return matches(words, phrase) }) {
			return r.class, true
		}
	}
	return None, false
}

// statusSays reads the codes of RFC 3463 and its registry that say more than "no".
func statusSays(status string) (Class, bool) {
	switch status {
	case "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4":
		return Hard, true
	case "5.1.7", "5.1.8": // the sender's address
		return Blocked, true
	case "5.2.2", "5.2.3", "5.2.4", "5.3.1", "5.3.2", "5.3.4", "5.4.3", "5.4.5", "5.4.6", "5.4.7":
		return Soft, true
	}
	return Soft, strings.HasPrefix(status, "5.6.")
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
		if _, precise := statusSays(status); !precise || !strings.HasSuffix(m[1], ".0") {
			status = m[1]
		}
	}
	return code, status
}
