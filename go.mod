module github.com/scaledbydesign/insights

go 1.26.0

// Each dependency has one home in the tree; cmd/insights/docs/architecture.md says more.
require (
	github.com/alecthomas/chroma/v2 v2.27.0 // content: syntax highlighting
	github.com/andybalholm/brotli v1.2.8 // cmd/insights/internal/web: br
	github.com/chromedp/cdproto v0.159.0 // tests: a real browser
	github.com/chromedp/chromedp v0.23.0 // tests: a real browser
	github.com/emersion/go-msgauth v0.7.0 // tests: another judge of signatures
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // tests: the login of a real SMTP server
	github.com/emersion/go-smtp v0.25.1 // cmd/insights/internal/inbound: mails that come back; tests: a real SMTP server
	github.com/fsnotify/fsnotify v1.10.1 // cmd/insights: live reload
	github.com/go-co-op/gocron/v2 v2.21.2 // newsletter: schedules
	github.com/google/go-cmp v0.7.0 // tests: readable differences
	github.com/gorilla/feeds v1.2.0 // feeds: RSS, Atom and JSON Feed documents
	github.com/jackc/pgx/v5 v5.12.0 // cmd/insights/internal/database: PostgreSQL
	github.com/klauspost/compress v1.20.3 // cmd/insights/internal/web: zstd
	github.com/mattn/go-sqlite3 v1.14.53 // cmd/insights/internal/database: SQLite, inside the binary
	github.com/mmcdole/gofeed v1.4.2 // tests: a feed reader
	github.com/pressly/goose/v3 v3.29.0 // cmd/insights/internal/database: migrations
	github.com/prometheus/client_golang v1.25.0 // cmd/insights: metrics
	github.com/prometheus/client_model v0.6.3 // tests: reading metrics as Prometheus does
	github.com/prometheus/common v0.73.1 // tests: reading metrics as Prometheus does
	github.com/robfig/cron/v3 v3.0.1 // newsletter: what a cron line means (gocron reads the same)
	github.com/rogpeppe/go-internal v1.16.0 // tests: the real binary in scripts
	github.com/spf13/cobra v1.10.2 // cmd/insights: nested commands, completion
	github.com/standard-webhooks/standard-webhooks/libraries v0.0.1 // cmd/insights/internal/web: signatures of what a relay posts
	github.com/wneessen/go-mail v0.8.1 // newsletter/smtp: messages and sessions
	github.com/yuin/goldmark v1.8.7 // content: Markdown
	go.yaml.in/yaml/v3 v3.0.6 // content, cmd/insights: front matter and configuration
	golang.org/x/net v0.62.0 // content: raw HTML, token by token with its line, which sanitisers that take a whole text don't tell; subscribers, newsletter/smtp: international domain names (idna); internal/web: reading HTML; tests: a DNS server
	golang.org/x/sys v0.49.0 // cmd/insights: disk space and file locks
	golang.org/x/text v0.43.0 // newsletter/rfc5322, subscribers/lists: charsets; content, subscribers and its lists, internal/database: one form of each letter (norm)
	golang.org/x/time v0.16.0 // newsletter: rates of sending
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dlclark/regexp2/v2 v2.2.1 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/jonboulle/clockwork v0.5.0 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/mmcdole/goxpp/v2 v2.0.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pandatix/go-abnf v0.5.3 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/sethvargo/go-retry v0.5.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
