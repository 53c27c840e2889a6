package lists

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// foreign fills what exports of others have in common.
func (row *Row) foreign(source, email, name, said string) (err error) {
	row.Email, row.Name, row.Source, row.Cadence, row.Evidence = email, name, source, subscribers.Weekly, source+": "+said
	row.Address, err = subscribers.ReadAddress(email)
	return err
}

// as sets what the other system's status is here.
func (row *Row) as(status subscribers.Status, cause subscribers.Cause, reason string) {
	row.Status, row.Cause, row.Reason = status, cause, reason
}

var listmonk = Format{
	name:    "listmonk",
	columns: []string{"email", "name", "status", "subscription_status", "created_at"},
	has: func(column func(string) bool) bool {
		return column("uuid") && column("attributes") && column("email") && column("status")
	},
	read: func(field func(string) string, o Options, row *Row) error {
		status, subscription := strings.ToLower(field("status")), strings.ToLower(field("subscription_status"))
		if err := row.foreign("listmonk", field("email"), field("name"), evidence("status", status, "subscription_status", subscription, "created_at", field("created_at"))); err != nil {
			return err
		}
		switch status {
		case "blocklisted", "blacklisted": // the older name
			row.as(subscribers.Suppressed, subscribers.BlockedHere, "blocklisted in listmonk")
		case "disabled":
			row.as(subscribers.Unsubscribed, "", "")
		case "enabled":
			switch {
			case subscription == "unsubscribed":
				row.as(subscribers.Unsubscribed, "", "")
			case subscription == "confirmed", subscription == "" && o.Vouched:
				row.as(subscribers.Confirmed, "", "")
			case subscription == "unconfirmed", subscription == "":
				row.as(subscribers.Pending, "", "")
			default:
				return fmt.Errorf("unknown subscription_status %q of listmonk: one of confirmed, unconfirmed, unsubscribed", subscription)
			}
		default:
			return fmt.Errorf("unknown status %q of listmonk: one of enabled, disabled, blocklisted", status)
		}
		return nil
	},
	doubt: func(o Options) string {
		if o.Vouched {
			return ""
		}
		return `listmonk's export does not say who confirmed: enabled readers are imported as pending; if all of them confirmed, say so with --basis "…"`
	},
}

var buttondown = Format{
	name: "buttondown",
	columns: []string{"email", "email_address", "subscriber_type", "type", "creation_date",
		"unsubscription_date", "unsubscription_reason", "undeliverability_reason"},
	has: func(column func(string) bool) bool {
		return (column("email") || column("email_address")) && (column("subscriber_type") || column("type") && column("creation_date"))
	},
	read: func(field func(string) string, o Options, row *Row) error {
		kind := strings.ToLower(cmp.Or(field("subscriber_type"), field("type")))
		said := evidence("type", kind, "creation_date", field("creation_date"), "unsubscription_date", field("unsubscription_date"), "unsubscription_reason", field("unsubscription_reason"))
		err := row.foreign("buttondown", cmp.Or(field("email_address"), field("email")), "", said)
		if err != nil {
			return err
		}
		if row.UnsubscribedAt, err = parseTime("unsubscription_date", field("unsubscription_date")); err != nil {
			return err
		}
		switch strings.ReplaceAll(kind, " ", "_") {
		case "regular", "premium", "trialed", "gifted", "churning", "paused", "past_due":
			row.as(subscribers.Confirmed, "", "")
		case "unactivated", "unpaid", "churned", "upcoming":
			row.as(subscribers.Pending, "", "")
		case "unsubscribed":
			row.as(subscribers.Unsubscribed, "", "")
		case "undeliverable":
			row.as(subscribers.Suppressed, subscribers.Bounced, strings.TrimSuffix("undeliverable at Buttondown: "+field("undeliverability_reason"), ": "))
		case "complained":
			row.as(subscribers.Suppressed, subscribers.Complained, "complained at Buttondown")
		case "removed", "spammy", "blocked", "disabled":
			row.as(subscribers.Suppressed, subscribers.BlockedHere, kind+" at Buttondown")
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
	read: func(field func(string) string, o Options, row *Row) error {
		subscribed := strings.ToLower(field("subscribed_to_emails"))
		said := evidence("subscribed_to_emails", subscribed, "created_at", field("created_at"), "deleted_at", field("deleted_at"))
		if err := row.foreign("ghost", field("email"), field("name"), said); err != nil {
			return err
		}
		switch {
		case field("deleted_at") != "", subscribed == "false", subscribed == "0":
			row.as(subscribers.Unsubscribed, "", "")
		case subscribed == "true", subscribed == "1":
			row.as(subscribers.Confirmed, "", "")
		case subscribed == "":
			row.as(subscribers.Pending, "", "")
		default:
			return fmt.Errorf("subscribed_to_emails is %q: true or false", subscribed)
		}
		return nil
	},
}

var substack = Format{
	name:    "substack",
	columns: []string{"email", "name", "active_subscription", "subscription_type", "type", "plan", "created_at", "start_date", "expiry", "cancel_date"},
	has: func(column func(string) bool) bool {
		return column("email") && (column("active_subscription") && (column("email_disabled") || column("expiry") || column("plan")) || column("subscription_type") && column("start_date") || column("bestseller"))
	},
	read: func(field func(string) string, o Options, row *Row) error {
		said := evidence("created_at", cmp.Or(field("created_at"), field("start_date")), "plan", cmp.Or(field("plan"), field("subscription_type"), field("type")))
		if err := row.foreign("substack", field("email"), field("name"), said); err != nil {
			return err
		}
		row.as(subscribers.Pending, "", "")
		if o.Vouched {
			row.as(subscribers.Confirmed, "", "")
		}
		return nil
	},
	doubt: func(o Options) string {
		if o.Vouched {
			return ""
		}
		return `readers need not confirm at Substack: they are imported as pending; if all of them may be emailed, say so with --basis "…"`
	},
}

// evidence says what stood in the file: "created_at 2026-03-16, status enabled".
func evidence(pairs ...string) string {
	var said []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			said = append(said, pairs[i]+" "+pairs[i+1])
		}
	}
	return strings.Join(said, ", ")
}
