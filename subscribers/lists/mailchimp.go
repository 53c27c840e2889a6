package lists

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

var mailchimp = Format{
	name: "mailchimp",
	columns: []string{"email_address", "email", "first_name", "last_name", "name", "full_name", "optin_time", "confirm_time",
		"unsub_time", "unsub_reason", "clean_time", "clean_campaign_title"},
	has: func(column func(string) bool) bool {
		marks := slices.DeleteFunc([]string{"member_rating", "optin_time", "confirm_time", "leid", "euid"}, func(name string) bool { return !column(name) })
		return len(marks) >= 2 && (column("email_address") || column("email"))
	},
	alias: map[string]string{ // the fields of an audience are named in its language
		"e-mail-adresse": "email_address", "e-mailadres": "email_address", "emailadres": "email_address", "e-mail_adresse": "email_address", "e-mailadresse": "email_address", "emailadresse": "email_address", "email-adresse": "email_address", "e-mail": "email_address", // German; Dutch
		"vorname": "first_name", "nachname": "last_name", "familienname": "last_name",
		"adresse_e-mail": "email_address", "adresse_email": "email_address", "adresse_mail": "email_address", "adresse_électronique": "email_address", "adresse_de_messagerie": "email_address", "courriel": "email_address", // French
		"prénom": "first_name", "nom": "last_name", "nom_de_famille": "last_name",
		"dirección_de_correo_electrónico": "email_address", "dirección_de_email": "email_address", "dirección_de_e-mail": "email_address", "correo_electrónico": "email_address", "correo": "email_address", // Spanish
		"nombre": "first_name", "apellido": "last_name", "apellidos": "last_name",
		"indirizzo_e-mail": "email_address", "indirizzo_email": "email_address", "indirizzo_di_posta_elettronica": "email_address", // Italian
		"nome": "first_name", "cognome": "last_name",
		"endereço_de_e-mail": "email_address", "endereço_de_email": "email_address", "endereço_de_correio_eletrónico": "email_address", "endereço_de_correio_eletrônico": "email_address", "endereço_eletrônico": "email_address", // Portuguese
		"primeiro_nome": "first_name", "sobrenome": "last_name", "apelido": "last_name", "último_nome": "last_name",
		"voornaam": "first_name", "achternaam": "last_name", // Dutch
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
	f.read = func(field func(string) string, o Options, row *Row) error {
		name := cmp.Or(strings.TrimSpace(field("first_name")+" "+field("last_name")), field("name"), field("full_name"))
		said := evidence("OPTIN_TIME", field("optin_time"), "CONFIRM_TIME", field("confirm_time"), "UNSUB_TIME", field("unsub_time"), "UNSUB_REASON", field("unsub_reason"), "CLEAN_TIME", field("clean_time"))
		err := row.foreign("mailchimp", cmp.Or(field("email_address"), field("email")), name, said)
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
		case complained.MatchString(field("unsub_reason")):
			row.as(subscribers.Suppressed, subscribers.Complained, "complained at Mailchimp")
		case kind == "cleaned", field("clean_time") != "", kind == "" && cleaned && !unsubscribed:
			row.as(subscribers.Suppressed, subscribers.Bounced, strings.TrimSuffix("cleaned by Mailchimp: "+field("clean_campaign_title"), ": "))
		case kind == "unsubscribed", field("unsub_time") != "", field("unsub_reason") != "", kind == "" && unsubscribed && !cleaned:
			row.as(subscribers.Unsubscribed, "", "")
		case kind == "nonsubscribed":
			row.as(subscribers.Pending, "", "")
		case kind == "subscribed", !row.ConfirmedAt.IsZero(), o.Vouched:
			row.as(subscribers.Confirmed, "", "")
		default:
			row.as(subscribers.Pending, "", "")
		}
		return nil
	}
	f.doubt = func(o Options) string {
		if mailchimpName(o.Name) != "" || unsubscribed || cleaned || o.Vouched {
			return ""
		}
		return "the file's name does not begin with subscribed_ or nonsubscribed_, as Mailchimp's do: those without a CONFIRM_TIME are imported as pending"
	}
	return &f
}

var complained = regexp.MustCompile(`(?i)abuse|spam|complain`)
