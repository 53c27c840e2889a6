package newsletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// RelayReport is what a relay reports about an email that it accepted from us. It is
// trusted: the caller has authenticated the relay.
type RelayReport struct {
	ID         string // identifies repeats
	Type       string // bounce, complaint, unsubscribe; others are ignored
	ReturnPath string // of the email; "" = it is found by MessageID
	MessageID  string
	Class      string // of a bounce: hard, soft, blocked; "" = by the fields below
	Code       int    // of the SMTP reply, 0 = none
	Status     string // RFC 3463
	Text       string
}

// ErrReport says that a report can't be acted on. Its text is fit to be shown.
var ErrReport = errors.New("the report can't be used")

// HandleWebhook acts on a relay's report, as HandleMessage does on a message. ErrReport;
// ErrNotOurs: it is not about an email that we sent. After any other error, which is the
// store's, the relay should report again.
func (r *Feedback) HandleWebhook(ctx context.Context, report RelayReport) (did string, err error) {
	sum := sha256.Sum256([]byte(report.ID))
	b := Bounce{At: time.Now(), Code: report.Code, Status: report.Status, Text: oneLine(report.Text), Hash: "r" + hex.EncodeToString(sum[:16])}
	switch report.Type {
	case "bounce":
		b.Kind = bounce.Failure
		if b.Class, err = report.class(); err != nil {
			return "", err
		}
	case "complaint":
		b.Kind = bounce.Complaint
	case "unsubscribe":
		b.Kind = bounce.Unsubscribe
	default:
		return "nothing to do: its type is not bounce, complaint or unsubscribe", nil
	}
	var to []string
	if report.ReturnPath != "" {
		to = append(to, report.ReturnPath)
	}
	refs, _, err := r.refsOf(ctx, to, bounce.Report{MessageID: strings.Trim(report.MessageID, "<> ")})
	if err != nil {
		return "", err
	}
	b.Ref, b.proven = refs[0], true // it is our relay that says so
	return r.act(ctx, b, &bounce.Report{Feedback: "spam"})
}

// class returns the class of a bounce, given by the relay or derived from the mail
// server's answer.
func (report RelayReport) class() (bounce.Class, error) {
	switch class := bounce.Class(report.Class); class {
	case bounce.Hard, bounce.Soft, bounce.Blocked:
		if (bounce.Reply{Code: report.Code, Status: report.Status, Text: report.Text}).AboutSender() {
			return bounce.Blocked, nil // whatever the relay makes of it
		}
		return class, nil
	case bounce.None:
	default:
		return bounce.None, fmt.Errorf("%w: class must be hard, soft or blocked", ErrReport)
	}
	if report.Code == 0 && report.Status == "" && report.Text == "" {
		return bounce.None, fmt.Errorf("%w: a bounce needs a class, or a code, status or text to derive it from", ErrReport)
	}
	return bounce.Classify(report.Code, report.Status, report.Text), nil
}
