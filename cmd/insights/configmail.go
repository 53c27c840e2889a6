package main

import (
	"crypto"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
	"github.com/scaledbydesign/insights/subscribers"
)

// checkSending reports what can't be right about how mails are signed and sent.
func (c *Config) checkSending(fault func(key, format string, args ...any)) {
	for _, n := range []struct {
		key   string
		value float64
	}{{"smtp.rate", c.SMTP.Rate}, {"smtp.per_domain", c.SMTP.PerDomain}} {
		if !(n.value >= 0 && n.value <= 1e6) {
			fault(n.key, "%v: mails a second, 0 for no limit", n.value)
		}
	}
	if c.SMTP.MessagesPerConnection < 0 {
		fault("smtp.messages_per_connection", "%d: 0 or more", c.SMTP.MessagesPerConnection)
	}
	for key, duration := range map[string]int64{"digests.retry.first": int64(c.Digests.Retry.First), "digests.retry.deadline": int64(c.Digests.Retry.Deadline), "shutdown_grace": int64(c.ShutdownGrace), "content.edit_grace": int64(c.Content.EditGrace)} {
		if duration < 0 {
			fault(key, "a time can't be negative")
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
		fault("mail.bounce_domain", "%q is no domain: write bounce.example.com", d)
	}
	if d := c.Mail.DKIM.Domain; d != "" && !isDomain(d) {
		fault("mail.dkim.domain", "%q is no domain", d)
	}
	for key, selector := range map[string]string{"mail.dkim.selector": c.Mail.DKIM.Selector, "mail.dkim.ed25519_selector": c.Mail.DKIM.Ed25519Selector} {
		if selector != "" && !isSelector(selector) {
			fault(key, "%q: letters, digits, hyphens and dots", selector)
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

func isPEM(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN ") }

// signingKeys are the keys that mails are signed with; none without mail.dkim.key.
func (c *Config) signingKeys() ([]smtp.SigningKey, error) {
	text, from := c.Mail.DKIM.Key, "mail.dkim.key"
	if text == "" {
		return nil, nil
	}
	if !isPEM(text) {
		from = text
		octets, err := os.ReadFile(text)
		if err != nil {
			return nil, unusable(fmt.Errorf("mail.dkim.key: %w; make one: insights key new", err))
		}
		text = string(octets)
	}
	signers, err := smtp.ParseKeys([]byte(text))
	if err != nil {
		return nil, unusable(fmt.Errorf("mail.dkim.key: %s: %w", from, err))
	}
	return c.named(signers), nil
}

// composer makes messages, signed if there are keys.
func (c *Config) composer() (smtp.Composer, error) {
	keys, err := c.signingKeys()
	return smtp.Composer{Keys: keys}, err
}

// named gives keys the domain and the selectors that are configured.
func (c *Config) named(signers []crypto.Signer) (keys []smtp.SigningKey) {
	for _, signer := range signers {
		key := smtp.SigningKey{Domain: c.dkimDomain(), Selector: c.Mail.DKIM.Selector, Key: signer}
		if key.Kind() == "ed25519" {
			if key.Selector = c.Mail.DKIM.Ed25519Selector; key.Selector == "" {
				key.Selector = c.Mail.DKIM.Selector + "-ed25519"
			}
			keys = append(keys, key)
		} else { // the first, for every verifier
			keys = append([]smtp.SigningKey{key}, keys...)
		}
	}
	return keys
}

func (c *Config) dkimDomain() string {
	if c.Mail.DKIM.Domain != "" {
		return c.Mail.DKIM.Domain
	}
	return newsletter.DomainOf(c.Mail.From)
}

// warnings are what serve can do with, or without, and had better not.
func (c *Config) warnings() (warnings []string) {
	if c.Site.PostalAddress == "" {
		warnings = append(warnings, "site.postal_address is not set: many laws want a postal address in newsletters")
	}
	if c.Mail.DKIM.Key == "" {
		warnings = append(warnings, "mail.dkim.key is not set: large mail providers want signed mail; let the relay sign, or make keys: insights key new")
	}
	for _, relay := range []struct{ key, host, tls string }{{"smtp", c.SMTP.Host, c.SMTP.TLS}, {"smtp.fallback", c.SMTP.Fallback.Host, c.SMTP.Fallback.TLS}} {
		if relay.tls == string(smtp.TLSNone) && relay.host != "" && !isLocal(relay.host) {
			warnings = append(warnings, fmt.Sprintf("%s.tls is none and %s is another machine: mails, and a password, go there for all to read", relay.key, relay.host))
		}
	}
	from := newsletter.DomainOf(c.Mail.From)
	switch bounce := c.Mail.BounceDomain; {
	case bounce == "":
		warnings = append(warnings, "mail.bounce_domain is not set: what can't be delivered comes back to mail.from")
	case bounce != from && !strings.HasSuffix(bounce, "."+from):
		warnings = append(warnings, fmt.Sprintf("mail.bounce_domain %s is not under %s, the domain of mail.from: SPF does not speak for it then", bounce, from))
	}
	for _, network := range c.TrustedProxies {
		if p, err := parseNetwork(network); err == nil && p.Bits() == 0 {
			warnings = append(warnings, fmt.Sprintf("trusted_proxies has %s: whoever connects is believed about where they come from, and no limit per client holds", network))
		}
	}
	return warnings
}

// isLocal reports whether a host is this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// refused are the domains that nobody can sign up from.
func (c *Config) refused() (subscribers.Domains, error) {
	if c.Limits.Refused == "" {
		return nil, nil
	}
	file, err := os.Open(c.Limits.Refused)
	if err != nil {
		return nil, unusable(fmt.Errorf("limits.refused: %w; it must be a file with a domain a line", err))
	}
	defer file.Close()
	domains, err := subscribers.ParseDomains(file)
	if err != nil {
		return nil, unusable(fmt.Errorf("limits.refused: %s: %w", c.Limits.Refused, err))
	}
	return domains, nil
}

// limits are those of sign-ups.
func (c *Config) limits() subscribers.Limits {
	l := c.Limits
	return subscribers.Limits{AddressEvery: l.AddressEvery, AddressADay: l.AddressDaily, Client: l.ClientHourly, Domain: l.DomainHourly, All: l.TotalHourly}
}

// relays are the configured mail server, with a second one behind it if there is
// one.
func (c *Config) relays(log *slog.Logger) newsletter.Transport {
	first := c.relay(c.SMTP.Host, c.SMTP.Port, c.SMTP.TLS, c.SMTP.User, c.SMTP.Password)
	if c.SMTP.Fallback.Host == "" {
		return first
	}
	f := c.SMTP.Fallback
	return &smtp.Failover{Relays: []*smtp.Relay{first, c.relay(f.Host, f.Port, f.TLS, f.User, f.Password)}, Log: log}
}

func (c *Config) relay(host string, port int, tls, user, password string) *smtp.Relay {
	return &smtp.Relay{Host: host, Port: port, TLS: smtp.TLSMode(tls), User: user, Password: password, HELO: c.helo(), MaxMessages: c.SMTP.MessagesPerConnection}
}
