package lists

import (
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// barring are columns in which other systems say that somebody may not be emailed,
// whatever their other columns say.
var barring = []struct {
	name   string
	status subscribers.Status
	cause  subscribers.Cause
}{
	{"email_disabled", subscribers.Suppressed, subscribers.BlockedHere},
	{"do_not_email", subscribers.Suppressed, subscribers.BlockedHere},
	{"do_not_contact", subscribers.Suppressed, subscribers.BlockedHere},
	{"do_not_mail", subscribers.Suppressed, subscribers.BlockedHere},
	{"blocked", subscribers.Suppressed, subscribers.BlockedHere},
	{"blocklisted", subscribers.Suppressed, subscribers.BlockedHere},
	{"blacklisted", subscribers.Suppressed, subscribers.BlockedHere},
	{"suppressed", subscribers.Suppressed, subscribers.BlockedHere},
	{"bounced", subscribers.Suppressed, subscribers.Bounced},
	{"hard_bounced", subscribers.Suppressed, subscribers.Bounced},
	{"email_bounced", subscribers.Suppressed, subscribers.Bounced},
	{"undeliverable", subscribers.Suppressed, subscribers.Bounced},
	{"complained", subscribers.Suppressed, subscribers.Complained},
	{"spam_complaint", subscribers.Suppressed, subscribers.Complained},
	{"marked_as_spam", subscribers.Suppressed, subscribers.Complained},
	{"opted_out", subscribers.Unsubscribed, ""},
	{"opt_out", subscribers.Unsubscribed, ""},
	{"email_opt_out", subscribers.Unsubscribed, ""},
	{"has_opted_out_of_email", subscribers.Unsubscribed, ""},
	{"unsubscribed", subscribers.Unsubscribed, ""},
}

func bars(name string) bool {
	for _, b := range barring {
		if b.name == name {
			return true
		}
	}
	return false
}

// denials are what such a column has for those who may be emailed.
var denials = []string{"", "false", "0", "no", "n", "f", "off", "none", "null", "never", "nein", "non"}

// bar makes a row as strict as the strictest of its columns that bar emails. In doubt
// one does.
func (row *Row) bar(field func(string) string) {
	for _, b := range barring {
		value := strings.ToLower(field(b.name))
		if slices.Contains(denials, value) {
			continue
		}
		said := b.name + " " + value
		if !strings.Contains(row.Evidence, said) {
			if row.Evidence != "" {
				row.Evidence += ", "
			}
			row.Evidence += said
		}
		switch {
		case b.status == subscribers.Suppressed && (row.Status != subscribers.Suppressed || b.cause == subscribers.Complained):
			from := row.Source
			if from == "" || from == "import" {
				from = "the file"
			}
			row.as(b.status, b.cause, "not to be emailed: "+said+" in "+from)
		case row.Status == subscribers.Confirmed, row.Status == subscribers.Pending:
			row.as(b.status, b.cause, "")
		}
	}
}
