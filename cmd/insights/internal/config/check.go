package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// faultFunc reports what is wrong with the value of a key.
type faultFunc func(key, format string, args ...any)

// check reports every invalid value, each with where it was set.
func (c *Config) check(found *faults) {
	fault := faultFunc(func(key, format string, args ...any) { found.key(c, key, fmt.Sprintf(format, args...)) })
	for _, text := range []struct {
		key, value string
		valid      func(string) bool
		fault      string
	}{
		{"site.time_zone", c.Site.TimeZone, isZone, "%q is not a time zone: write a name such as Europe/Berlin or America/New_York"},
		{"listen", c.Listen, canListen, "%q is not an address to listen on: write HOST:PORT, such as 127.0.0.1:8080 or :8080"},
		{"metrics.listen", c.Metrics.Listen, optional(canListen), "%q is not an address to listen on: write HOST:PORT, such as 127.0.0.1:9090"},
		{"mail.from", c.Mail.From, isMailbox, "%q is not an email address: write Insights <insights@example.com>"},
		{"mail.confirm_from", c.Mail.ConfirmFrom, optional(isMailbox), "%q is not an email address: write Insights <insights@example.com>"},
		{"mail.reply_to", c.Mail.ReplyTo, optional(isMailbox), "%q is not an email address: write Insights <insights@example.com>"},
		{"mail.list_id", c.Mail.ListID, optional(isListID), "%q: write a name under your domain, such as insights.example.com"},
		{"mail.bounce_domain", c.Mail.BounceDomain, optional(isDomain), "%q is not a domain: write bounce.example.com"},
		{"mail.dkim.domain", c.Mail.DKIM.Domain, optional(isDomain), "%q is not a domain"},
		{"mail.dkim.selector", c.Mail.DKIM.Selector, optional(isSelector), "%q: use letters, digits, hyphens and dots"},
		{"mail.dkim.ed25519_selector", c.Mail.DKIM.Ed25519Selector, optional(isSelector), "%q: use letters, digits, hyphens and dots"},
		{"smtp.host", c.SMTP.Host, optional(isHost), "%q is not a host name: write smtp.example.com or an IP address; the port goes into smtp.port"},
		{"smtp.fallback.host", c.SMTP.Fallback.Host, optional(isHost), "%q is not a host name: write smtp.example.com or an IP address; the port goes into smtp.fallback.port"},
		{"smtp.tls", c.SMTP.TLS, oneOf("none", "starttls", "implicit"), "%q: must be none, starttls or implicit"},
		{"smtp.fallback.tls", c.SMTP.Fallback.TLS, oneOf("none", "starttls", "implicit"), "%q: must be none, starttls or implicit"},
		{"digests.on_uncertain", c.Digests.OnUncertain, oneOf("resend", "hold", "skip"), "%q: must be resend, hold or skip"},
		{"bounces.listen", c.Bounces.Listen, optional(canReceive), "%q: write 127.0.0.1:2525 for SMTP, lmtp:127.0.0.1:2424 or unix:/run/insights/lmtp for LMTP"},
		{"bounces.complaints", c.Bounces.Complaints, optional(isAddress), "%q is not an email address: write abuse@bounces.example.com"},
	} {
		if !text.valid(text.value) {
			fault(text.key, text.fault, text.value)
		}
	}
	if c.Site.BaseURL != "" {
		if _, problem := siteURL(c.Site.BaseURL); problem != "" {
			fault("site.base_url", "%s", problem)
		}
	}
	between(fault, "smtp.port", c.SMTP.Port, 1, 65535)
	between(fault, "smtp.fallback.port", c.SMTP.Fallback.Port, 1, 65535)
	between(fault, "smtp.connections", c.SMTP.Connections, 1, 1000)
	between(fault, "smtp.rate", c.SMTP.Rate, 0, 1e6)
	between(fault, "smtp.per_domain", c.SMTP.PerDomain, 0, 1e6)
	notNegative(fault, "smtp.messages_per_connection", c.SMTP.MessagesPerConnection)
	notNegative(fault, "digests.start_with", c.Digests.StartWith)
	notNegative(fault, "digests.retry.first", c.Digests.Retry.First)
	notNegative(fault, "digests.retry.deadline", c.Digests.Retry.Deadline)
	notNegative(fault, "shutdown_grace", c.ShutdownGrace)
	notNegative(fault, "content.edit_grace", c.Content.EditGrace)
	notNegative(fault, "limits.address_every", c.Limits.AddressEvery)
	notNegative(fault, "limits.address_daily", c.Limits.AddressDaily)
	notNegative(fault, "limits.client_hourly", c.Limits.ClientHourly)
	notNegative(fault, "limits.domain_hourly", c.Limits.DomainHourly)
	notNegative(fault, "limits.total_hourly", c.Limits.TotalHourly)

	if !isDatabase(c.Database.URL) { // without its value, which may hold a password
		fault("database.url", "must be sqlite:FILE or postgres://USER@HOST/DATABASE")
	}
	if c.Mail.DKIM.Key != "" && c.Mail.DKIM.Selector == "" {
		fault("mail.dkim.selector", "is empty: name the key's DNS record, SELECTOR._domainkey.DOMAIN")
	}
	for _, s := range c.TrustedProxies {
		if _, err := ParseNetwork(s); err != nil {
			fault("trusted_proxies", "%q is neither an IP address nor a network such as 10.0.0.0/8", s)
		}
	}
	for _, s := range c.TrustedOrigins {
		if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			fault("trusted_origins", "%q is not an origin: write https://www.example.com, without a path", s)
		}
	}
	for _, secret := range c.Secrets() {
		if len(secret) < subscribers.MinSecret {
			fault("secret", "has %d bytes; it needs %d or more (separate several secrets with spaces or commas): head -c 32 /dev/urandom | base64", len(secret), subscribers.MinSecret)
		}
	}
	if _, err := c.Bounces.WebhookKeys(); err != nil {
		fault("bounces.webhook_secret", "%v", err)
	}
	c.Bounces.Judgement.judgement(fault)
	c.checkWebSub(fault)
	c.checkCategories(fault)
	c.checkSchedules(fault)
}

func between[N int | float64](fault faultFunc, key string, n, least, most N) {
	if !(n >= least && n <= most) { // nor NaN
		fault(key, "%.10g: must be between %.10g and %.10g", float64(n), float64(least), float64(most))
	}
}

func notNegative[N int | time.Duration](fault faultFunc, key string, n N) {
	if n < 0 {
		fault(key, "%v: must be 0 or more", n)
	}
}

func (c *Config) checkCategories(fault faultFunc) {
	valid := func(slug string) bool {
		return slug != "" && content.Slugify(slug) == slug && slug != "all" && slug != "digests"
	}
	seen := make(map[string]bool)
	for _, category := range c.Site.Categories {
		if !valid(category.Slug) {
			fault("site.categories", "slug %q: use lower-case letters, digits and hyphens; \"all\" and \"digests\" are reserved", category.Slug)
		}
		if strings.TrimSpace(category.Name) == "" {
			fault("site.categories", "the category %q has no name", category.Slug)
		}
		if content.WithoutControls(category.Name) != category.Name || strings.ContainsFunc(category.Description, content.Redirects) {
			fault("site.categories", "the category %q has an invisible character in its name or description, which changes how the text around it is shown: write them again", category.Slug)
		}
		if seen[category.Slug] {
			fault("site.categories", "duplicate slug %q", category.Slug)
		}
		seen[category.Slug] = true
		for _, slug := range category.Formerly {
			if !valid(slug) || seen[slug] {
				fault("site.categories", "formerly %q of %q: use a slug that this category had, and no other has or had", slug, category.Slug)
			}
			seen[slug] = true
		}
	}
	switch n := len(c.Site.Categories); {
	case n == 0:
		fault("site.categories", "there must be at least one category")
	case n > subscribers.MaxCategories:
		fault("site.categories", "there are %d categories; readers can choose from at most %d", n, subscribers.MaxCategories)
	}
}

func (c *Config) checkSchedules(fault faultFunc) {
	seen := make(map[string]bool)
	for i, s := range c.Digests.Schedules {
		key := fmt.Sprintf("digests.schedules[%d]", i)
		if s.Name == "" || seen[s.Name] {
			fault(key, "each schedule needs a unique name")
		}
		seen[s.Name] = true
		if _, err := subscribers.ParseCadence(s.Cadence); err != nil {
			fault(key, "%v", err)
		}
		if !oneOf("", "send", "skip")(s.Missed) {
			fault(key, "missed %q: must be send or skip", s.Missed)
		}
		if !oneOf("", "auto", "manual")(s.Approve) {
			fault(key, "approve %q: must be auto or manual", s.Approve)
		}
		if !isZone(s.TimeZone) {
			fault(key, "%q is not a time zone", s.TimeZone)
		}
		if s.MinInsights < 0 || s.MaxInsights < 0 || s.LateAfter < 0 {
			fault(key, "min_insights, max_insights and late_after must be 0 or more")
		}
		schedule := s.schedule(time.UTC)
		if err := schedule.Check(); err != nil {
			fault(key, "%v", err)
		}
	}
}

func (c *Config) checkWebSub(fault faultFunc) {
	for _, port := range c.WebSub.Ports {
		between(fault, "websub.ports", port, 1, 65535)
	}
	if c.WebSub.Hub == "" || c.WebSub.Hub == OwnHub {
		return
	}
	u, err := url.Parse(c.WebSub.Hub)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		fault("websub.hub", "%q: write self for the built-in hub, or the URL of another: https://hub.example.com/", c.WebSub.Hub)
	case u.Scheme == "http" && !c.WebSub.PrivateCallbacks:
		fault("websub.hub", "%q: use https; http is only for a hub in your own network, with websub.private_callbacks", c.WebSub.Hub)
	}
}

// minWebhookKey is the least a webhook's key has, in bytes, by Standard Webhooks.
const minWebhookKey = 24

// WebhookKeys are the keys in webhook_secret. The error never holds one.
func (c Bounces) WebhookKeys() (keys [][]byte, err error) {
	for _, secret := range words(c.WebhookSecret) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < minWebhookKey {
			return nil, fmt.Errorf("write whsec_ and %d bytes or more in base64: echo whsec_$(head -c 32 /dev/urandom | base64)", minWebhookKey)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ParseNetwork reads an IP address or a network.
func ParseNetwork(s string) (netip.Prefix, error) {
	if address, bits, ok := strings.Cut(s, "]/"); ok && strings.HasPrefix(address, "[") {
		s = address[1:] + "/" + bits
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(withoutBrackets(s))
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func optional(valid func(string) bool) func(string) bool {
	return func(s string) bool { return s == "" || valid(s) }
}

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil
}

// isDatabase reports whether a URL is of a kind that the database package opens, which
// judges the rest of it.
func isDatabase(url string) bool {
	path, ok := strings.CutPrefix(url, "sqlite:")
	return ok && path != "" || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// isHost reports whether a text is a host name or an IP address, and nothing beside it.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !strings.ContainsRune("-._", r)
	})
}

// canListen reports whether an address is HOST:PORT with a valid port.
func canListen(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

func canReceive(address string) bool {
	return strings.HasPrefix(address, "unix:/") || canListen(strings.TrimPrefix(address, "lmtp:"))
}

var (
	selectorForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	listIDForm   = regexp.MustCompile(`^<?[A-Za-z0-9._-]+\.[A-Za-z0-9._-]+>?$`)
)

func isSelector(s string) bool { return len(s) <= 63 && selectorForm.MatchString(s) }
func isListID(s string) bool   { return len(s) <= 200 && listIDForm.MatchString(s) }
func isDomain(s string) bool   { return isAddress("x@" + s) }

func isAddress(s string) bool {
	_, err := subscribers.ParseAddress(s)
	return err == nil
}

// isMailbox reports whether a text is an address, with a name or without.
func isMailbox(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && isAddress(a.Address)
}
