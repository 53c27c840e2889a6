package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// ForServing reports every setting that production requires and that is not set, and how
// to set it. Who does not send needs no relay.
func (c *Config) ForServing(sends bool) error {
	var missing []error
	need := func(key, how string) {
		if c.origins[key] == ByDefault {
			missing = append(missing, fmt.Errorf("  %s is not set: %s", key, how))
		}
	}
	need("site.base_url", "INSIGHTS_SITE_BASE_URL=https://insights.example.com")
	need("database.url", "INSIGHTS_DATABASE_URL=sqlite:/var/lib/insights/insights.db,\n    or postgres://USER:PASSWORD@HOST/DATABASE where several machines share it")
	need("secret", "INSIGHTS_SECRET=$(head -c 32 /dev/urandom | base64),\n    and never change it: every link in every email depends on it;\n    or INSIGHTS_SECRET_FILE=/etc/insights/secret")
	if sends {
		need("smtp.host", "INSIGHTS_SMTP_HOST=smtp.example.com,\n    and if the relay needs them INSIGHTS_SMTP_PORT, _TLS, _USER and _PASSWORD")
	}
	need("mail.from", "INSIGHTS_MAIL_FROM='Insights <insights@example.com>'")
	if len(missing) > 0 {
		missing = append([]error{errors.New("these settings are needed to serve, as variables or in insights.yaml (`insights dev` does without)")}, missing...)
		return &Error{errors.Join(missing...)}
	}
	return nil
}

// Notes are what the author of a configuration may not have thought of, whatever it is
// for.
func (c *Config) Notes() (notes []string) {
	for _, s := range c.Schedules() {
		notes = append(notes, s.Notes()...)
	}
	for _, name := range c.secretFiles() {
		if note := exposed(name); note != "" {
			notes = append(notes, note)
		}
	}
	if note := c.UnservedNote(); note != "" {
		notes = append(notes, note)
	}
	return notes
}

// UnservedNote is the note of Notes on cadences that no schedule serves, or "".
func (c *Config) UnservedNote() string {
	unserved := c.UnservedCadences()
	if len(unserved) == 0 {
		return ""
	}
	return fmt.Sprintf("no schedule serves %s: people can't choose it, and readers who chose it before get nothing; add one to digests.schedules", listed(unserved))
}

// UnservedCadences are those for which there is no schedule, although there are others.
func (c *Config) UnservedCadences() (unserved []subscribers.Cadence) {
	if len(c.Digests.Schedules) == 0 {
		return nil
	}
	for _, cadence := range subscribers.Cadences {
		if !slices.ContainsFunc(c.Digests.Schedules, func(s Schedule) bool { return s.Cadence == string(cadence) }) {
			unserved = append(unserved, cadence)
		}
	}
	return unserved
}

// ServedCadences are those that people can choose: all where staff alone make digests.
func (c *Config) ServedCadences() (served []subscribers.Cadence) {
	if len(c.Digests.Schedules) == 0 {
		return subscribers.Cadences[:]
	}
	unserved := c.UnservedCadences()
	for _, cadence := range subscribers.Cadences {
		if !slices.Contains(unserved, cadence) {
			served = append(served, cadence)
		}
	}
	return served
}

// listed is "daily", or "daily and monthly".
func listed[S ~string](names []S) string {
	text := ""
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			text += " and "
		default:
			text += ", "
		}
		text += string(name)
	}
	return text
}

// Warnings are settings that work but should be changed, with the Notes.
func (c *Config) Warnings() (warnings []string) {
	warnings = c.Notes()
	if examples := c.exampleSettings(); len(examples) > 0 {
		warnings = append(warnings, "values of the examples are left: "+listed(examples))
	}
	if missing := c.missingTexts(); len(missing) > 0 {
		warnings = append(warnings, listed(missing)+" not set: pages show none")
	}
	if c.Site.PostalAddress == "" {
		warnings = append(warnings, "site.postal_address is not set: many countries require a postal address in newsletters")
	}
	if c.Mail.DKIM.Key == "" {
		warnings = append(warnings, "mail.dkim.key is not set: large mailbox providers require signed email; let the relay sign, or create keys: insights key new")
	}
	for _, relay := range []struct{ key, host, tls string }{{"smtp", c.SMTP.Host, c.SMTP.TLS}, {"smtp.fallback", c.SMTP.Fallback.Host, c.SMTP.Fallback.TLS}} {
		if relay.tls == "none" && relay.host != "" && !isLocal(relay.host) {
			warnings = append(warnings, fmt.Sprintf("%s.tls is none and %s is another machine: emails and the password travel unencrypted", relay.key, relay.host))
		}
	}
	from := newsletter.DomainOf(c.Mail.From)
	switch bounce := c.Mail.BounceDomain; {
	case bounce == "":
		warnings = append(warnings, "mail.bounce_domain is not set: bounces go to mail.from")
	case bounce != from && !strings.HasSuffix(bounce, "."+from):
		warnings = append(warnings, fmt.Sprintf("mail.bounce_domain %s is not under %s, the domain of mail.from: SPF will not align", bounce, from))
	}
	for _, network := range c.TrustedProxies {
		if p, err := ParseNetwork(network); err == nil && p.Bits() == 0 {
			warnings = append(warnings, fmt.Sprintf("trusted_proxies contains %s: any client can forge its address, so limits per client have no effect", network))
		}
	}
	return warnings
}

// isLocal reports whether a host is this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
