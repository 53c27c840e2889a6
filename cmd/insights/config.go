package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// Config is everything that can be set: defaults, then insights.yaml, then
// INSIGHTS_* variables, then flags. A key's variable is its path in capitals,
// joined by underscores; keys tagged secret can also be read from the file that
// the variable with _FILE at its end names.
type Config struct {
	Site     templates.Site `yaml:"site"`
	Content  ContentConfig  `yaml:"content"`
	Listen   string         `yaml:"listen"`
	Database DatabaseConfig `yaml:"database"`
	// Secret signs every link in every mail. Several, newest first and separated
	// by blanks, let old links go on working after a change.
	Secret         string          `yaml:"secret" secret:"true"`
	SMTP           SMTPConfig      `yaml:"smtp"`
	Mail           MailConfig      `yaml:"mail"`
	Digests        DigestsConfig   `yaml:"digests"`
	Bounces        BouncesConfig   `yaml:"bounces"`
	Limits         LimitsConfig    `yaml:"limits"`
	TrustedProxies []string        `yaml:"trusted_proxies"` // addresses or networks whose X-Forwarded-For is believed
	TrustedOrigins []string        `yaml:"trusted_origins"` // sites that may embed the sign-up form
	ShutdownGrace  time.Duration   `yaml:"shutdown_grace"`
	Templates      TemplatesConfig `yaml:"templates"`
	Metrics        MetricsConfig   `yaml:"metrics"`
	WebSub         WebSubConfig    `yaml:"websub"`

	explicit map[string]origin // keys that somebody set
	followed bool              // the base URL is that of insights dev here
}

// origin is where a key was set.
type origin int

const (
	byDefault origin = iota
	byFile
	byVariable
)

type ContentConfig struct {
	Dir       string        `yaml:"dir"`        // "" = the insights inside the binary
	EditGrace time.Duration `yaml:"edit_grace"` // how long a new insight can be corrected before readers are mailed
}

type DatabaseConfig struct {
	URL string `yaml:"url" secret:"true"`
}

type SMTPConfig struct {
	Host        string `yaml:"host"`
	Port        int    `yaml:"port"`
	TLS         string `yaml:"tls"` // none, starttls, implicit
	User        string `yaml:"user"`
	Password    string `yaml:"password" secret:"true"`
	HELO        string `yaml:"helo"` // "" = the domain of mail.from
	Connections int    `yaml:"connections"`
	// Rates are mails a second; 0 = no limit.
	Rate      float64 `yaml:"rate"`
	PerDomain float64 `yaml:"per_domain"` // to each recipient domain
	// MessagesPerConnection is after how many a connection is made anew; 0 = never.
	MessagesPerConnection int            `yaml:"messages_per_connection"`
	Fallback              FallbackConfig `yaml:"fallback"`
}

// FallbackConfig is a second relay, for when the first can't be reached.
type FallbackConfig struct {
	Host     string `yaml:"host"` // "" = none
	Port     int    `yaml:"port"`
	TLS      string `yaml:"tls"`
	User     string `yaml:"user"`
	Password string `yaml:"password" secret:"true"`
}

type MailConfig struct {
	From        string `yaml:"from"`
	ConfirmFrom string `yaml:"confirm_from"`
	ReplyTo     string `yaml:"reply_to"`
	ListID      string `yaml:"list_id"`
	// BounceDomain is the domain of the return paths, each of which names its mail;
	// "" = what can't be delivered comes back to From.
	BounceDomain string     `yaml:"bounce_domain"`
	DKIM         DKIMConfig `yaml:"dkim"`
}

// DKIMConfig is what mails are signed with.
type DKIMConfig struct {
	Domain          string `yaml:"domain"`           // "" = that of From
	Selector        string `yaml:"selector"`         // of the RSA key
	Ed25519Selector string `yaml:"ed25519_selector"` // "" = Selector-ed25519
	// Key is private keys in PEM, or the file that has them. "" = the relay signs.
	Key string `yaml:"key" secret:"true"`
}

type DigestsConfig struct {
	StartWith   int              `yaml:"start_with"`
	OnUncertain string           `yaml:"on_uncertain"` // resend, hold, skip
	Retry       RetryConfig      `yaml:"retry"`
	Schedules   []ScheduleConfig `yaml:"schedules"`
}

type RetryConfig struct {
	First    time.Duration `yaml:"first"`
	Deadline time.Duration `yaml:"deadline"`
}

type ScheduleConfig struct {
	Name        string        `yaml:"name"`
	Cadence     string        `yaml:"cadence"`
	Cron        string        `yaml:"cron"`
	TimeZone    string        `yaml:"time_zone"` // "" = the site's
	MinInsights int           `yaml:"min_insights"`
	MaxInsights int           `yaml:"max_insights"`
	Missed      string        `yaml:"missed"` // send, skip
	LateAfter   time.Duration `yaml:"late_after"`
	Approve     string        `yaml:"approve"` // auto, manual
}

// LimitsConfig bounds sign-ups; 0 = no limit.
type LimitsConfig struct {
	AddressEvery time.Duration `yaml:"address_every"` // between two mails to one address
	AddressDaily int           `yaml:"address_daily"` // mails to one address in a day
	ClientHourly int           `yaml:"client_hourly"` // sign-ups in an hour from one client
	DomainHourly int           `yaml:"domain_hourly"` // ... to addresses of one domain
	TotalHourly  int           `yaml:"total_hourly"`  // ... in all: beyond it mail is withheld, with an alarm in the log
	Refused      string        `yaml:"refused"`       // file with a domain a line that nobody can sign up from; "" = none
}

type TemplatesConfig struct {
	Dir string `yaml:"dir"`
}

type MetricsConfig struct {
	Listen string `yaml:"listen"` // "" = none
}

const (
	defaultConfigFile = "insights.yaml"
	defaultListen     = "127.0.0.1:8080"
	defaultDatabase   = "sqlite:insights-dev.db"
)

func defaultConfig() Config {
	return Config{
		Site:     templates.DefaultSite(),
		Content:  ContentConfig{EditGrace: 5 * time.Minute},
		Listen:   defaultListen,
		Database: DatabaseConfig{URL: defaultDatabase},
		SMTP:     SMTPConfig{Port: 587, TLS: "starttls", Connections: 4, MessagesPerConnection: 100, Fallback: FallbackConfig{Port: 587, TLS: "starttls"}},
		Mail:     MailConfig{From: "Insights <insights@localhost.localdomain>", DKIM: DKIMConfig{Selector: "insights"}},
		Digests: DigestsConfig{
			StartWith: 3, OnUncertain: "resend",
			Retry: RetryConfig{First: 10 * time.Second, Deadline: 72 * time.Hour},
			Schedules: []ScheduleConfig{
				{Name: "instant", Cadence: "instant"},
				{Name: "daily", Cadence: "daily", Cron: "0 8 * * *"},
				{Name: "weekly", Cadence: "weekly", Cron: "0 9 * * 1"},
				{Name: "monthly", Cadence: "monthly", Cron: "0 9 1 * *"},
			},
		},
		Limits:        LimitsConfig{AddressEvery: 15 * time.Minute, AddressDaily: 3, ClientHourly: 30, DomainHourly: 500, TotalHourly: 2000},
		ShutdownGrace: 30 * time.Second,
	}
}

// config reads the configuration. Its error lists every fault.
func (p *program) config() (Config, error) {
	c := defaultConfig()
	c.explicit = make(map[string]origin)
	name := p.configFile
	if name == "" {
		name = defaultConfigFile
	}
	source, err := os.ReadFile(name)
	if err != nil && (p.configFile != "" || !errors.Is(err, fs.ErrNotExist)) {
		return c, unusable(fmt.Errorf("read configuration: %w", err))
	}
	found := faults{name: name, source: source}
	readYAML(&c, &found)
	readEnvironment(p.env, &c, &found)
	c.check(&found)
	if err := found.err(); err != nil {
		return c, unusable(err)
	}
	for key, dir := range map[string]*string{"content.dir": &c.Content.Dir, "templates.dir": &c.Templates.Dir, "mail.dkim.key": &c.Mail.DKIM.Key, "bounces.maildir": &c.Bounces.Maildir, "limits.refused": &c.Limits.Refused} {
		if c.explicit[key] == byFile && *dir != "" && !isPEM(*dir) && !filepath.IsAbs(*dir) {
			*dir = filepath.Join(filepath.Dir(name), *dir) // beside the file that names them
		}
	}
	if c.Site.BaseURL == "" {
		c.Site.BaseURL = "http://" + c.Listen
	}
	c.Site.BaseURL = strings.TrimRight(c.Site.BaseURL, "/")
	return c, nil
}

// check reports every value that can't be right, each with where it was set.
func (c *Config) check(found *faults) {
	fault := func(key, format string, args ...any) {
		found.key(c, key, fmt.Sprintf(format, args...))
	}
	if u, err := url.Parse(c.Site.BaseURL); c.Site.BaseURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		fault("site.base_url", "%q is no address of a site: write https://insights.example.com", c.Site.BaseURL)
	}
	if _, err := time.LoadLocation(c.Site.TimeZone); err != nil {
		fault("site.time_zone", "%q is no time zone: write a name such as Europe/Berlin or America/New_York", c.Site.TimeZone)
	}
	if !canListen(c.Listen) {
		fault("listen", "%q is no address to listen on: write HOST:PORT, such as 127.0.0.1:8080 or :8080", c.Listen)
	}
	if c.Metrics.Listen != "" && !canListen(c.Metrics.Listen) {
		fault("metrics.listen", "%q is no address to listen on: write HOST:PORT, such as 127.0.0.1:9090", c.Metrics.Listen)
	}
	if !database.IsURL(c.Database.URL) {
		fault("database.url", "must be sqlite:FILE or postgres://USER@HOST/DATABASE")
	}
	c.checkCategories(fault)
	c.checkMail(fault)
	c.checkDigests(fault)
	c.checkWebSub(fault)
	for _, s := range c.TrustedProxies {
		if _, err := parseNetwork(s); err != nil {
			fault("trusted_proxies", "%q is neither an IP address nor a network such as 10.0.0.0/8", s)
		}
	}
	c.checkBounces(fault)
	for _, s := range c.TrustedOrigins {
		if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			fault("trusted_origins", "%q is no origin: write https://www.example.com, without a path", s)
		}
	}
	for _, secret := range c.secrets() {
		if len(secret) < subscribers.MinSecret {
			fault("secret", "has %d bytes; it needs %d or more (blanks and commas divide several secrets): head -c 32 /dev/urandom | base64", len(secret), subscribers.MinSecret)
		}
	}
}

func (c *Config) checkCategories(fault func(key, format string, args ...any)) {
	seen := make(map[string]bool)
	for _, category := range c.Site.Categories {
		if category.Slug == "" || content.Slugify(category.Slug) != category.Slug || category.Slug == "all" || category.Slug == "digests" {
			fault("site.categories", "slug %q: use lower-case letters, digits and hyphens; \"all\" and \"digests\" are taken", category.Slug)
		}
		if strings.TrimSpace(category.Name) == "" {
			fault("site.categories", "the category %q has no name", category.Slug)
		}
		if seen[category.Slug] {
			fault("site.categories", "the slug %q stands twice", category.Slug)
		}
		seen[category.Slug] = true
		for _, slug := range category.Formerly {
			if slug == "" || seen[slug] || content.Slugify(slug) != slug || slug == "all" || slug == "digests" {
				fault("site.categories", "formerly %q of %q: write a slug that this category had, and no other has or had", slug, category.Slug)
			}
			seen[slug] = true
		}
	}
	if len(c.Site.Categories) == 0 {
		fault("site.categories", "there must be at least one category")
	}
}

func (c *Config) checkMail(fault func(key, format string, args ...any)) {
	for _, mailbox := range []struct{ key, value string }{
		{"mail.from", c.Mail.From}, {"mail.confirm_from", c.Mail.ConfirmFrom}, {"mail.reply_to", c.Mail.ReplyTo},
	} {
		key, value := mailbox.key, mailbox.value
		if value == "" && key != "mail.from" {
			continue
		}
		if a, err := mail.ParseAddress(value); err != nil {
			fault(key, "%q is no mail address: write Insights <insights@example.com>", value)
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
			fault(relay.section+".port", "%d is no port", relay.port)
		}
		switch relay.tls {
		case "none", "starttls", "implicit":
		default:
			fault(relay.section+".tls", "%q: one of none, starttls, implicit", relay.tls)
		}
	}
	if c.SMTP.Connections < 1 || c.SMTP.Connections > 1000 {
		fault("smtp.connections", "%d: between 1 and 1000", c.SMTP.Connections)
	}
}

func (c *Config) checkDigests(fault func(key, format string, args ...any)) {
	if c.Digests.StartWith < 0 {
		fault("digests.start_with", "%d: 0 or more", c.Digests.StartWith)
	}
	switch c.Digests.OnUncertain {
	case "resend", "hold", "skip":
	default:
		fault("digests.on_uncertain", "%q: one of resend, hold, skip", c.Digests.OnUncertain)
	}
	seen := make(map[string]bool)
	for i, s := range c.Digests.Schedules {
		key := fmt.Sprintf("digests.schedules[%d]", i)
		if s.Name == "" || seen[s.Name] {
			fault(key, "each schedule needs a name of its own")
		}
		seen[s.Name] = true
		if _, err := subscribers.ParseCadence(s.Cadence); err != nil {
			fault(key, "%v", err)
		}
		if s.Missed != "" && s.Missed != "send" && s.Missed != "skip" {
			fault(key, "missed %q: send or skip", s.Missed)
		}
		if s.Approve != "" && s.Approve != "auto" && s.Approve != "manual" {
			fault(key, "approve %q: auto or manual", s.Approve)
		}
		if _, err := time.LoadLocation(s.TimeZone); err != nil {
			fault(key, "%q is no time zone", s.TimeZone)
		}
		if s.MinInsights < 0 || s.MaxInsights < 0 || s.LateAfter < 0 {
			fault(key, "min_insights, max_insights and late_after are 0 or more")
		}
		if strings.HasPrefix(s.Cron, "TZ=") || strings.HasPrefix(s.Cron, "CRON_TZ=") {
			fault(key, "cron %q: write the zone into time_zone", s.Cron)
		}
		schedule := s.schedule(time.UTC)
		if err := schedule.Check(); err != nil {
			fault(key, "%v", err)
		}
	}
}

func (s ScheduleConfig) schedule(zone *time.Location) newsletter.Schedule {
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

// schedules are the configured schedules in the site's zone.
func (c *Config) schedules() []newsletter.Schedule {
	var all []newsletter.Schedule
	for _, s := range c.Digests.Schedules {
		all = append(all, s.schedule(c.zone()))
	}
	return all
}

// zone is the site's time zone, checked when the configuration was read.
func (c *Config) zone() *time.Location {
	if zone, err := time.LoadLocation(c.Site.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

func (c *Config) secrets() []string {
	return strings.Fields(strings.ReplaceAll(c.Secret, ",", " "))
}

// categorySlugs are the slugs that readers can choose.
func (c *Config) categorySlugs() []string {
	slugs := make([]string, len(c.Site.Categories))
	for i, category := range c.Site.Categories {
		slugs[i] = category.Slug
	}
	return slugs
}

// forServing reports everything that must be set before a site may be served to
// the world, and how to set it.
func (c *Config) forServing() error {
	var missing []error
	need := func(key, how string) {
		if c.explicit[key] == byDefault {
			missing = append(missing, fmt.Errorf("  %s is not set: %s", key, how))
		}
	}
	need("site.base_url", "INSIGHTS_SITE_BASE_URL=https://insights.example.com")
	need("database.url", "INSIGHTS_DATABASE_URL=sqlite:/var/lib/insights/insights.db,\n    or postgres://USER:PASSWORD@HOST/DATABASE where several machines share it")
	need("secret", "INSIGHTS_SECRET=$(head -c 32 /dev/urandom | base64),\n    once and for ever: every link in every mail depends on it;\n    or INSIGHTS_SECRET_FILE=/etc/insights/secret")
	need("smtp.host", "INSIGHTS_SMTP_HOST=smtp.example.com,\n    and as the relay wants it INSIGHTS_SMTP_PORT, _TLS, _USER and _PASSWORD")
	need("mail.from", "INSIGHTS_MAIL_FROM='Insights <insights@example.com>'")
	if len(missing) > 0 {
		missing = append([]error{errors.New("serve needs more, as variables or in insights.yaml (`insights dev` does not)")}, missing...)
		return unusable(errors.Join(missing...))
	}
	return nil
}

// canListen reports whether an address is HOST:PORT with a port that there is.
func canListen(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
