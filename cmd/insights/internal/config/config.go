// Package config is what can be set: defaults, then insights.yaml, then INSIGHTS_*
// variables. It reads and checks plain values, and opens nothing that they name.
package config

import (
	"time"

	"github.com/scaledbydesign/insights/templates"
)

// Config is everything that can be set. A key is the path of its yaml tags; its
// variable is that path in capitals, joined by underscores. A key tagged secret can
// also be read from the file that the variable with _FILE at its end names. The doc
// tags are the reference: see [Keys].
type Config struct {
	Site           templates.Site `yaml:"site"`
	Content        Content        `yaml:"content"`
	Listen         string         `yaml:"listen" doc:"Address to serve the site on, as HOST:PORT."`
	Database       Database       `yaml:"database"`
	Secret         string         `yaml:"secret" secret:"true" doc:"Signs every link in every email: at least 32 bytes of random text. To change it, put the new secret before the old ones, separated by spaces: old links keep working."`
	SMTP           SMTP           `yaml:"smtp"`
	Mail           Mail           `yaml:"mail"`
	Digests        Digests        `yaml:"digests"`
	Bounces        Bounces        `yaml:"bounces"`
	Limits         Limits         `yaml:"limits"`
	TrustedProxies []string       `yaml:"trusted_proxies" doc:"IP addresses or networks of reverse proxies whose X-Forwarded-For is trusted."`
	TrustedOrigins []string       `yaml:"trusted_origins" doc:"Other sites that may embed the sign-up form, such as https://www.example.com."`
	ShutdownGrace  time.Duration  `yaml:"shutdown_grace" doc:"How long emails in flight may take when the daemon is told to stop."`
	Templates      Templates      `yaml:"templates"`
	Metrics        Metrics        `yaml:"metrics"`
	WebSub         WebSub         `yaml:"websub"`

	origins map[string]Origin // of the keys that somebody set
	source  source

	secretsFrom    []string // the files that variables named
	formerDatabase string   // where earlier versions took database.url to lead; "" = there, too
}

// Origin is where a key was set.
type Origin int

const (
	ByDefault Origin = iota
	InFile
	InVariable
)

// Origin is where the key at a path such as "smtp.port" was set.
func (c *Config) Origin(path string) Origin { return c.origins[path] }

// Content is where the insights are.
type Content struct {
	Dir       string        `yaml:"dir" doc:"Folder with the insights, one Markdown file each. Empty: the insights inside the binary."`
	EditGrace time.Duration `yaml:"edit_grace" doc:"How long a new insight can be corrected before it goes into digests."`
}

// Database is where everything is kept that must survive a restart.
type Database struct {
	URL string `yaml:"url" secret:"true" doc:"sqlite:FILE, or postgres://USER:PASSWORD@HOST/DATABASE where several machines share it."`
}

// SMTP is the mail server that takes our emails.
type SMTP struct {
	Host                  string  `yaml:"host" doc:"Host name of the mail server (relay) that takes our emails."`
	Port                  int     `yaml:"port" doc:"Its port."`
	TLS                   string  `yaml:"tls" doc:"How the connection is encrypted: starttls, implicit or none."`
	User                  string  `yaml:"user" doc:"User name for the mail server. Empty: no login."`
	Password              string  `yaml:"password" secret:"true" doc:"Password for the mail server."`
	HELO                  string  `yaml:"helo" doc:"Name this program gives in EHLO. Empty: the domain of mail.from."`
	Connections           int     `yaml:"connections" doc:"How many connections to the mail server are open at once, 1 to 1000."`
	Rate                  float64 `yaml:"rate" doc:"Emails per second in all. 0: no limit."`
	PerDomain             float64 `yaml:"per_domain" doc:"Emails per second to each recipient domain. 0: no limit."`
	MessagesPerConnection int     `yaml:"messages_per_connection" doc:"Number of emails after which a connection is reopened. 0: never."`

	Fallback Fallback `yaml:"fallback"`
}

// Fallback is a second relay, for when the first can't be reached.
type Fallback struct {
	Host     string `yaml:"host" doc:"Host name of a second mail server, used while the first is unreachable. Empty: none."`
	Port     int    `yaml:"port" doc:"Its port."`
	TLS      string `yaml:"tls" doc:"How the connection is encrypted: starttls, implicit or none."`
	User     string `yaml:"user" doc:"User name for the second mail server. Empty: no login."`
	Password string `yaml:"password" secret:"true" doc:"Password for the second mail server."`
}

// Mail is the identity of our emails.
type Mail struct {
	From         string `yaml:"from" doc:"Sender of digests: Insights <insights@example.com>."`
	ConfirmFrom  string `yaml:"confirm_from" doc:"Sender of confirmations and other single emails. Empty: mail.from."`
	ReplyTo      string `yaml:"reply_to" doc:"Where replies go. Empty: to the sender."`
	ListID       string `yaml:"list_id" doc:"List-Id header of digests, a name under your domain. Empty: made from mail.from."`
	BounceDomain string `yaml:"bounce_domain" doc:"Domain of the return paths, one for each email, so that a bounce identifies its email. Empty: bounces go to mail.from."`
	DKIM         DKIM   `yaml:"dkim"`
}

// DKIM is what emails are signed with.
type DKIM struct {
	Domain          string `yaml:"domain" doc:"Domain that signs. Empty: that of mail.from."`
	Selector        string `yaml:"selector" doc:"Selector of the RSA key: its DNS record is SELECTOR._domainkey.DOMAIN."`
	Ed25519Selector string `yaml:"ed25519_selector" doc:"Selector of the Ed25519 key. Empty: the other selector with -ed25519 appended."`
	Key             string `yaml:"key" secret:"true" doc:"Private keys in PEM, or the file that contains them. Empty: emails are not signed here; let the relay sign them."`
}

// Digests is when digests are made and how hard they are tried.
type Digests struct {
	StartWith   int        `yaml:"start_with" doc:"How many of the newest insights a new subscriber's first digest carries. 0: only what comes after."`
	OnUncertain string     `yaml:"on_uncertain" doc:"What happens to an email that may or may not have arrived: resend, hold or skip."`
	Retry       Retry      `yaml:"retry"`
	Schedules   []Schedule `yaml:"schedules" doc:"When digests are made: a list with one entry for each schedule."`
}

// Retry is for emails that the mail server deferred.
type Retry struct {
	First    time.Duration `yaml:"first" doc:"Wait before a deferred email is retried; later waits are longer."`
	Deadline time.Duration `yaml:"deadline" doc:"How long an email is retried before it counts as failed."`
}

// Schedule makes digests for the readers of one cadence.
type Schedule struct {
	Name        string        `yaml:"name" doc:"Name of the schedule, as status and the log show it."`
	Cadence     string        `yaml:"cadence" doc:"Cadence of the readers it is for: instant, daily, weekly or monthly."`
	Cron        string        `yaml:"cron" doc:"When it is due, in five cron fields. Not for instant."`
	TimeZone    string        `yaml:"time_zone" doc:"Time zone of cron. Empty: that of the site."`
	MinInsights int           `yaml:"min_insights" doc:"Minimum number of unread insights for a digest; fewer wait for the next one."`
	MaxInsights int           `yaml:"max_insights" doc:"How many insights an email shows in full; older ones follow as a list of titles. 0: all."`
	Missed      string        `yaml:"missed" doc:"What happens to a digest that was due while nothing ran: send or skip."`
	LateAfter   time.Duration `yaml:"late_after" doc:"A digest that is later than this is paused until someone resumes it. 0: 24 hours."`
	Approve     string        `yaml:"approve" doc:"auto, or manual: staff approve each digest before it is sent."`
}

// Bounces is how emails come back.
type Bounces struct {
	Listen        string    `yaml:"listen" doc:"Where bounces are received: HOST:PORT for SMTP, lmtp:HOST:PORT or unix:PATH for LMTP. Empty: nowhere."`
	Maildir       string    `yaml:"maildir" doc:"Maildir that bounces are delivered to. Empty: none."`
	Complaints    string    `yaml:"complaints" doc:"Address registered with mailbox providers' feedback loops. Empty: none."`
	WebhookSecret string    `yaml:"webhook_secret" secret:"true" doc:"Key with which a relay signs its requests to /bounces, as whsec_BASE64 (Standard Webhooks); several during a rotation."`
	Judgement     Judgement `yaml:"judgement"`
}

// Limits bounds sign-ups.
type Limits struct {
	AddressEvery time.Duration `yaml:"address_every" doc:"Minimum time between two sign-up emails to one address. 0: no limit."`
	AddressDaily int           `yaml:"address_daily" doc:"Sign-up emails to one address in a day. 0: no limit."`
	ClientHourly int           `yaml:"client_hourly" doc:"Sign-ups from one client (an IPv4 address, an IPv6 /64) in an hour; from an IPv6 /56 four times as many. 0: no limit."`
	DomainHourly int           `yaml:"domain_hourly" doc:"Sign-ups of addresses under one domain in an hour: half of them at once, the others evenly; those beyond it wait. 0: no limit."`
	TotalHourly  int           `yaml:"total_hourly" doc:"Total sign-ups in an hour: half of them at once, the others evenly; those beyond it wait, and the log says so. 0: no limit."`
	Refused      string        `yaml:"refused" doc:"File with domains that nobody can sign up from, one per line. Empty: none."`
}

// Templates is where templates are that replace embedded ones.
type Templates struct {
	Dir string `yaml:"dir" doc:"Folder with templates that replace those inside the binary. Empty: none."`
}

// Metrics is where Prometheus reads metrics.
type Metrics struct {
	Listen string `yaml:"listen" doc:"Address to serve /metrics for Prometheus on, as HOST:PORT. Empty: nowhere."`
}

// WebSub is who pushes the feeds to their subscribers.
type WebSub struct {
	Hub              string `yaml:"hub" doc:"Who pushes new content to feed readers: self, or the URL of another hub. Empty: nobody."`
	PrivateCallbacks bool   `yaml:"private_callbacks" doc:"Whether callbacks in private networks and on this machine are allowed."`
	Ports            []int  `yaml:"ports" doc:"Ports that callbacks may have besides 80 and 443."`
}

// OwnHub is the value of WebSub.Hub for the hub of this program.
const OwnHub = "self"

const (
	// DefaultFile is read when no other is named, if it is there.
	DefaultFile = "insights.yaml"
	// DefaultDatabase is that of insights dev.
	DefaultDatabase = "sqlite:insights-dev.db"
)

// Default is the configuration where nothing is set.
func Default() Config {
	return Config{
		Site:     templates.DefaultSite(),
		Content:  Content{EditGrace: 5 * time.Minute},
		Listen:   "127.0.0.1:8080",
		Database: Database{URL: DefaultDatabase},
		SMTP:     SMTP{Port: 587, TLS: "starttls", Connections: 4, MessagesPerConnection: 100, Fallback: Fallback{Port: 587, TLS: "starttls"}},
		Mail:     Mail{From: "Insights <insights@localhost.localdomain>", DKIM: DKIM{Selector: "insights"}},
		Digests: Digests{
			StartWith: 3, OnUncertain: "resend",
			Retry: Retry{First: 10 * time.Second, Deadline: 72 * time.Hour},
			Schedules: []Schedule{
				{Name: "instant", Cadence: "instant"},
				{Name: "daily", Cadence: "daily", Cron: "0 8 * * *"},
				{Name: "weekly", Cadence: "weekly", Cron: "0 9 * * 1"},
				{Name: "monthly", Cadence: "monthly", Cron: "0 9 1 * *"},
			},
		},
		Bounces:       Bounces{Judgement: defaultJudgement()},
		Limits:        Limits{AddressEvery: 15 * time.Minute, AddressDaily: 3, ClientHourly: 30, DomainHourly: 500, TotalHourly: 2000},
		ShutdownGrace: 30 * time.Second,
	}
}
