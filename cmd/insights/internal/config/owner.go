package config

import (
	"reflect"
	"strings"

	"github.com/scaledbydesign/insights/templates"
)

// ownTexts takes the texts of the default owner off a site that has another title or
// owner: nobody shows another company's tagline, contact or links by mistake.
func (c *Config) ownTexts() {
	site, other := &c.Site, templates.DefaultSite()
	if site.Title == other.Title && site.Owner == other.Owner {
		return
	}
	if site.Owner == other.Owner {
		site.Owner = site.Title
	}
	if site.Title == other.Title {
		site.Title = site.Owner
	}
	for _, text := range []struct {
		value     *string
		of        string
		otherwise string
	}{
		{&site.Author, other.Author, site.Owner}, {&site.Description, other.Description, site.Title}, {&site.OwnerURL, other.OwnerURL, ""},
		{&site.Tagline, other.Tagline, ""}, {&site.Contact, other.Contact, ""}, {&site.Copyright, other.Copyright, ""},
	} {
		if *text.value == text.of {
			*text.value = text.otherwise
		}
	}
	mine, others := reflect.ValueOf(&site.Links).Elem(), reflect.ValueOf(other.Links)
	for i := range mine.NumField() {
		if reflect.DeepEqual(mine.Field(i).Interface(), others.Field(i).Interface()) {
			mine.Field(i).SetZero()
		}
	}
}

// missingTexts are the keys of the owner's texts that are not set.
func (c *Config) missingTexts() (keys []string) {
	for _, text := range []struct{ key, value string }{
		{"site.owner_url", c.Site.OwnerURL}, {"site.tagline", c.Site.Tagline}, {"site.contact", c.Site.Contact}, {"site.copyright", c.Site.Copyright},
	} {
		if text.value == "" {
			keys = append(keys, text.key)
		}
	}
	return keys
}

// exampleSettings are settings that still have a value of the examples in the docs.
func (c *Config) exampleSettings() (settings []string) {
	for _, setting := range []struct{ key, value string }{
		{"site.base_url", c.Site.BaseURL}, {"site.title", c.Site.Title}, {"site.owner", c.Site.Owner}, {"site.owner_url", c.Site.OwnerURL}, {"site.author", c.Site.Author},
		{"site.contact", c.Site.Contact}, {"site.postal_address", c.Site.PostalAddress}, {"site.authority", c.Site.Authority}, {"smtp.host", c.SMTP.Host}, {"mail.from", c.Mail.From},
		{"mail.confirm_from", c.Mail.ConfirmFrom}, {"mail.reply_to", c.Mail.ReplyTo}, {"mail.list_id", c.Mail.ListID}, {"mail.bounce_domain", c.Mail.BounceDomain},
	} {
		if isExample(setting.value) {
			settings = append(settings, setting.key+" "+setting.value)
		}
	}
	return settings
}

// isExample reports whether a value contains a domain that is reserved for examples
// (RFC 2606), or a name of our own examples.
func isExample(value string) bool {
	value = strings.ToLower(value)
	for _, domain := range []string{"example.com", "example.net", "example.org", ".example"} {
		if before, after, found := strings.Cut(value, domain); found && !endsInName(before, domain) && !beginsWithName(after) {
			return true
		}
	}
	return strings.HasPrefix(value, "example ") || value == "1 example street"
}

// endsInName reports whether the domain found is only the end of a longer label, such as
// in counterexample.com.
func endsInName(before, domain string) bool {
	if domain[0] == '.' || before == "" {
		return false
	}
	c := before[len(before)-1]
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
}

func beginsWithName(after string) bool {
	return after != "" && (after[0] >= 'a' && after[0] <= 'z' || after[0] >= '0' && after[0] <= '9' || after[0] == '-' || after[0] == '.')
}
