package lists_test

import (
	"bytes"
	"encoding/csv"
	"errors"
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
		{"Ghost, barred", "id,email,subscribed_to_emails,email_disabled,created_at\n5,r@example.com,true,true,2024-01-01T00:00:00.000Z\n", vouched, "suppressed staff"},
		{"Ghost, barred by 1", "id,email,subscribed_to_emails,email_disabled\n5,r@example.com,true,1\n", lists.Options{}, "suppressed staff"},
		{"Ghost, unsubscribed and barred", "id,email,subscribed_to_emails,email_disabled\n5,r@example.com,false,yes\n", vouched, "suppressed staff"},
		{"Ghost, not barred", "id,email,subscribed_to_emails,email_disabled\n5,r@example.com,true,false\n", lists.Options{}, "confirmed"},
		{"Ghost, bounced", "id,email,subscribed_to_emails,bounced\n5,r@example.com,true,2024-01-01\n", lists.Options{}, "suppressed bounce"},
		{"listmonk, opted out elsewhere", "uuid,email,attributes,status,subscription_status,opted_out\n1,r@example.com,{},enabled,confirmed,TRUE\n", lists.Options{}, "unsubscribed"},
		{"Buttondown, complained", "email,creation_date,subscriber_type,spam_complaint\nr@example.com,2023-05-01T12:00:00Z,regular,true\n", lists.Options{}, "suppressed complaint"},
		{"Substack", "email,active_subscription,expiry,plan,email_disabled,created_at\nr@example.com,true,,other,false,2024-01-01T00:00:00.000Z\n", lists.Options{}, "pending"},
		{"Substack, vouched for", "email,active_subscription,expiry,plan,email_disabled,created_at\nr@example.com,false,,other,false,2024-01-01T00:00:00.000Z\n", vouched, "confirmed"},
		{"Substack, barred", "email,active_subscription,expiry,plan,email_disabled,created_at\nr@example.com,true,,other,true,2024-01-01T00:00:00.000Z\n", vouched, "suppressed staff"},
		{"Substack, of the table", "Email,Name,Subscription type,Start date\nr@example.com,Reader,free,2024-01-01\n", vouched, "confirmed"},
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

// TestNoValueIsAFormula writes names behind which programs find a formula, and reads them again.
func TestNoValueIsAFormula(t *testing.T) {
	for name, escaped := range map[string]bool{
		"=1": true, "+1": true, "-1": true, "@SUM(1)": true,
		"\ufeff=1": true, "\ufeff\ufeff@a": true, "\u200b=1": true, "\u2060+1": true, "\u00ad-1": true, "\u034f=1": true, "\ufe0f=1": true, "\u200e=1": true,
		"\u3000=1": true, "\u00a0=1": true, "\u3164=1": true,
		"＝1": true, "＋1": true, "－1": true, "＠a": true, "﹦1": true, "−1": true, "\ufeff＝1": true,
		"'=1": true, "'\ufeff'=1": true, "''": false, "'": false, "\ufeff": false, "\ufeffAda": false, "Ada =1": false, "a@b": false, "'s Gravenhage": false, "…=1": false, "": false,
	} {
		a, err := subscribers.ParseAddress("ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		w, err := lists.NewWriter(&file)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(subscribers.Subscriber{Address: a, Name: name, Status: subscribers.Confirmed, Cadence: subscribers.Weekly, Source: name}), w.Close()); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&file).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want := name
		if escaped {
			want = "'" + name
		}
		if got := records[1]; got[4] != want || got[6] != want {
			t.Errorf("%+q is written %+q and %+q, want %+q", name, got[4], got[6], want)
		}
		file.Reset()
		if err := csv.NewWriter(&file).WriteAll(records); err != nil {
			t.Fatal(err)
		}
		if rows, faults, err := readAll(t, file.String()); err != nil || len(faults) > 0 || len(rows) != 1 || rows[0].Name != name {
			t.Errorf("%+q is read as %+v, %q, %v", name, rows, faults, err)
		}
	}
}

func TestColumnsThatBarEmailsInOurOwnLists(t *testing.T) {
	for text, want := range map[string]string{
		"email,status,do_not_email\nr@example.com,confirmed,x\n":                             "suppressed staff not to be emailed: do_not_email x in the file",
		"email,status,bounced,complained\nr@example.com,confirmed,true,true\n":               "suppressed complaint not to be emailed: complained true in the file",
		"email,status,reason,email_disabled\nr@example.com,suppressed,it bounced,true\n":     "suppressed  it bounced",
		"email,status,Email Disabled\nr@example.com,confirmed,no\n":                          "confirmed  ",
		`[{"email": "r@example.com", "status": "confirmed", "email_disabled": true}]`:        "suppressed staff not to be emailed: email_disabled true in the file",
		`[{"email": "r@example.com", "status": "confirmed", "bounced": 0, "blocked": null}]`: "confirmed  ",
	} {
		rows, faults, err := readNamed(t, text, lists.Options{})
		if err != nil || len(rows) != 1 {
			t.Errorf("%q: %q, %v", text, faults, err)
			continue
		}
		if got := fmt.Sprint(rows[0].Status, " ", rows[0].Cause, " ", rows[0].Reason); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestMailchimpInOtherLanguages(t *testing.T) {
	for _, head := range []string{
		"E-Mail-Adresse,Vorname,Nachname", "Adresse e-mail,Prénom,Nom", "Adresse email,Pre\u0301nom,Nom de famille", "Dirección de correo electrónico,Nombre,Apellidos",
		"Correo electrónico,Nombre,Apellido", "Indirizzo e-mail,Nome,Cognome", "Endereço de e-mail,Primeiro nome,Sobrenome", "Endereço de e-mail,Nome,Apelido", "E-mailadres,Voornaam,Achternaam",
		"Email Address,Vorname,Nachname",
	} {
		text := head + ",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME\nr@example.com,Reader,One,2,2024-01-01 09:00:00,2024-01-01 09:05:00\n"
		rows, faults, err := readNamed(t, text, lists.Options{})
		if err != nil || len(rows) != 1 || rows[0].Source != "mailchimp" || rows[0].Status != subscribers.Confirmed || rows[0].Name != "Reader One" {
			t.Errorf("%s: %+v, %q, %v", head, rows, faults, err)
		}
	}
}

func TestASeparatorLineBeforeTheHeader(t *testing.T) {
	for _, text := range []string{
		"sep=;\nemail;status;name\nr@example.com;confirmed;a,b,c,d,e\n", "SEP=,\r\nemail,status,name\r\nr@example.com,confirmed,\"a,b,c,d,e\"\r\n",
		"\"sep=;\"\nemail;status;name\nr@example.com;confirmed;a,b,c,d,e\n", "sep=\t\nemail\tstatus\tname\nr@example.com\tconfirmed\ta,b,c,d,e\n",
		"\ufeffsep=|\nemail|status|name\nr@example.com|confirmed|a,b,c,d,e\n", "sep=;;;\nemail;status;name\nr@example.com;confirmed;a,b,c,d,e\n",
	} {
		rows, faults, err := readNamed(t, text, lists.Options{})
		if err != nil || len(rows) != 1 || rows[0].Name != "a,b,c,d,e" || rows[0].Line != 3 {
			t.Errorf("%q: %+v, %q, %v", text, rows, faults, err)
		}
	}
}

func TestAmbiguousDatesAreRefusedWithBothReadings(t *testing.T) {
	for written, want := range map[string]string{
		"03/04/2024":          `confirmed_at "03/04/2024" may be 4 March 2024 or 3 April 2024: write 2024-03-04 or 2024-04-03`,
		"3/4/2024":            "may be 4 March 2024 or 3 April 2024",
		"03-04-2024":          "may be 4 March 2024 or 3 April 2024",
		"01/02/2024 10:00:00": "may be 2 January 2024 or 1 February 2024",
		"12/11/2024 9:30":     "may be 11 December 2024 or 12 November 2024",
		"03/16/2024":          "2024-03-16T00:00:00Z",
		"16/03/2024":          "2024-03-16T00:00:00Z",
		"16/03/2024 10:05":    "2024-03-16T10:05:00Z",
		"3/16/2024 4:05 PM":   "2024-03-16T16:05:00Z",
		"05/05/2024":          "2024-05-05T00:00:00Z",
		"04.03.2024":          "2024-03-04T00:00:00Z",
		"4.3.2024 10:05":      "2024-03-04T10:05:00Z",
		"2024-03-04":          "2024-03-04T00:00:00Z",
		"31/31/2024":          "or a day",
		"16/03/1900":          "not a possible time",
		"03/04/1900":          "may be",
	} {
		rows, faults, err := readNamed(t, "email,status,confirmed_at\nr@example.com,confirmed,"+written+"\n", lists.Options{})
		got := strings.Join(faults, "")
		if len(rows) == 1 {
			got = rows[0].ConfirmedAt.UTC().Format(time.RFC3339)
		}
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q, %v", written, got, want, err)
		}
	}
}
