package bounce

import (
	"regexp"
	"slices"
	"strings"
)

// aboutSender reports whether a reply speaks of the sender: of their account, login, plan,
// limits or domain. That is ours to settle, whatever the status. Only where the status
// says that there is no such address or that a mailbox is full, and the words do, too, are
// they about the reader: who is named first is whom the reply is about, and words of
// commerce, which may be about anybody's account, count for nothing.
func aboutSender(text, to, status string) bool {
	clauses := because(text, to)
	words := joined(clauses)
	if confirming := confirmed(status); confirming != nil {
		for _, clause := range clauses {
			switch clause = place.ReplaceAllString(clause, " "); {
			case namesSender(clause):
				return true
			case slices.ContainsFunc(confirming, func(phrases []string) bool { return says(clause, phrases) }):
				return false
			}
		}
	}
	if says(words, commerce) {
		return !(status == "5.2.1" && says(words, readers)) && !namesDomain(text, to)
	}
	return namesSender(words) || slices.ContainsFunc(clauses, namesSender)
}

// confirmed returns the phrases that say of a reader's address what a status says; nil for
// a status that says nothing of the kind.
func confirmed(status string) [][]string {
	switch status {
	case "5.1.0", "5.1.1", "5.1.6", "5.1.10":
		return [][]string{dead, former, readers}
	case "5.2.2", "4.2.2":
		return [][]string{full}
	}
	return nil
}

func namesSender(words string) bool { return says(words, sender) || senders.MatchString(words) }

// namesDomain reports whether what a text says of a domain it says of the recipient's.
func namesDomain(text, to string) bool {
	_, domain, ok := strings.Cut(to, "@")
	return ok && regexp.MustCompile(`(?i)\bdomain[\s:"'<(]+`+regexp.QuoteMeta(domain)+`\b`).MatchString(text)
}

// senders matches, in normalized words, something of the sender: what they have ("sender
// account", "SMTP user"), or what is theirs ("account of the sender").
var senders = regexp.MustCompile(` (?:sender|sender's|senders|sending|originator|originator's|originating|submitter|submitter's|submitting|authenticated|authenticating) (?:email |mail |smtp )?(?:account|user|mailbox|inbox|login|username|domain|host|quota|plan|subscription|licen[cs]e|identity|client|customer|tenant|address|profile|organi[sz]ation) ` +
	`| (?:smtp|sasl|submission|relay|relayhost|smarthost) (?:user|account|login|username|password|credentials?|quota|plan|subscription|key|token|customer|identity) ` +
	`| api (?:user|account|keys?|tokens?|client|access|quota|credit|secret|login|credentials?) ` +
	`| from (?:domain|address|identity|user|mailbox) ` +
	`| (?:of|for) (?:the |this |your |an? )?(?:sender|originator|submitter|sending|authenticated|authenticating|logged in) ` +
	`| (?:e?mails?|messages?) from (?:this |your |the )?(?:\pL+ )?(?:account|user|mailbox|customer|domain|tenant|organi[sz]ation) ` +
	`| (?:you|you are|you're|you have|you've) (?:are |were )?(?:logged in|log in|signed in|sign in|login|authenticated?|authenticating|send(?:ing)?|submit(?:ting)?|connect(?:ing|ed)?) (?:as|with|from|for|under|through) ` +
	`| (?:you|you have|you've) (?:reached|exceeded|hit|run out) ` +
	`| submission (?:for|of|from|by|is|has|was|not) ` +
	`| (?:may|can) only (?:send|mail|email) ` +
	`| (?:compte|boîte|boite|adresse|cuenta|cuenta de correo|buzón|dirección|account|casella|indirizzo|conta|caixa|endereço) (?:expéditeur|expediteur|expéditrice|remitente|mittente|remetente) ` +
	`| (?:disabled|suspended|blocked|deactivated|active|enabled|closed|locked|barred) (?:for|from) (?:sending|outgoing|outbound|submission|smtp|relaying) ` +
	`| sender (?:\pL+ )?(?:does not exist|doesn't exist|not exist|not found|is not|was not|no longer|is unknown|is disabled|is inactive|is invalid) `)

// place is where a recipient is not, not whose fault it is.
var place = regexp.MustCompile(` (?:on|at|in|within) your (?:\pL+ |domain's )?(?:servers?|organi[sz]ation|domain|domain's|tenant|systems?|network|site|directory) `)

// readers is phrases about the recipient's own account.
var readers = []string{
	"recipient's", "the recipient ", "addressee", "user's", "user suspended", "user is suspended", "user has been suspended",
	"mailbox suspended", "mailbox is suspended", "mailbox has been suspended", "recipient suspended", "recipient is suspended",
}

// full is phrases that say that a recipient's mailbox is full.
var full = []string{
	"mailbox full", "mailbox is full", "mailbox * full", "inbox is full", "inbox full", "box full", "user over quota", "user is over quota",
	"recipient over quota", "recipient is over quota", "mailbox over quota", "mailbox is over quota", "mailbox * over quota",
}

// commerce is phrases about plans, bills, and limits of an account that may be anybody's.
var commerce = []string{
	// Plan.
	"trial account", "test account", "trial period", "evaluation period", "trial * expired", "free plan", "free tier", "billing", "unpaid", "overdue",
	"out of credit", "no credits", "credits exhausted", "insufficient credit", "not enough credit", "credit quota", "payment required", "smtp provider", "sandbox",
	"subscription expired", "subscription * expired", "subscription ended", "subscription * ended", "subscription lapsed",
	"subscription * lapsed", "subscription cancelled", "subscription * cancelled", "plan expired", "plan * expired",
	"contract expired", "contract * expired", "contract * ended", "license expired", "license * expired", "licence expired",
	"licence * expired", "license limit", "licence limit", "license * exceeded", "licence * exceeded", "lizenz * abgelaufen",
	"vertrag * abgelaufen", "abonnement * expiré", "licence * expiré", "suscripción * caducad", "licencia * caducad",
	"abbonamento * scadut", "licenza * scadut", "契約",
	" verified recipient", " verified address", " authorized recipient", " authorised recipient", " confirmed recipient",
	// Limits.
	"max defers", "defers and failures", " per hour ", " per day ", " per minute ", " per second ", " per month ",
	"daily * limit", "daily * quota", "hourly * limit", "hourly * quota", "monthly * limit", "monthly * quota",
	"recipient limit", "recipients limit", "limit * recipients", "maximum number of recipients", "message limit",
	"messages limit", "email limit", "emails limit", "versandlimit", "tageslimit",
	// Domain.
	"not verified", "domain * in our system", "domain * our platform", "domain * our service", "domain * in your account",
	"domain * this account", "domain * this customer", "domain * your account",
}

// sender is phrases about the sender.
var sender = []string{
	// Account.
	"your account", "your mailbox", "your smtp account", "your mail account", "your email account", "your organization",
	"your organisation", "your tenant", "your sending", "your outgoing", "your hosting", "your server", "your relay",
	"sender * suspended", "sender * suspension", "sender * disabled", "sender * deactivated", "sending paused",
	"sending is paused", "sending has been paused", "sending * suspended", "sending * disabled", "sending * deactivated",
	"sending activity", "sending privileges", "sending access", "sending is not", "not allowed to send",
	"not permitted to send", "unable to send", "may not send", "outgoing mail", "outgoing email", "outgoing message",
	"outgoing smtp", " outbound ", "outboundspam", "subaccount", "sub account", "sender's account", "sender's mailbox",
	"ihr konto", "ihr account", "ihr postfach", "ihr zugang", "ihr benutzer", "ihres kontos", "ihres postfach", "des absenders",
	"absenderkonto", "absenderpostfach", "absenderdomain", "absender existiert", "absender ist ", "absender wurde ", "absender * deaktiviert", "absender * gesperrt", "des versenders", "den versand", "zum versand", "zum senden",
	"vom versand", "votre compte", "votre boîte", "votre boite", "de l'expéditeur", "de l'expediteur", "pour l'envoi",
	"compte d'envoi", "su cuenta", "su buzón", "su buzon", "del remitente", "para enviar", "para el envío", "para el envio",
	"il tuo account", "la tua casella", "del mittente", "per l'invio", "sua conta", "sua caixa", "do remetente", "para envio",
	"van de afzender", "uw account", "nadawcy", "twoje konto", "отправителя", "ваш аккаунт", "ваша учетная",
	"アカウントが停止", "送信停止", "送信を停止", "发件人", "您的帐户", "您的账户",
	// Login.
	"your login", "your username", "your password", "your credential", "your api key", "credential",
	"authenticated as", "authenticated sender", "authentication revoked", "authentication * revoked", "authentication withdrawn", "access revoked", "login no longer",
	"login * revoked", "login * disabled", "login * deactivated", "authentication required",
	"authentication is required", "requires authentication", "must authenticate", "must be authenticated",
	"must log in", "must login", "log in first", "login first", "login required", "authenticate first", "auth first",
	"smtp auth", "relay access denied", "relaying denied", "relay denied", "relay not permitted", "relaying not",
	"relaying is not", "relay is not", "relay limit", "not permitted to relay", "not allowed to relay", "unable to relay",
	"we do not relay", "we don't relay", "no relaying", "relay prohibited", "relaying prohibited", "rejected relay attempt",
	"rejected access denied", "smtp認証", "認証が必要", "中継",
	// Plan.
	"your plan", "your subscription", "your trial", "your balance", "your payment", "your invoice", "your contract",
	"your license", "your licence", "ihr vertrag", "ihre lizenz", "upgrade your", "upgrade * plan",
	// Limits.
	"your daily", "your hourly", "your monthly", "your limit", "your rate", "your allowance", "your quota",
	"sending limit", "sending quota", "sending rate", "sending * limit", "sending * quota", "sender * limit",
	"sender * quota", "sender * exceed", "relay quota", "ausgehende",
	"送信制限", "送信上限", "送信数", "送信可能", "通数制限",
	// Domain and address.
	"your domain", "ihre domain", "votre domaine", "su dominio", "unverified sender", "unverified domain",
	"unverified identity", "identities failed", "domain * not allowed to send", "from address * not allowed",
	"not owned by", "sender address rejected", "送信元", "送信者",
}
