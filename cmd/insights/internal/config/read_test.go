package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "insights.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestEveryFaultIsToldWithWhereItIs(t *testing.T) {
	name := write(t, "listen: nowhere\nsmtp:\n  port: 70000\n  prot: 25\n")
	_, err := config.Read(name, map[string]string{"INSIGHTS_SMTP_TLS": "maybe", "INSIGHTS_SECRT": "x"})
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Fatalf("%v is no config.Error", err)
	}
	for _, want := range []string{
		name + ":1: listen: ", name + ":3: smtp.port: ", name + `:4: unknown key "prot"; did you mean port?`,
		"INSIGHTS_SMTP_TLS: ", "INSIGHTS_SECRT: unknown variable; did you mean INSIGHTS_SECRET?",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing from\n%v", want, err)
		}
	}
}

func TestPathsInTheFileAreRelativeToIt(t *testing.T) {
	name := write(t, "content:\n  dir: here\n")
	for env, want := range map[string]string{"": filepath.Join(filepath.Dir(name), "here"), "there": "there"} {
		c, err := config.Read(name, map[string]string{"INSIGHTS_CONTENT_DIR": env})
		if err != nil || c.Content.Dir != want {
			t.Errorf("content.dir is %q, %v; want %q", c.Content.Dir, err, want)
		}
	}
}

func TestWhereAKeyWasSetIsKnown(t *testing.T) {
	c, err := config.Read(write(t, "listen: :8081\n"), map[string]string{"INSIGHTS_SMTP_HOST": "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]config.Origin{"listen": config.InFile, "smtp.host": config.InVariable, "smtp.port": config.ByDefault} {
		if got := c.Origin(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if err := c.ForServing(true); err == nil || strings.Contains(err.Error(), "smtp.host") || !strings.Contains(err.Error(), "  secret is not set: ") {
		t.Errorf("what serve needs: %v", err)
	}
}

// Files of variables and secret stores leave line ends and quotes around values.
func TestVariablesArePlainText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("\ufeff\"hunter2\"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const secret = "0123456789abcdef0123456789abcdef"
	for _, around := range []string{"%\r", "\"%\"", "'%'\r\n", " \u200b%\ufeff", "“%”"} {
		put := func(value string) string { return strings.Replace(around, "%", value, 1) }
		c, err := config.Read(write(t, "{}"), map[string]string{
			"INSIGHTS_DATABASE_URL": put("sqlite:other.db"), "INSIGHTS_SMTP_HOST": put("127.0.0.1"), "INSIGHTS_SMTP_PORT": put("2525"), "INSIGHTS_SMTP_TLS": put("none"),
			"INSIGHTS_SITE_BASE_URL": put("https://example.com"), "INSIGHTS_CONTENT_DIR": put("here"), "INSIGHTS_TRUSTED_PROXIES": put("10.0.0.1 10.0.0.2"),
			"INSIGHTS_WEBSUB_PRIVATE_CALLBACKS": put("true"), "INSIGHTS_SHUTDOWN_GRACE": put("5s"), "INSIGHTS_MAIL_FROM": put("Insights <insights@example.com>"),
			"INSIGHTS_SMTP_PASSWORD_FILE": put(file), "INSIGHTS_SECRET": put(secret),
		})
		if err != nil {
			t.Errorf("%q: %v", around, err)
			continue
		}
		got := fmt.Sprint(c.Database.URL, c.SMTP.Host, c.SMTP.Port, c.SMTP.TLS, c.Site.BaseURL, c.Content.Dir, c.TrustedProxies, c.WebSub.PrivateCallbacks, c.ShutdownGrace, c.Mail.From, c.SMTP.Password)
		if want := "sqlite:other.db127.0.0.12525nonehttps://example.comhere[10.0.0.1 10.0.0.2] true 5sInsights <insights@example.com>hunter2"; got != want {
			t.Errorf("%q: %s, want %s", around, got, want)
		}
		if c.Secrets()[0] != secret {
			t.Errorf("%q: the secret is %q", around, c.Secrets())
		}
		if c.FormerDatabase() != put("sqlite:other.db") {
			t.Errorf("%q: the database was at %q", around, c.FormerDatabase())
		}
	}
	// Links signed with the quotes still work.
	c, err := config.Read(write(t, "{}"), map[string]string{"INSIGHTS_SECRET": `"` + secret + `"`})
	if err != nil || !slices.Equal(c.Secrets(), []string{secret, `"` + secret + `"`}) {
		t.Errorf("%q, %v", c.Secrets(), err)
	}
}

func TestControlCharactersAreNeverMeant(t *testing.T) {
	for name, value := range map[string]string{
		"INSIGHTS_DATABASE_URL": "sqlite:a\rb.db", "INSIGHTS_SMTP_HOST": "a\x00b", "INSIGHTS_SMTP_PASSWORD": "hunter\x1b2", "INSIGHTS_CONTENT_DIR": "a\nb",
		"INSIGHTS_MAIL_REPLY_TO": "a\n@example.com", "INSIGHTS_SMTP_USER": "a\tb",
		"INSIGHTS_SITE_TITLE": "a\u202eb", "INSIGHTS_MAIL_FROM": "a\u2066 <a@example.com>",
	} {
		_, err := config.Read(write(t, "{}"), map[string]string{name: value})
		if err == nil || !strings.Contains(err.Error(), name+": contains the control character") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := config.Read(write(t, "smtp:\n  host: \"a\\rb\"\n"), nil); err == nil || !strings.Contains(err.Error(), ":2: smtp.host: contains the control character") {
		t.Errorf("in the file: %v", err)
	}
	for _, text := range []string{"name: \"A\\u202eB\"", "name: A\n      description: \"A\\u2067B\""} {
		if _, err := config.Read(write(t, "site:\n  categories:\n    - slug: a\n      "+text+"\n"), nil); err == nil || !strings.Contains(err.Error(), "the category \"a\" has an invisible character") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := config.Read(write(t, "{}"), map[string]string{"INSIGHTS_SITE_POSTAL_ADDRESS": "1 Street\nTown", "INSIGHTS_SECRET": strings.Repeat("a", 32) + "\n" + strings.Repeat("b", 32)}); err != nil {
		t.Errorf("lines where they are meant: %v", err)
	}
}

func TestAnEmptyVariableEmptiesTheUser(t *testing.T) {
	name := write(t, "smtp: {host: relay.example, user: news, helo: a.example}\n")
	for value, want := range map[string]string{"": "", `""`: "", "other": "other"} {
		c, err := config.Read(name, map[string]string{"INSIGHTS_SMTP_USER": value, "INSIGHTS_SMTP_HOST": "", "INSIGHTS_SMTP_HELO": `""`})
		if err != nil || c.SMTP.User != want || c.SMTP.Host != "relay.example" || c.SMTP.HELO != "" {
			t.Errorf("%q: user %q, host %q, helo %q, %v", value, c.SMTP.User, c.SMTP.Host, c.SMTP.HELO, err)
		}
	}
}

func TestHostsMayBeIPv6(t *testing.T) {
	for host, want := range map[string]string{"[::1]": "::1", "::1": "::1", "[2001:db8::1]": "2001:db8::1", "relay.example": "relay.example", "bücher.example": "bücher.example", "10.0.0.1": "10.0.0.1", "": ""} {
		c, err := config.Read(write(t, "smtp: {host: \""+host+"\", fallback: {host: \""+host+"\"}}\ntrusted_proxies: [\"[::1]\", \"[2001:db8::]/32\", \"::1\"]\n"), nil)
		if err != nil || c.SMTP.Host != want || c.SMTP.Fallback.Host != want {
			t.Errorf("%q: %q, %q, %v", host, c.SMTP.Host, c.SMTP.Fallback.Host, err)
		}
	}
	for _, host := range []string{"relay.example:587", "[::1]:587", "smtp://relay.example", "[relay.example]", "relay example", "'relay'", "::1:"} {
		if _, err := config.Read(write(t, "smtp: {host: \""+host+"\"}\n"), nil); err == nil || !strings.Contains(err.Error(), "smtp.host: ") {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestTheDatabaseOfTheFileIsRelativeToIt(t *testing.T) {
	name := write(t, "database: {url: sqlite:data/insights.db}\n")
	for _, test := range []struct{ variable, url, former string }{
		{"", "sqlite:" + filepath.Join(filepath.Dir(name), "data/insights.db"), "sqlite:data/insights.db"},
		{"sqlite:there.db", "sqlite:there.db", ""},
		{"sqlite:/var/lib/there.db", "sqlite:/var/lib/there.db", ""},
		{"postgres://user@host/db", "postgres://user@host/db", ""},
	} {
		c, err := config.Read(name, map[string]string{"INSIGHTS_DATABASE_URL": test.variable})
		if err != nil || c.Database.URL != test.url || c.FormerDatabase() != test.former {
			t.Errorf("%q: %s, formerly %q, %v", test.variable, c.Database.URL, c.FormerDatabase(), err)
		}
	}
	t.Chdir(filepath.Dir(name))
	if c, err := config.Read("insights.yaml", nil); err != nil || c.Database.URL != "sqlite:data/insights.db" || c.FormerDatabase() != "" {
		t.Errorf("in the working folder: %s, formerly %q, %v", c.Database.URL, c.FormerDatabase(), err)
	}
}

func TestAFaultOfACronLineIsToldOnce(t *testing.T) {
	for _, cron := range []string{"TZ=UTC 0 9 * * 1", "CRON_TZ=UTC 0 9 * * 1", "60 9 * * 1", "0 9 * * 5L", "0 9 * *"} {
		_, err := config.Read(write(t, "digests:\n  schedules:\n    - {name: a, cadence: weekly, cron: \""+cron+"\"}\n"), nil)
		if err == nil || strings.Count(err.Error(), `cron "`) != 1 || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: %v", cron, err)
		}
	}
}

func TestPortsOfCallbacks(t *testing.T) {
	for text, want := range map[string][]int{"8443": {8443}, "8443, 8080": {8443, 8080}, "8443 8080": {8443, 8080}} {
		c, err := config.Read(write(t, "websub:\n  ports: [1]\n"), map[string]string{"INSIGHTS_WEBSUB_PORTS": text})
		if err != nil || !slices.Equal(c.WebSub.Ports, want) {
			t.Errorf("%q: %v, %v", text, c.WebSub.Ports, err)
		}
	}
	for _, text := range []string{"https", "0", "65536", "-1", "80-90"} {
		if _, err := config.Read(write(t, "{}"), map[string]string{"INSIGHTS_WEBSUB_PORTS": text}); err == nil || !strings.Contains(err.Error(), "INSIGHTS_WEBSUB_PORTS") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c, err := config.Read(write(t, "websub:\n  ports: [8443, 9000]\n"), nil); err != nil || !slices.Equal(c.WebSub.Ports, []int{8443, 9000}) {
		t.Errorf("%v, %v", c.WebSub.Ports, err)
	}
}
