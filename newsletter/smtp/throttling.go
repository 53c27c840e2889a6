package smtp

import (
	"regexp"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
)

var (
	fewerWords = regexp.MustCompile(`(?i)\brates?\b|rate-?limit|too (many|fast|quickly|much mail)|throttl|slow(er)? down`)

	// otherWords are about something that sending less does not fix: a connection
	// that has had its share of messages or of silence, a server on its way out, a
	// first delivery that is put off, a login.
	otherWords = regexp.MustCompile(`(?i)(this|per|one|a single) (smtp )?(connection|session)|idle|time-?out|timed out|shutting down|shutdown|gr[ea]ylist|\bTLS\b|authenticat`)
)

// asksForFewer reports whether a refusal for now asks for fewer messages at a time:
// by 454, which large relays answer with above their rate, by the enhanced status
// codes for limits and congestion (RFC 3463, and 4.7.28, an unusual rate, in
// wide use), or in words. What is said of one mailbox, 4.2.x, says nothing of the
// others.
func asksForFewer(o newsletter.Outcome) bool {
	if o.Code/100 != 4 || strings.HasPrefix(o.Status, "4.2.") || otherWords.MatchString(o.Text) {
		return false
	}
	switch o.Status {
	case "4.3.2", "4.4.5", "4.7.0", "4.7.28":
		return true
	}
	return o.Code == 454 || fewerWords.MatchString(o.Text)
}

// saysEnough reports whether a server that has taken messages in this session ends it
// for want of room for more, as far as its words tell.
func saysEnough(o newsletter.Outcome) bool {
	return o.Code == 421 && o.Status != "4.4.2" && !otherWords.MatchString(o.Text)
}
