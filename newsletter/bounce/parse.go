package bounce

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// ErrNoMessage means that what was read has no header.
var ErrNoMessage = errors.New("not an email message")

// Parse reads one message, however badly it is made. It returns an error only if r
// fails or the input is not a message. It reads up to 1 MiB, and of that
// 50 parts and 10 levels of MIME; the rest is passed over.
func Parse(r io.Reader) (Report, error) {
	raw, err := io.ReadAll(io.LimitReader(r, rfc5322.MaxSize))
	if err != nil {
		return Report{}, fmt.Errorf("read message: %w", err)
	}
	head, parts, ok := rfc5322.Parse(raw)
	if !ok {
		return Report{}, ErrNoMessage
	}
	m := incoming{head: head, subject: strings.ToLower(rfc5322.OneLine(rfc5322.DecodeHeader(head.Get("Subject"))))}
	m.sort(parts)

	report := Report{Kind: Other, said: strings.ToLower(m.said)}
	switch {
	case m.feedback != nil:
		m.readFeedback(&report)
	case m.status != nil:
		m.readStatus(&report)
	case m.original.Get("X-Hmxmroriginalrecipient") != "":
		// Outlook.com's programme for senders wraps the message and says no more.
		report.Kind, report.Feedback = Complaint, "abuse"
		report.OriginalTo = bareAddress(m.original.Get("X-Hmxmroriginalrecipient"))
	case m.isAutoReply():
		report.Kind = AutoReply
	case m.isBounce():
		m.readHuman(&report)
	case strings.Trim(m.subject, " .!") == "unsubscribe":
		report.Kind = Unsubscribe
	}
	m.identify(&report)
	if report.Text == "" {
		report.Text = rfc5322.OneLine(firstNonEmpty(m.said, rfc5322.DecodeHeader(head.Get("Subject"))))
	}
	return report, nil
}

// incoming is a message, its leaves sorted by what they are for.
type incoming struct {
	head     rfc5322.Header
	subject  string         // lower case
	status   []byte         // message/delivery-status
	feedback []byte         // message/feedback-report
	original rfc5322.Header // of the message that came back
	said     string         // to people, without what follows of the message that came back

	looked     int         // octets of said that around has returned
	paragraphs [][2]string // of said, as they are and in lower case; see around
}

func (m *incoming) sort(parts []rfc5322.Part) {
	var plain, page string
	for _, p := range parts {
		switch p.Type {
		case "message/delivery-status", "message/global-delivery-status":
			if m.status == nil {
				m.status = p.Body
			}
		case "message/feedback-report":
			m.feedback = p.Body
		case "message/rfc822", "message/global", "message/partial", "text/rfc822",
			"text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
			if m.original == nil {
				m.original, _ = rfc5322.ParseHeader(p.Body)
			}
		case "text/plain", "text", "plain/text":
			if len(plain) < maxSaid {
				plain += rfc5322.ToUTF8(p.Params["charset"], cut(p.Body, maxSaid)) + "\n"
			}
		case "text/html":
			if page == "" {
				page = fromHTML(rfc5322.ToUTF8(p.Params["charset"], cut(p.Body, 4*maxSaid)))
			}
		}
	}
	whole := plain
	if strings.TrimSpace(plain) == "" {
		whole = page
	}
	m.said = whole
	if m.status == nil && m.feedback == nil {
		m.status = statusAmong(whole)
	}
	if m.feedback == nil {
		var rest string
		m.said, rest = splitOriginal(whole)
		if m.original == nil && rest != "" {
			m.original = headerAmong(rest)
		}
	}
}

const maxSaid = 64 << 10 // octets of text that are looked at

// cut cuts at a limit, wherever that falls: what is read from it is words.
func cut[T string | []byte](s T, limit int) T { return s[:min(len(s), limit)] }

// readFeedback reads a report in the Abuse Reporting Format (RFC 5965).
func (m *incoming) readFeedback(r *Report) {
	fields, _ := rfc5322.ParseHeader(m.feedback)
	r.Feedback = firstWord(strings.ToLower(fields.Get("Feedback-Type")))
	switch r.Feedback {
	case "abuse", "fraud":
		r.Kind = Complaint
	case "opt-out", "opt-out-list", "unsubscribe":
		r.Kind = Unsubscribe
	}
	for _, name := range []string{"Original-Rcpt-To", "Removal-Recipient"} {
		for _, value := range fields.Values(name) {
			if a := typedAddress(value); a != "" && len(r.Recipients) < maxRecipients {
				r.Recipients = append(r.Recipients, Recipient{Address: a})
				r.OriginalTo = firstNonEmpty(r.OriginalTo, a)
			}
		}
	}
	r.To = appendAddress(r.To, bareAddress(fields.Get("Original-Mail-From")))
}

// readStatus reads a delivery status notification (RFC 3464).
func (m *incoming) readStatus(r *Report) {
	whole, all := deliveryStatus(m.status)
	r.MessageID = messageID(firstNonEmpty(whole.Get("X-Original-Message-Id"), whole.Get("Original-Message-Id")))
	if len(all) == 0 {
		m.readHuman(r)
		return
	}
	r.Kind = Delivered
	for i := range all {
		m.classifyRecipient(&all[i], len(all) == 1)
		kind := Failure
		switch all[i].Action {
		case "delayed":
			kind = Delay
		case "delivered", "relayed", "expanded", "deliverable":
			kind = Delivered
		}
		if kind == Failure || kind == Delay && r.Kind == Delivered {
			r.Kind = kind
		}
		if all[i].Class.weight() > r.Class.weight() {
			r.Class, r.Text = all[i].Class, all[i].Diagnostic
		}
		if r.Text == "" {
			r.Text = all[i].Diagnostic
		}
	}
	r.Recipients = all
	if r.Text == "" {
		r.Text = m.quoted()
	}
}

// classifyRecipient fills in what the fields of a recipient leave to be read from the
// diagnostic, and from what is said to people where that speaks of this one alone.
func (m *incoming) classifyRecipient(r *Recipient, alone bool) {
	if r.Action == "" {
		r.Action = "failed"
		switch {
		case strings.HasPrefix(r.Status, "2."):
			r.Action = "delivered"
		case strings.Contains(m.subject, "delay"):
			r.Action = "delayed"
		}
	}
	switch r.Action {
	case "delayed", "delivered", "relayed", "expanded", "deliverable":
		r.Code, _ = numbers(0, r.Status, r.Diagnostic)
		return
	}
	if strings.Trim(r.Diagnostic, "0123456789") == "" {
		r.Diagnostic = "" // the exit status of a program
	}
	said := m.said
	if !alone {
		said = m.around(r.Address)
	}
	stage := refusedStage(said)
	class, sure := Reply{Status: r.Status, Text: r.Diagnostic, Stage: stage, To: r.Address}.classify()
	r.Code, _ = numbers(0, r.Status, r.Diagnostic)
	if sure < numbered {
		if other, words, how := classifyText(said, stage, r.Address); how > sure {
			class, sure = other, how
			if r.Diagnostic == "" {
				r.Diagnostic = rfc5322.OneLine(words)
			}
		}
	}
	if sure < numbered {
		if other, _, how := classifyWhole(m.subject, UnknownStage, ""); how == stated {
			class = other
		}
	}
	// The status of a failure is never the 2.x.x that some write there.
	if class == None {
		class = Soft
	}
	r.Class = class
}

// isAutoReply reports whether a machine answers for a person (RFC 3834).
func (m *incoming) isAutoReply() bool {
	if m.head.Get("X-Failed-Recipients") != "" {
		return false
	}
	if slices.ContainsFunc(absent, func(start string) bool { return strings.HasPrefix(m.subject, start) }) {
		return true
	}
	if m.fromMachine() || m.bounceSubject() {
		return false
	}
	if strings.HasPrefix(strings.ToLower(m.head.Get("Auto-Submitted")), "auto-replied") {
		return true
	}
	fields := []string{"X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Autoreply-From", "X-Mail-Autoreply", "X-Autogenerated"}
	if slices.ContainsFunc(fields, func(name string) bool { return m.head.Get(name) != "" }) {
		return true
	}
	return containsAny(strings.ToLower(m.head.Get("Precedence")+m.head.Get("X-Precedence")), []string{"auto_reply", "auto-reply"})
}

// identify finds what tells which message came back.
func (m *incoming) identify(r *Report) {
	r.To = m.addressed(r.To, "To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "X-Rcpt-To", "Apparently-To")
	for _, name := range []string{"Return-Path", "X-Envelope-From", "Errors-To"} {
		r.To = appendAddress(r.To, bareAddress(m.original.Get(name)))
	}
	r.MessageID = firstNonEmpty(r.MessageID, messageID(m.original.Get("Message-Id")), messageID(m.head.Get("In-Reply-To")), messageID(m.head.Get("References")))
	if r.OriginalTo == "" {
		if to := addressList(m.original.Get("To")); len(to) > 0 {
			r.OriginalTo = to[0]
		}
	}
}

// addressed appends the addresses in some fields of the header.
func (m *incoming) addressed(all []string, names ...string) []string {
	for _, name := range names {
		for _, value := range m.head.Values(name) {
			for _, a := range addressList(value) {
				all = appendAddress(all, a)
			}
		}
	}
	return all
}

const maxTo = 50

func appendAddress(all []string, a string) []string {
	if a == "" || len(all) >= maxTo || slices.Contains(all, a) {
		return all
	}
	return append(all, a)
}

// messageID is the last one in a field, without its brackets.
func messageID(s string) string {
	if end := strings.LastIndexByte(s, '>'); end > 0 {
		if at := strings.LastIndexByte(s[:end], '<'); at >= 0 {
			return rfc5322.OneLine(s[at+1 : end])
		}
	}
	s = strings.TrimSpace(s)
	if strings.ContainsAny(s, " \t") || !strings.Contains(s, "@") {
		return ""
	}
	return rfc5322.OneLine(s)
}

func firstNonEmpty(all ...string) string {
	for _, s := range all {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}
