package bounce

import (
	"regexp"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// copyBegins are words on a line after which servers write the message that came back.
var copyBegins = []string{
	"below this line is", "this is a copy of", "is a copy of the message", "is a copy of your message",
	"a copy of the original", "is the original message", "original message follows", "original message header",
	"original message is", "original message below", "-- original message", "---original message",
	"returned message", "undelivered message", "unsent message", "message header follow",
	"message headers follow", "header of the original", "headers of the original", "headers of your",
	"mail header", "message text follows", "text of your message", "your original message",
	"your message follows", "included message", "enclosed message", "begin message", "received message",
	"start of returned", "start of message", "following is a copy", "content of the original",
	"beginning of the message", "ursprüngliche nachricht", "originalnachricht", "kopie der", "message original",
	"message d'origine", "mensaje original", "元のメール", "元のメッセージ", "原文",
}

// fieldLine begins a field that nearly every header has.
var fieldLine = regexp.MustCompile(`^[ >|]*(?:Received|Return-Path|From|To|Subject|Date|Message-I[dD]|MIME-Version|` +
	`Delivered-To|DKIM-Signature|Content-Type|X-[A-Za-z-]+|Reply-To|Sender): `)

// splitOriginal cuts a text where the message that came back begins: at a line that says
// so, at the first of three fields in a row, or at a field that only a header has.
func splitOriginal(text string) (said, original string) {
	at, start, fields := 0, 0, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		next := at + len(line)
		bare := strings.TrimLeft(line, " >|")
		switch {
		case copyFollows(line) && at > 0:
			return text[:at], text[next:]
		case fieldLine.MatchString(line):
			if fields++; fields == 1 {
				start = at
			}
			if fields == 3 || strings.HasPrefix(bare, "Return-Path: <") || strings.HasPrefix(bare, "Received: from ") {
				return text[:start], text[start:]
			}
		case strings.TrimSpace(line) == "" || line[0] != ' ' && line[0] != '\t':
			fields = 0
		}
		at = next
	}
	return text, ""
}

// copyFollows reports whether a line says that the message which came back follows. In a
// sentence it says something else of that message.
func copyFollows(line string) bool {
	line = strings.ToLower(strings.TrimSpace(line))
	if line == "" || len(line) > 120 {
		return false
	}
	if !strings.Contains("-=*#_~+", line[:1]) && line[len(line)-1] != ':' && !strings.Contains(line, "follow") {
		return false
	}
	return containsAny(line, copyBegins)
}

// headerAmong finds the header of a message within text: the first paragraph that is
// made of fields.
func headerAmong(text string) rfc5322.Header {
	for range 5 {
		text = strings.TrimLeft(text, "\n \t->|")
		h, rest := rfc5322.ParseHeader([]byte(text))
		ofTwoNames := slices.ContainsFunc(h, func(f rfc5322.Field) bool { return !strings.EqualFold(f.Name, h[0].Name) })
		if ofTwoNames || h.Get("Message-Id") != "" || len(rest) == 0 {
			return h
		}
		text = string(rest)
	}
	return nil
}
