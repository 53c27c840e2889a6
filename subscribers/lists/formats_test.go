package lists_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

func TestForeignStatusesAreMailedOnlyForCertain(t *testing.T) {
	const (
		mailchimpHead = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,"
		listmonkHead  = "uuid,email,name,attributes,status,created_at,updated_at\n"
		listmonkRow   = "5f0c,r@example.com,Reader,\"{\"\"a\"\": 1}\",%s,2024-03-01 10:00:00.1234 +0000 UTC,2024-03-01 10:00:00 +0530 IST\n"
		buttondown    = "email,notes,metadata,tags,creation_date,source,subscriber_type\nr@example.com,,{},,2023-05-01T12:00:00Z,organic,"
		ghost         = "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n1,r@example.com,Reader,,"
	)
	subscribed := mailchimpHead + "LAST_CHANGED,LEID,EUID,NOTES,TAGS\nr@example.com,Reader,One,2,,,%s,,,1,e,,\n"
	unsubscribed := mailchimpHead + "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS\nr@example.com,Reader,One,2,,,2024-01-01 09:05:00,,2024-02-03 10:00:00,,,%s,,1,e,,\n"
	cleaned := mailchimpHead + "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS\nr@example.com,Reader,One,2,,,2024-01-01 09:05:00,,2024-02-03 10:00:00,Spring,,1,e,,\n"
	vouched := lists.Options{Vouched: true}
	named := func(name string) lists.Options { return lists.Options{Name: name} }
	for _, test := range []struct {
		name, text string
		options    lists.Options
		want       string // status, cause
	}{
		{"listmonk, enabled", listmonkHead + fmt.Sprintf(listmonkRow, "enabled"), lists.Options{}, "pending"},
		{"listmonk, enabled, vouched for", listmonkHead + fmt.Sprintf(listmonkRow, "enabled"), vouched, "confirmed"},
		{"listmonk, disabled", listmonkHead + fmt.Sprintf(listmonkRow, "disabled"), vouched, "unsubscribed"},
		{"listmonk, blocklisted", listmonkHead + fmt.Sprintf(listmonkRow, "blocklisted"), vouched, "suppressed staff"},
		{"listmonk, unconfirmed", "uuid,email,attributes,status,subscription_status\n1,r@example.com,{},enabled,unconfirmed\n", vouched, "pending"},
		{"listmonk, confirmed", "uuid,email,attributes,status,subscription_status\n1,r@example.com,{},enabled,confirmed\n", lists.Options{}, "confirmed"},
		{"listmonk, something else", listmonkHead + fmt.Sprintf(listmonkRow, "active"), vouched, "unknown status"},
		{"Mailchimp, subscribed by name", fmt.Sprintf(subscribed, ""), named("dir/subscribed_members_export_1.csv"), "confirmed"},
		{"Mailchimp, not subscribed by name", fmt.Sprintf(subscribed, "2024-01-01 09:05:00"), named("nonsubscribed_email_audience_export_1.csv"), "pending"},
		{"Mailchimp, confirmed", fmt.Sprintf(subscribed, "2024-01-01 09:05:00"), named("list.csv"), "confirmed"},
		{"Mailchimp, neither", fmt.Sprintf(subscribed, ""), named("list.csv"), "pending"},
		{"Mailchimp, neither, vouched for", fmt.Sprintf(subscribed, ""), vouched, "confirmed"},
		{"Mailchimp, unsubscribed", fmt.Sprintf(unsubscribed, "NORMAL"), vouched, "unsubscribed"},
		{"Mailchimp, unsubscribed by name", fmt.Sprintf(subscribed, "2024-01-01 09:05:00"), named("unsubscribed_members_export_1.csv"), "unsubscribed"},
		{"Mailchimp, complained", fmt.Sprintf(unsubscribed, "ABUSE"), vouched, "suppressed complaint"},
		{"Mailchimp, cleaned", cleaned, vouched, "suppressed bounce"},
		{"Buttondown, regular", buttondown + "regular\n", lists.Options{}, "confirmed"},
		{"Buttondown, past due", buttondown + "past due\n", lists.Options{}, "confirmed"},
		{"Buttondown, unactivated", buttondown + "unactivated\n", vouched, "pending"},
		{"Buttondown, unsubscribed", buttondown + "unsubscribed\n", vouched, "unsubscribed"},
		{"Buttondown, removed", buttondown + "removed\n", vouched, "suppressed staff"},
		{"Buttondown, spammy", buttondown + "spammy\n", vouched, "suppressed staff"},
		{"Buttondown, of today", "id,email_address,type,creation_date,undeliverability_reason\n1,r@example.com,undeliverable,2023-05-01T12:00:00Z,mailbox gone\n", vouched, "suppressed bounce"},
		{"Buttondown, something else", buttondown + "vip\n", vouched, "unknown type"},
		{"Ghost, subscribed", ghost + "true,false,,2018-12-25T20:43:22.178Z,,,\n", lists.Options{}, "confirmed"},
		{"Ghost, not subscribed", ghost + "false,false,,2018-12-25T20:43:22.178Z,,,\n", vouched, "unsubscribed"},
		{"Ghost, deleted", ghost + "true,false,,2018-12-25T20:43:22.178Z,2019-01-01T00:00:00.000Z,,\n", vouched, "unsubscribed"},
		{"Ghost, not said", ghost + ",,,,,,\n", vouched, "pending"},
	} {
		rows, faults, err := readNamed(t, test.text, test.options)
		if err != nil || len(rows)+len(faults) != 1 {
			t.Errorf("%s: %d rows, %q, %v", test.name, len(rows), faults, err)
			continue
		}
		if len(faults) == 1 {
			if !strings.Contains(faults[0], test.want) {
				t.Errorf("%s: %s", test.name, faults[0])
			}
			continue
		}
		r := rows[0]
		if got := strings.TrimSpace(string(r.Status) + " " + string(r.Cause)); got != test.want || r.Evidence == "" || !strings.HasPrefix(strings.ToLower(test.name), r.Source) {
			t.Errorf("%s: %s, %+v", test.name, got, r)
		}
		if r.Source == "mailchimp" && (r.Name != "Reader One" || r.Status == subscribers.Unsubscribed && r.UnsubscribedAt.IsZero() && strings.Contains(test.text, "UNSUB_TIME")) {
			t.Errorf("%s: %+v", test.name, r)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	confirmed := time.Date(2026, 3, 16, 9, 0, 0, 123e6, time.UTC)
	var want []subscribers.Subscriber
	for i, name := range []string{"", "=HYPERLINK(\"x\")", "'=x", "-1", "@home", "a, \"b\"; c", "'s Gravenhage", "Ä 🙂", "{", "+1"} {
		email := fmt.Sprintf("%so'%d+x@example.com", []string{"=", "+", "-", "'=", ""}[i%5], i)
		a, err := subscribers.ParseAddress(email)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, subscribers.Subscriber{Address: a, Name: name, Status: subscribers.Statuses[i%4], Cadence: subscribers.Cadences[i%4], Categories: []string{"architecture", "leadership"}[:1+i%2], ConfirmedAt: confirmed, Source: name})
	}
	want[0].ConfirmedAt, want[0].Source = time.Time{}, "form"
	var file bytes.Buffer
	w, err := lists.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range want {
		if err := w.Write(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(file.String()) {
		if strings.ContainsAny(line[:1], "=+-@") {
			t.Errorf("a spreadsheet calculates %s", line)
		}
	}
	rows, faults, err := readAll(t, file.String())
	if err != nil || len(faults) > 0 || len(rows) != len(want) {
		t.Fatalf("%d rows, %q, %v", len(rows), faults, err)
	}
	for i, r := range rows {
		s := want[i]
		if r.Address != s.Address || r.Name != s.Name || r.Status != s.Status || r.Cadence != s.Cadence || fmt.Sprint(r.Categories) != fmt.Sprint(s.Categories) || !r.ConfirmedAt.Equal(s.ConfirmedAt) || r.Source != s.Source {
			t.Errorf("%+v\nis read as %+v", s, r)
		}
	}
}
