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

// RelayReport is what a relay says of a mail that it took from here. It is believed:
// whoever passes one on has made sure that the relay wrote it.
type RelayReport struct {
	ID         string // tells the same one again
	Type       string // bounce, complaint, unsubscribe; of others nothing is made
	ReturnPath string // of the mail; with "" it is found by MessageID
	MessageID  string
	Class      string // of a bounce: hard, soft, blocked; "" = by what follows
	Code       int    // of the SMTP reply, 0 = none
	Status     string // RFC 3463
	Text       string
}

// ErrReport says that a report can't be acted on. Its error is fit to be shown.
var ErrReport = errors.New("the report can't be used")

// HandleWebhook acts on what a relay reports, as HandleMessage does on what comes by mail.
// ErrReport; ErrNotOurs: nothing is known of the mail. Any other error is the store's,
// and the relay should report again.
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
		return "nothing to do: its type is none of bounce, complaint, unsubscribe", nil
	}
	var to []string
	if report.ReturnPath != "" {
		to = append(to, report.ReturnPath)
	}
	refs, err := r.refsOf(ctx, to, bounce.Report{MessageID: strings.Trim(report.MessageID, "<> ")})
	if err != nil {
		return "", err
	}
	b.Ref = refs[0]
	return r.act(ctx, b, "spam")
}

// class is what a bounce means, by the relay's word, or by the mail server's.
func (report RelayReport) class() (bounce.Class, error) {
	switch class := bounce.Class(report.Class); class {
	case bounce.Hard, bounce.Soft, bounce.Blocked:
		return class, nil
	case bounce.None:
	default:
		return bounce.None, fmt.Errorf("%w: class is none of hard, soft, blocked", ErrReport)
	}
	if report.Code == 0 && report.Status == "" && report.Text == "" {
		return bounce.None, fmt.Errorf("%w: a bounce has a class, or a code, status or text that tells it", ErrReport)
	}
	return bounce.Classify(report.Code, report.Status, report.Text), nil
}
