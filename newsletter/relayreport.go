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
	Kind       bounce.Kind
	ReturnPath string // of the mail; with "" it is found by MessageID
	MessageID  string
	Class      bounce.Class // of a Failure; None = by what follows
	Code       int          // of the SMTP reply, 0 = none
	Status     string       // RFC 3463
	Text       string
}

// ErrReport says that a report is not enough to act on. Its error is fit to be shown.
var ErrReport = errors.New("the report can't be used")

// Reported acts on what a relay reports, as Receive does on what comes by mail.
// ErrReport; ErrNotOurs: nothing is known of the mail. Any other error is the store's,
// and the relay should report again.
func (r *Returns) Reported(ctx context.Context, report RelayReport) (did string, err error) {
	if report.Kind == bounce.Failure && report.Class == bounce.None && report.Code == 0 && report.Status == "" && report.Text == "" {
		return "", fmt.Errorf("%w: a bounce has a class, or a code, status or text that tells it", ErrReport)
	}
	var to []string
	if report.ReturnPath != "" {
		to = append(to, report.ReturnPath)
	}
	refs, err := r.mailsOf(ctx, to, bounce.Report{MessageID: strings.Trim(report.MessageID, "<> ")})
	if err != nil {
		return "", err
	}
	class := report.Class
	if report.Kind == bounce.Failure && class == bounce.None {
		class = bounce.Classify(report.Code, report.Status, report.Text)
	}
	sum := sha256.Sum256([]byte(report.ID))
	return r.act(ctx, Bounce{
		At: time.Now(), Ref: refs[0], Kind: report.Kind, Code: report.Code, Status: report.Status, Text: oneLine(report.Text),
		Class: class, Hash: "r" + hex.EncodeToString(sum[:16]),
	}, "spam")
}
