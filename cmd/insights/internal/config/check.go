package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// check reports every value that can't be right, each with where it was set.
func (c *Config) check(found *faults) {
	fault := func(key, format string, args ...any) {
		found.key(c, key, fmt.Sprintf(format, args...))
	}
	if u, err := url.Parse(c.Site.BaseURL); c.Site.BaseURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		fault("site.base_url", "%q is not the URL of a site: write https://insights.example.com", c.Site.BaseURL)
	}
	if _, err := time.LoadLocation(c.Site.TimeZone); err != nil {
		fault("site.time_zone", "%q is not a time zone: write a name such as Europe/Berlin or America/New_York", c.Site.TimeZone)
	}
	if !canListen(c.Listen) {
		fault("listen", "%q is not an address to listen on: write HOST:PORT, such as 127.0.0.1:8080 or :8080", c.Listen)
	}
	if c.Metrics.Listen != "" && !canListen(c.Metrics.Listen) {
		fault("metrics.listen", "%q is not an address to listen on: write HOST:PORT, such as 127.0.0.1:9090", c.Metrics.Listen)
	}
	if !isDatabase(c.Database.URL) {
		fault("database.url", "must be sqlite:FILE or postgres://USER@HOST/DATABASE")
	}
	c.checkCategories(fault)
	c.checkMail(fault)
	c.checkDigests(fault)
	c.checkWebSub(fault)
	for _, s := range c.TrustedProxies {
		if _, err := ParseNetwork(s); err != nil {
			fault("trusted_proxies", "%q is neither an IP address nor a network such as 10.0.0.0/8", s)
		}
	}
	c.checkBounces(fault)
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
}

func (c *Config) checkCategories(fault func(key, format string, args ...any)) {
	seen := make(map[string]bool)
	for _, category := range c.Site.Categories {
		if category.Slug == "" || content.Slugify(category.Slug) != category.Slug || category.Slug == "all" || category.Slug == "digests" {
			fault("site.categories", "slug %q: use lower-case letters, digits and hyphens; \"all\" and \"digests\" are reserved", category.Slug)
		}
		if strings.TrimSpace(category.Name) == "" {
			fault("site.categories", "the category %q has no name", category.Slug)
		}
		if seen[category.Slug] {
			fault("site.categories", "duplicate slug %q", category.Slug)
		}
		seen[category.Slug] = true
		for _, slug := range category.Formerly {
			if slug == "" || seen[slug] || content.Slugify(slug) != slug || slug == "all" || slug == "digests" {
				fault("site.categories", "formerly %q of %q: use a slug that this category had, and no other has or had", slug, category.Slug)
			}
			seen[slug] = true
		}
	}
	if len(c.Site.Categories) == 0 {
		fault("site.categories", "there must be at least one category")
	}
}

// isDatabase reports whether a URL is of a kind that the database package opens, which
// judges the rest of it.
func isDatabase(url string) bool {
	path, ok := strings.CutPrefix(url, "sqlite:")
	return ok && path != "" || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
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

// ParseNetwork reads an IP address or a network.
func ParseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func (c *Config) checkWebSub(fault func(key, format string, args ...any)) {
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
