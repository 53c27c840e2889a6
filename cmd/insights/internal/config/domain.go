package config

import (
	"cmp"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func (s Schedule) schedule(zone *time.Location) newsletter.Schedule {
	if s.TimeZone != "" {
		if own, err := time.LoadLocation(s.TimeZone); err == nil {
			zone = own
		}
	}
	return newsletter.Schedule{
		Name: s.Name, Cadence: subscribers.Cadence(s.Cadence), Cron: s.Cron, Zone: zone,
		MinItems: s.MinInsights, MaxItems: s.MaxInsights,
		Missed: newsletter.Missed(s.Missed), LateBy: s.LateAfter, Approve: s.Approve == "manual",
	}
}

// Schedules are the configured schedules in the site's zone.
func (c *Config) Schedules() []newsletter.Schedule {
	var all []newsletter.Schedule
	for _, s := range c.Digests.Schedules {
		all = append(all, s.schedule(c.Zone()))
	}
	return all
}

// Zone is the site's time zone, checked when the configuration was read.
func (c *Config) Zone() *time.Location {
	if zone, err := time.LoadLocation(c.Site.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// Secrets are the secrets that sign links, the newest first.
func (c *Config) Secrets() []string { return words(c.Secret) }

// words splits a text at spaces and commas.
func words(s string) []string { return strings.Fields(strings.ReplaceAll(s, ",", " ")) }

// CategorySlugs are the slugs that readers can choose.
func (c *Config) CategorySlugs() []string {
	slugs := make([]string, len(c.Site.Categories))
	for i, category := range c.Site.Categories {
		slugs[i] = category.Slug
	}
	return slugs
}

// How many sign-ups wait at most: as many as ten hours of the usual limit, and of one
// network as many as it may ask for in an hour.
const maxWaiting, maxWaitingOfOne = 20_000, 30

// SignUpLimits are those of sign-ups.
func (c *Config) SignUpLimits() subscribers.Limits {
	l := c.Limits
	return subscribers.Limits{
		AddressEvery: l.AddressEvery, AddressADay: l.AddressDaily, Client: l.ClientHourly, Domain: subscribers.Pace(l.DomainHourly), All: subscribers.Pace(l.TotalHourly),
		Waiting: maxWaiting, WaitingOfOne: maxWaitingOfOne,
	}
}

// HubURL is the URL of the hub that the feeds link to; "" = no hub.
func (c *Config) HubURL() string {
	if c.WebSub.Hub == OwnHub {
		return c.Site.BaseURL + "/hub"
	}
	return c.WebSub.Hub
}

// HELO is the name this program gives in EHLO: never the machine's own.
func (c *Config) HELO() string { return cmp.Or(c.SMTP.HELO, newsletter.DomainOf(c.Mail.From)) }

// DKIMDomain is the domain that signs.
func (c *Config) DKIMDomain() string {
	return cmp.Or(c.Mail.DKIM.Domain, newsletter.DomainOf(c.Mail.From))
}

// Identity is the sender of our emails.
func (c *Config) Identity() newsletter.Identity {
	return newsletter.Identity{
		BaseURL: c.Site.BaseURL, From: c.Mail.From, ConfirmFrom: c.Mail.ConfirmFrom, ReplyTo: c.Mail.ReplyTo,
		ListID: c.Mail.ListID, ListName: c.Site.Title, BounceDomain: c.Mail.BounceDomain,
		UnsubscribeByEmail: c.Bounces.Listen != "" || c.Bounces.Maildir != "", Zone: c.Zone(),
	}
}
