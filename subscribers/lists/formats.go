package lists

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/scaledbydesign/insights/subscribers"
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
//     sign up by a link in an email; false, and who was deleted, is unsubscribed.
//   - Substack (the CSV of subscribers): active_subscription with email_disabled or
//     expiry, or subscription_type with start_date. Readers need not confirm there, and
//     are pending unless they are vouched for.
//
// In any of them a column such as Ghost's email_disabled that says that somebody may not
// be emailed has the last word: see barring.
type Format struct {
	name    string
	columns []string          // that are used
	alias   map[string]string // other names of columns
	has     func(column func(string) bool) bool
	read    func(field func(string) string, o Options, row *Row) error
	doubt   func(o Options) string
}

// formats are tried in this order: those with columns that nobody else has come first.
var formats = []*Format{&mailchimp, &ghost, &substack, &buttondown, &listmonk, &own}

func formatOf(c *csvRows) (*Format, error) {
	for _, f := range formats {
		has := func(name string) bool { return c.has(name) || f.alias != nil && c.hasAs(f.alias, name) }
		switch {
		case !f.has(has), f == &own && !c.has("status"):
		case f == &mailchimp:
			c.rename(f.alias)
			return newMailchimp(c.has), nil
		default:
			return f, nil
		}
	}
	missing := "email"
	if c.has("email") {
		missing = "status"
	}
	return nil, fmt.Errorf("line 1: missing column %q; the first line must look like email,status,cadence,categories, or is an export of listmonk, Mailchimp, Buttondown, Ghost or Substack", missing)
}

var own = Format{
	columns: []string{"email", "status", "cadence", "categories", "name", "confirmed_at", "source", "reason", "cause", "unsubscribed_at"},
	has:     func(column func(string) bool) bool { return column("email") },
	read:    readOwn,
}

func readOwn(field func(string) string, _ Options, row *Row) (err error) {
	row.Email = fromSpreadsheet(field("email"))
	row.Name, row.Reason = fromSpreadsheet(field("name")), fromSpreadsheet(field("reason"))
	row.Source = cmp.Or(fromSpreadsheet(field("source")), "import")
	if row.Address, err = subscribers.ReadAddress(row.Email); err != nil {
		return err
	}
	if row.Status, err = subscribers.ParseStatus(field("status")); err != nil {
		return err
	}
	if row.Cadence, err = subscribers.ParseCadence(cmp.Or(field("cadence"), string(subscribers.Weekly))); err != nil {
		return err
	}
	if len(row.Source) > 100 || strings.ContainsFunc(row.Source, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }) {
		return errors.New("the source is longer than 100 bytes or contains a line break")
	}
	if row.Cause = subscribers.Cause(strings.ToLower(field("cause"))); row.Cause != "" && !slices.Contains(subscribers.Causes[:], row.Cause) {
		return fmt.Errorf("unknown cause %q: one of bounce, complaint, owner, staff", row.Cause)
	}
	row.Categories = strings.FieldsFunc(field("categories"), func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	if row.UnsubscribedAt, err = parseTime("unsubscribed_at", field("unsubscribed_at")); err != nil {
		return err
	}
	row.ConfirmedAt, err = parseTime("confirmed_at", field("confirmed_at"))
	return err
}
