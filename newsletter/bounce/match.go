package bounce

import (
	"html"
	"regexp"
	"strings"
	"unicode"
)

var (
	addresses    = regexp.MustCompile(`[^\s<>"'(),;:\[\]]+@[^\s<>"'(),;:\[\]]+`)
	doubts       = regexp.MustCompile(`(?i)\b(?:may|might)\s+(?:not\s+)?(?:be\s+|have\s+been\s+|have\s+|no\s+longer\s+)?\pL+|il se peut que[^.]{0,200}|存在しないか`)
	continuation = regexp.MustCompile(`\b[245]\d\d[- ]#?[245]\.\d{1,3}\.\d{1,3}\b|\b[245]\d\d-`)
)

// normalized makes words comparable: lower case, single spaces, and no punctuation
// but the stops and slashes within words. Addresses are removed, since they contain any
// word; so are codes, which are in the middle of sentences where a reply has several
// lines, and what may be the reason or not.
func normalized(s string) string {
	s = continuation.ReplaceAllString(s, " ")
	s = addresses.ReplaceAllString(s, " ")
	s = doubts.ReplaceAllString(s, " ")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '’' || r == '`':
			return '\''
		case r == '\'' || r == '.' || r == '/' || r == '=' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, s)
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = strings.Trim(w, ".'/=")
	}
	return " " + strings.Join(words, " ") + " "
}

const maxGap = 48 // bytes that a * in a phrase matches

// matches reports whether words hold a phrase. A * in it matches a few words.
func matches(words, phrase string) bool {
	first, rest, gap := strings.Cut(phrase, "*")
	if !gap {
		return strings.Contains(words, phrase)
	}
	for at := strings.Index(words, first); at >= 0; at = strings.Index(words, first) {
		after := words[at+len(first):]
		if matches(cut(after, maxGap+len(rest)), rest) {
			return true
		}
		words = words[at+1:]
	}
	return false
}

var (
	unseen = regexp.MustCompile(`(?is)<!--.*?-->|<(?:style|script|head|title)\b.*?</(?:style|script|head|title)>`)
	breaks = regexp.MustCompile(`(?i)<(?:br|/?p|/?div|/?tr|/?h\d|/?li|/?pre)\b[^>]*>`)
	tags   = regexp.MustCompile(`</?[a-zA-Z!][^>@]*>`)
)

// fromHTML is the text of a page, roughly.
func fromHTML(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = unseen.ReplaceAllString(s, " ")
	s = breaks.ReplaceAllString(s, "\n")
	s = tags.ReplaceAllString(s, " ")
	return html.UnescapeString(s)
}

var (
	names     = regexp.MustCompile(`\b[A-Za-z]*\d\w*-[\w-]*[A-Za-z][\w-]*`) // of filters, and the like
	links     = regexp.MustCompile(`(?i)\b(?:https?://|www\.|mailto:)[^\s<>"()\[\]]+`)
	hosts     = regexp.MustCompile(`\b[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.[a-z]{2,24}\b|\b[A-Za-z0-9_-]+\.(?:com|net|org|info|biz|edu|gov|example|invalid|test|[a-z]{2})\b`)
	quotes    = regexp.MustCompile(`"([^"]{1,120})"|“([^”]{1,120})”|«([^»]{1,120})»|<([^<>]{1,200})>`)
	startCode = regexp.MustCompile(`^[245](?:\d\d[ -]|\.\d{1,3}\.\d)`)
	sentence  = regexp.MustCompile(`[.!?;]+(?:[\s"')\]]+|$)|[。\n]+| [-–—|] |[()]`)
	brackets  = regexp.MustCompile(`\([^()]*\)|\[[^\[\]]*\]`)
	role      = regexp.MustCompile(`(?i)\((?:the )?(?:envelope |smtp |mail )?(?:sender|from|return[- ]path|originator|absender|expéditeur|remitente|mittente|remetente|送信者)(?: address)?:?\s*\)`) // whom it is about
	pointer   = regexp.MustCompile(`(?i)(?:explained|described|documented|information|details|instructions|help|more)\b[^\x00]{0,20}\x00`)                                                        // to a link
	advice    = regexp.MustCompile(`(?i)^[\s,:*>-]*(?:[245]\d\d[ -])?(?:[245]\.\d{1,3}\.\d{1,3} )?(?:to |please|for |see |see$|visit|if |contact|more |learn |read |help|refer |check |try |details|info |info:|information|questions|report |you can|you may|you should|bitte|weitere |veuillez|pour |para |per maggiori|詳細|詳しく)`)
)

// bare is a text without what only contains words but does not say them: links, host
// names, addresses, quotations, and the name of the recipient.
func bare(text, to string) string {
	text = continuation.ReplaceAllString(text, " ")
	text = links.ReplaceAllString(text, " \x00 ")
	text = addresses.ReplaceAllString(text, " ")
	unquoted := quotes.ReplaceAllStringFunc(text, func(quoted string) string {
		if startCode.MatchString(strings.TrimLeft(quoted, `"“«<`)) {
			return quoted // a whole reply
		}
		return " "
	})
	if strings.TrimSpace(normalized(brackets.ReplaceAllString(unquoted, " "))) != "" {
		text = unquoted // else all of it is quoted
	}
	text = names.ReplaceAllString(hosts.ReplaceAllString(text, " "), " ")
	if local, _, ok := strings.Cut(to, "@"); ok && meansSomething(local) {
		name := regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(local) + `($|[^\pL\pN])`)
		text = name.ReplaceAllString(text, "$1 $2")
	}
	return text
}

// meansSomething reports whether an address has words in its name that could be read as
// the server's.
func meansSomething(local string) bool {
	words := normalized(local)
	if namesSender(words) || says(words, commerce) {
		return true
	}
	for _, rules := range [][]rule{definite, general} {
		if _, ok := wordsSay(words, rules); ok {
			return true
		}
	}
	return false
}

// cause is the normalized words of a reply that say why it refuses: without advice on
// what to do, where to read more, and what is added in brackets.
func cause(text, to string) string { return joined(because(text, to)) }

// because is the clauses of a reply that say why it refuses, normalized.
func because(text, to string) []string {
	text = role.ReplaceAllString(bare(text, to), " of the sender ")
	var kept []string
	for _, s := range sentence.Split(brackets.ReplaceAllString(text, " "), -1) {
		if advice.MatchString(s) || pointer.MatchString(s) {
			continue
		}
		for clause := range strings.SplitSeq(s, ", ") {
			kept = append(kept, normalized(clause))
		}
	}
	return kept
}

func joined(clauses []string) string {
	return " " + strings.Join(strings.Fields(strings.Join(clauses, " ")), " ") + " "
}
