package subscribers

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Format is whose columns a list has. Only what surely is consent becomes Confirmed.
//
//   - Our own: email and status. The only one that JSON may have.
//   - listmonk (subscribers.csv: uuid, email, name, attributes, status, …): uuid with
//     attributes. enabled, which does not say whether they confirmed, is pending
//     unless it is vouched for, or a column subscription_status says confirmed;
//     disabled is unsubscribed; blocklisted is suppressed.
//   - Mailchimp (the CSVs of an audience's export): two of MEMBER_RATING, OPTIN_TIME,
//     CONFIRM_TIME, LEID, EUID. The file's name, which begins with subscribed_,
//     unsubscribed_, cleaned_ or nonsubscribed_, or else a column UNSUB_TIME or
//     CLEAN_TIME tells the status. Cleaned, and unsubscribed with a complaint, is
//     suppressed; nonsubscribed, and what neither name nor CONFIRM_TIME tell, pending.
//   - Buttondown: subscriber_type, or type with creation_date. Types that are mailed
//     are confirmed, unactivated and those that would have to pay first are pending.
//   - Ghost (the members' CSV): subscribed_to_emails. true is confirmed, since members
//     sign up by a link in a mail; false, and who was deleted, is unsubscribed.
type Format struct {
	name    string
	columns []string // that are used
	has     func(column func(string) bool) bool
	read    func(field func(string) string, o ListOptions, row *Row) error
	doubt   func(o ListOptions) string
}

// formats are tried in this order: those with columns that nobody else has come first.
var formats = []*Format{&mailchimp, &ghost, &buttondown, &listmonk, &own}

func formatOf(c *csvRows) (*Format, error) {
	for _, f := range formats {
		switch {
		case !f.has(c.has), f == &own && !c.has("status"):
		case f == &mailchimp:
			return newMailchimp(c.has), nil
		default:
			return f, nil
		}
	}
	missing := "email"
	if c.has("email") {
		missing = "status"
	}
	return nil, fmt.Errorf("line 1: there is no column %q; it begins with a line such as email,status,cadence,categories, or is an export of listmonk, Mailchimp, Buttondown or Ghost", missing)
}

var own = Format{
	columns: []string{"email", "status", "cadence", "categories", "name", "confirmed_at", "source", "reason", "cause", "unsubscribed_at"},
	has:     func(column func(string) bool) bool { return column("email") },
	read:    readOwn,
}

func readOwn(field func(string) string, _ ListOptions, row *Row) (err error) {
	row.Email = fromSpreadsheet(field("email"))
	row.Name, row.Source, row.Reason = fromSpreadsheet(field("name")), fromSpreadsheet(field("source")), fromSpreadsheet(field("reason"))
	if row.Address, err = ParseAddress(row.Email); err != nil {
		return err
	}
	if row.Status, err = ParseStatus(field("status")); err != nil {
		return err
	}
	if row.Cadence = Weekly; field("cadence") != "" {
		if row.Cadence, err = ParseCadence(field("cadence")); err != nil {
			return err
		}
	}
	if row.Source == "" {
		row.Source = "import"
	}
	if len(row.Source) > 100 || strings.ContainsFunc(row.Source, breaks) {
		return errors.New("the source is longer than 100 bytes, or holds a line break")
	}
	if row.Cause = Cause(strings.ToLower(field("cause"))); row.Cause != "" && !slices.Contains(Causes[:], row.Cause) {
		return fmt.Errorf("unknown cause %q: one of bounce, complaint, owner, staff", row.Cause)
	}
	row.Categories = strings.FieldsFunc(field("categories"), func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	if row.UnsubscribedAt, err = parseTime("unsubscribed_at", field("unsubscribed_at")); err != nil {
		return err
	}
	row.ConfirmedAt, err = parseTime("confirmed_at", field("confirmed_at"))
	return err
}

// foreign fills what exports of others have in common.
func (row *Row) foreign(source, email, name, said string) (err error) {
	row.Email, row.Name, row.Source, row.Cadence, row.Evidence = email, name, source, Weekly, source+": "+said
	row.Address, err = ParseAddress(email)
	return err
}

// as sets what the other system's status is here.
func (row *Row) as(status Status, cause Cause, reason string) {
	row.Status, row.Cause, row.Reason = status, cause, reason
}

var listmonk = Format{
	name:    "listmonk",
	columns: []string{"email", "name", "status", "subscription_status", "created_at"},
	has: func(column func(string) bool) bool {
		return column("uuid") && column("attributes") && column("email") && column("status")
	},
	read: func(field func(string) string, o ListOptions, row *Row) error {
		status, subscription := strings.ToLower(field("status")), strings.ToLower(field("subscription_status"))
		if err := row.foreign("listmonk", field("email"), field("name"), words("status", status, "subscription_status", subscription, "created_at", field("created_at"))); err != nil {
			return err
		}
		switch status {
		case "blocklisted", "blacklisted": // the older name
			row.as(Suppressed, BlockedHere, "blocklisted in listmonk")
		case "disabled":
			row.as(Unsubscribed, "", "")
		case "enabled":
			switch {
			case subscription == "unsubscribed":
				row.as(Unsubscribed, "", "")
			case subscription == "unconfirmed":
				row.as(Pending, "", "")
			case subscription == "confirmed", subscription == "" && o.Vouched:
				row.as(Confirmed, "", "")
			case subscription == "":
				row.as(Pending, "", "")
			default:
				return fmt.Errorf("unknown subscription_status %q of listmonk: one of confirmed, unconfirmed, unsubscribed", subscription)
			}
		default:
			return fmt.Errorf("unknown status %q of listmonk: one of enabled, disabled, blocklisted", status)
		}
		return nil
	},
	doubt: func(o ListOptions) string {
		if o.Vouched {
			return ""
		}
		return `listmonk's export does not say who confirmed: who is enabled there comes in as pending; if all of them did, say so with --basis "…" and they are confirmed`
	},
}

var mailchimp = Format{
	name: "mailchimp",
	columns: []string{"email_address", "email", "first_name", "last_name", "name", "full_name", "optin_time", "confirm_time",
		"unsub_time", "unsub_reason", "clean_time", "clean_campaign_title"},
	has: func(column func(string) bool) bool {
		marks := 0
		for _, name := range []string{"member_rating", "optin_time", "confirm_time", "leid", "euid"} {
			if column(name) {
				marks++
			}
		}
		return marks >= 2 && (column("email_address") || column("email"))
	},
}

// mailchimpNames are how names of Mailchimp's files begin.
var mailchimpNames = []string{"subscribed", "unsubscribed", "cleaned", "nonsubscribed"}

func mailchimpName(file string) string {
	name, _, _ := strings.Cut(strings.ToLower(path.Base(strings.ReplaceAll(file, `\`, "/"))), "_")
	if slices.Contains(mailchimpNames, name) {
		return name
	}
	return ""
}

// newMailchimp knows which of the columns there are: of an export of unsubscribed
// readers all are, whatever their UNSUB_TIME.
func newMailchimp(column func(string) bool) *Format {
	f := mailchimp
	unsubscribed, cleaned := column("unsub_time") || column("unsub_reason"), column("clean_time")
	f.read = func(field func(string) string, o ListOptions, row *Row) error {
		name := first(strings.TrimSpace(field("first_name")+" "+field("last_name")), field("name"), field("full_name"))
		said := words("OPTIN_TIME", field("optin_time"), "CONFIRM_TIME", field("confirm_time"), "UNSUB_TIME", field("unsub_time"), "UNSUB_REASON", field("unsub_reason"), "CLEAN_TIME", field("clean_time"))
		err := row.foreign("mailchimp", first(field("email_address"), field("email")), name, said)
		if err != nil {
			return err
		}
		if row.ConfirmedAt, err = parseTime("CONFIRM_TIME", field("confirm_time")); err != nil {
			return err
		}
		if row.UnsubscribedAt, err = parseTime("UNSUB_TIME", field("unsub_time")); err != nil {
			return err
		}
		kind := mailchimpName(o.Name)
		switch {
		case complained(field("unsub_reason")):
			row.as(Suppressed, Complained, "complained at Mailchimp")
		case kind == "cleaned", field("clean_time") != "", kind == "" && cleaned && !unsubscribed:
			row.as(Suppressed, Bounced, strings.TrimSuffix("cleaned by Mailchimp: "+field("clean_campaign_title"), ": "))
		case kind == "unsubscribed", field("unsub_time") != "", field("unsub_reason") != "", kind == "" && unsubscribed && !cleaned:
			row.as(Unsubscribed, "", "")
		case kind == "nonsubscribed":
			row.as(Pending, "", "")
		case kind == "subscribed", !row.ConfirmedAt.IsZero(), o.Vouched:
			row.as(Confirmed, "", "")
		default:
			row.as(Pending, "", "")
		}
		return nil
	}
	f.doubt = func(o ListOptions) string {
		if mailchimpName(o.Name) != "" || unsubscribed || cleaned || o.Vouched {
			return ""
		}
		return "the file's name does not begin with subscribed_ or nonsubscribed_, as Mailchimp's do: who has no CONFIRM_TIME comes in as pending"
	}
	return &f
}

func complained(reason string) bool {
	reason = strings.ToLower(reason)
	return strings.Contains(reason, "abuse") || strings.Contains(reason, "spam") || strings.Contains(reason, "complain")
}

var buttondown = Format{
	name: "buttondown",
	columns: []string{"email", "email_address", "subscriber_type", "type", "creation_date",
		"unsubscription_date", "unsubscription_reason", "undeliverability_reason"},
	has: func(column func(string) bool) bool {
		return (column("email") || column("email_address")) && (column("subscriber_type") || column("type") && column("creation_date"))
	},
	read: func(field func(string) string, o ListOptions, row *Row) error {
		kind := strings.ToLower(first(field("subscriber_type"), field("type")))
		said := words("type", kind, "creation_date", field("creation_date"), "unsubscription_date", field("unsubscription_date"), "unsubscription_reason", field("unsubscription_reason"))
		err := row.foreign("buttondown", first(field("email_address"), field("email")), "", said)
		if err != nil {
			return err
		}
		if row.UnsubscribedAt, err = parseTime("unsubscription_date", field("unsubscription_date")); err != nil {
			return err
		}
		switch strings.ReplaceAll(kind, " ", "_") {
		case "regular", "premium", "trialed", "gifted", "churning", "paused", "past_due":
			row.as(Confirmed, "", "")
		case "unactivated", "unpaid", "churned", "upcoming":
			row.as(Pending, "", "")
		case "unsubscribed":
			row.as(Unsubscribed, "", "")
		case "undeliverable":
			row.as(Suppressed, Bounced, strings.TrimSuffix("undeliverable at Buttondown: "+field("undeliverability_reason"), ": "))
		case "complained":
			row.as(Suppressed, Complained, "complained at Buttondown")
		case "removed", "spammy", "blocked", "disabled":
			row.as(Suppressed, BlockedHere, kind+" at Buttondown")
		default:
			return fmt.Errorf("unknown type %q of Buttondown: such as regular, premium, unactivated, unsubscribed, undeliverable, removed", kind)
		}
		return nil
	},
}

var ghost = Format{
	name:    "ghost",
	columns: []string{"email", "name", "subscribed_to_emails", "created_at", "deleted_at"},
	has:     func(column func(string) bool) bool { return column("email") && column("subscribed_to_emails") },
	read: func(field func(string) string, o ListOptions, row *Row) error {
		subscribed := strings.ToLower(field("subscribed_to_emails"))
		said := words("subscribed_to_emails", subscribed, "created_at", field("created_at"), "deleted_at", field("deleted_at"))
		if err := row.foreign("ghost", field("email"), field("name"), said); err != nil {
			return err
		}
		switch {
		case field("deleted_at") != "", subscribed == "false", subscribed == "0":
			row.as(Unsubscribed, "", "")
		case subscribed == "true", subscribed == "1":
			row.as(Confirmed, "", "")
		case subscribed == "":
			row.as(Pending, "", "")
		default:
			return fmt.Errorf("subscribed_to_emails is %q: true or false", subscribed)
		}
		return nil
	},
}

// first is the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// words says what stood in the file: "created_at 2026-03-16, status enabled".
func words(pairs ...string) string {
	var said []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			said = append(said, pairs[i]+" "+pairs[i+1])
		}
	}
	return strings.Join(said, ", ")
}
