package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine is the most octets a line may have, without its CRLF (RFC 5322,
// section 2.1.1).
const maxLine = 998

// isFieldName reports whether a name may come before the colon (RFC 5322,
// section 3.6.8).
func isFieldName(name string) bool {
	return name != "" && len(name) <= 60 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' })
}

// isComposed reports whether a field, named in lower case, is the Composer's,
// the transport's or the signer's, or would tell which program writes.
func isComposed(name string) bool {
	return strings.HasPrefix(name, "content-") || strings.HasPrefix(name, "resent-") || strings.HasPrefix(name, "arc-") ||
		slices.Contains([]string{
			"from", "sender", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version",
			"return-path", "received", "delivered-to", "dkim-signature", "authentication-results",
			"user-agent", "x-mailer",
		}, name)
}

// checkValue refuses control characters, and words outside ASCII where no
// encoded word is allowed: within angle brackets.
func checkValue(value string) error {
	inside := false
	for _, r := range value {
		switch {
		case isControl(r):
			return errors.New("holds a control character")
		case r == '<':
			inside = true
		case r == '>':
			inside = false
		case inside && r >= utf8.RuneSelf:
			return fmt.Errorf("contains %q within angle brackets; write it in ASCII (percent-encoded, A-labels)", r)
		}
	}
	return nil
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// maxWord keeps an encoded word on the line of its field's name, where the
// longest such name is "Subject".
const maxWord = 63

// encodeWords writes the words that need it, and those between them, as RFC 2047
// encoded words. Words before the first and after the last stay readable.
func encodeWords(s string, needsIt func(word string) bool) string {
	words := strings.Split(s, " ")
	first := slices.IndexFunc(words, needsIt)
	if first < 0 {
		return s
	}
	last := len(words) - 1
	for !needsIt(words[last]) {
		last--
	}
	// An empty word is a blank too many: it is kept with its neighbour.
	if words[first] == "" && first > 0 {
		first--
	}
	if words[last] == "" && last < len(words)-1 {
		last++
	}
	encoded := encodeQ(strings.Join(words[first:last+1], " "))
	return strings.Join(slices.Concat(words[:first], []string{encoded}, words[last+1:]), " ")
}

// inSubject picks what a subject can't hold as it is: letters outside ASCII,
// runs of blanks, which folding would lose, words that look encoded, and words
// too long for a line.
func inSubject(word string) bool {
	return word == "" || len(word) > maxWord || looksEncoded(word) ||
		strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// inField picks what one of a message's own fields can't hold. Most such fields
// are structured: a long URL must stay as it is.
func inField(word string) bool {
	outside, _, _ := strings.Cut(word, "<")
	return !isASCII(word) || looksEncoded(outside)
}

// encodeQ is the Q encoding with only what is safe everywhere left as it is,
// also in a phrase (RFC 2047, section 5, rule 3). Each word holds whole runes.
func encodeQ(s string) string {
	const prefix, suffix = "=?utf-8?q?", "?="
	var out strings.Builder
	room := 0
	for _, r := range s {
		token := string(r)
		switch {
		case r == ' ':
			token = "_"
		case r >= utf8.RuneSelf || !isAlphanumeric(byte(r)) && !strings.ContainsRune("!*+-/", r):
			token = ""
			for _, octet := range []byte(string(r)) {
				token += fmt.Sprintf("=%02X", octet)
			}
		}
		if len(token) > room {
			if out.Len() > 0 {
				out.WriteString(suffix + " ")
			}
			out.WriteString(prefix)
			room = maxWord - len(prefix) - len(suffix)
		}
		out.WriteString(token)
		room -= len(token)
	}
	return out.String() + suffix
}

// layOut puts the header fields of a rendered message into their final form. A
// message's own fields and the Message-ID are on one line each: relays are known
// to break signatures over a List-Unsubscribe that is folded after its name (between
// its two addresses it may be), and people search for the line that has a Message-ID. Subject and addresses are
// folded as usual, though not before the first word, and so is whatever has
// encoded words. The boundary parameter, which may hold '=', is quoted. named are
// the fields whose address has a name that is written otherwise than usual.
func layOut(message []byte, boundary string, named map[string]string) ([]byte, error) {
	header, body, found := bytes.Cut(message, []byte("\r\n\r\n"))
	if !found {
		return nil, errors.New("the message has no body")
	}
	out := make([]byte, 0, len(message)+2)
	for field := range fields(header) {
		name, _, _ := bytes.Cut(field, []byte(":"))
		text, isNamed := named[string(name)]
		switch {
		case isNamed:
			field = appendFoldedField(nil, string(name)+": "+text)
		case string(name) == "Content-Type":
			field = bytes.Replace(field, []byte("boundary="+boundary), []byte(`boundary="`+boundary+`"`), 1)
		case bytes.Contains(field, []byte("=?")):
		case slices.Contains([]string{"Subject", "From", "To", "Reply-To"}, string(name)):
			field = bytes.Replace(field, []byte(":\r\n "), []byte(": "), 1)
		default:
			field = bytes.ReplaceAll(field, []byte("\r\n"), nil)
			if string(name) == "List-Unsubscribe" {
				field = bytes.Replace(field, []byte(">, <"), []byte(">,\r\n <"), 1)
			}
		}
		for line := range bytes.SplitSeq(field, []byte("\r\n")) {
			if len(line) > maxLine {
				return nil, fmt.Errorf("%s: a line of %d bytes; the limit is %d", name, len(line), maxLine)
			}
		}
		out = append(append(out, field...), "\r\n"...)
	}
	return append(append(out, "\r\n"...), body...), nil
}

// fields yields header fields, each with its continuation lines.
func fields(header []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(header) > 0 {
			end := 0
			for {
				next := bytes.Index(header[end:], []byte("\r\n"))
				if next < 0 {
					yield(header)
					return
				}
				end += next
				if end+2 >= len(header) || header[end+2] != ' ' && header[end+2] != '\t' {
					break
				}
				end += 2
			}
			if !yield(header[:end]) {
				return
			}
			header = header[end+2:]
		}
	}
}
