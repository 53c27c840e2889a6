package config

import (
	"net/mail"
	"regexp"

	"github.com/scaledbydesign/insights/subscribers"
)

func (c *Config) checkMail(fault func(key, format string, args ...any)) {
	for _, mailbox := range []struct{ key, value string }{
		{"mail.from", c.Mail.From}, {"mail.confirm_from", c.Mail.ConfirmFrom}, {"mail.reply_to", c.Mail.ReplyTo},
	} {
		key, value := mailbox.key, mailbox.value
		if value == "" && key != "mail.from" {
			continue
		}
		if a, err := mail.ParseAddress(value); err != nil {
			fault(key, "%q is not an email address: write Insights <insights@example.com>", value)
		} else if _, err := subscribers.ParseAddress(a.Address); err != nil {
			fault(key, "%q: %v", value, err)
		}
	}
	c.checkSending(fault)
	for _, relay := range []struct {
		section string
		port    int
		tls     string
	}{{"smtp", c.SMTP.Port, c.SMTP.TLS}, {"smtp.fallback", c.SMTP.Fallback.Port, c.SMTP.Fallback.TLS}} {
		if relay.port < 1 || relay.port > 65535 {
			fault(relay.section+".port", "%d is not a port", relay.port)
		}
		switch relay.tls {
		case "none", "starttls", "implicit":
		default:
			fault(relay.section+".tls", "%q: must be none, starttls or implicit", relay.tls)
		}
	}
	if c.SMTP.Connections < 1 || c.SMTP.Connections > 1000 {
		fault("smtp.connections", "%d: must be between 1 and 1000", c.SMTP.Connections)
	}
}

func (c *Config) checkSending(fault func(key, format string, args ...any)) {
	for _, n := range []struct {
		key   string
		value float64
	}{{"smtp.rate", c.SMTP.Rate}, {"smtp.per_domain", c.SMTP.PerDomain}} {
		if !(n.value >= 0 && n.value <= 1e6) {
			fault(n.key, "%v: must be emails per second, 0 for no limit", n.value)
		}
	}
	if c.SMTP.MessagesPerConnection < 0 {
		fault("smtp.messages_per_connection", "%d: must be 0 or more", c.SMTP.MessagesPerConnection)
	}
	for key, duration := range map[string]int64{"digests.retry.first": int64(c.Digests.Retry.First), "digests.retry.deadline": int64(c.Digests.Retry.Deadline), "shutdown_grace": int64(c.ShutdownGrace), "content.edit_grace": int64(c.Content.EditGrace)} {
		if duration < 0 {
			fault(key, "a duration can't be negative")
		}
	}
	for key, n := range map[string]int{"limits.address_daily": c.Limits.AddressDaily, "limits.client_hourly": c.Limits.ClientHourly, "limits.domain_hourly": c.Limits.DomainHourly, "limits.total_hourly": c.Limits.TotalHourly, "limits.address_every": int(c.Limits.AddressEvery)} {
		if n < 0 {
			fault(key, "can't be negative; 0 for no limit")
		}
	}
	if c.Mail.ListID != "" && !isListID(c.Mail.ListID) {
		fault("mail.list_id", "%q: write a name under your domain, such as insights.example.com", c.Mail.ListID)
	}
	if d := c.Mail.BounceDomain; d != "" && !isDomain(d) {
		fault("mail.bounce_domain", "%q is not a domain: write bounce.example.com", d)
	}
	if d := c.Mail.DKIM.Domain; d != "" && !isDomain(d) {
		fault("mail.dkim.domain", "%q is not a domain", d)
	}
	for key, selector := range map[string]string{"mail.dkim.selector": c.Mail.DKIM.Selector, "mail.dkim.ed25519_selector": c.Mail.DKIM.Ed25519Selector} {
		if selector != "" && !isSelector(selector) {
			fault(key, "%q: use letters, digits, hyphens and dots", selector)
		}
	}
	if c.Mail.DKIM.Key != "" && c.Mail.DKIM.Selector == "" {
		fault("mail.dkim.selector", "is empty: name the key's DNS record, SELECTOR._domainkey.DOMAIN")
	}
}

var (
	selectorForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	listIDForm   = regexp.MustCompile(`^<?[A-Za-z0-9._-]+\.[A-Za-z0-9._-]+>?$`)
)

func isSelector(s string) bool { return len(s) <= 63 && selectorForm.MatchString(s) }
func isListID(s string) bool   { return len(s) <= 200 && listIDForm.MatchString(s) }

func isDomain(s string) bool {
	_, err := subscribers.ParseAddress("x@" + s)
	return err == nil
}
