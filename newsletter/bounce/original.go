package bounce

import (
	"regexp"
	"strings"
)

// copyBegins are words on a line after which servers write the mail that came back.
var copyBegins = []string{
	"below this line is", "this is a copy of", "is a copy of the message", "is a copy of your message", "a copy of the original", "is the original message", "original message follows", "original message header", "original message is", "original message below",
	"-- original message", "---original message", "returned message", "undelivered message", "unsent message", "message header follow", "message headers follow", "header of the original", "headers of the original", "headers of your", "mail header", "message text follows", "text of your message", "your original message", "your message follows", "included message", "enclosed message", "begin message", "received message", "start of returned", "start of message", "following is a copy", "content of the original", "beginning of the message",
	"ursprüngliche nachricht", "originalnachricht", "kopie der", "message original", "message d'origine", "mensaje original", "元のメール", "元のメッセージ", "原文",
}

var fieldLine = regexp.MustCompile(`^[ >|]*(?:Received: |Return-Path: ?<|From: |To: |Subject: |Date: |Message-I[dD]: |MIME-Version: |Delivered-To: |DKIM-Signature: |Content-Type: |X-[A-Za-z-]+: |Reply-To: |Sender: )`)

// splitOriginal cuts a text where the mail that came back begins.
func splitOriginal(text string) (said, original string) {
	at, fields := 0, 0
	start := 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		next := at + len(line)
		if fieldLine.MatchString(line) {
			if fields == 0 {
				start = at
			}
			if fields++; fields == 3 || fields == 1 && strings.HasPrefix(strings.TrimLeft(line, " >|"), "Re") && at > 0 && strings.Contains(line, "eceived: from") || fields == 1 && strings.Contains(line, "Return-Path: <") {
				return text[:start], text[start:]
			}
		} else if strings.TrimSpace(line) == "" || line[0] != ' ' && line[0] != '\t' {
			fields = 0
		}
		if len(line) < 160 && at > 0 {
			lower := strings.ToLower(line)
			for _, words := range copyBegins {
				if strings.Contains(lower, words) {
					return text[:at], text[next:]
				}
			}
		}
		at = next
	}
	return text, ""
}

// headerAmong finds the header of a mail within text: the first paragraph that is
// made of fields.
func headerAmong(text string) header {
	for range 5 {
		text = strings.TrimLeft(text, "\n \t->|")
		h, rest := readHeader([]byte(text))
		if len(h) >= 2 || h.get("Message-Id") != "" || len(rest) == 0 {
			return h
		}
		text = string(rest)
	}
	return nil
}
