package config_test

import (
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
)

func TestEveryKeyIsExplained(t *testing.T) {
	seen := make(map[string]config.Key)
	for _, k := range config.Keys() {
		if _, twice := seen[k.Path]; twice {
			t.Errorf("%s is listed twice", k.Path)
		}
		seen[k.Path] = k
		if !strings.HasSuffix(k.Doc, ".") && !strings.HasSuffix(k.Doc, ">.") || strings.Contains(k.Doc, "\n") {
			t.Errorf("%s: %q is not a line that explains it", k.Path, k.Doc)
		}
	}
	for _, want := range []config.Key{
		{Path: "smtp.port", Variable: "INSIGHTS_SMTP_PORT", Default: "587"},
		{Path: "smtp.password", Variable: "INSIGHTS_SMTP_PASSWORD", Secret: true},
		{Path: "content.edit_grace", Variable: "INSIGHTS_CONTENT_EDIT_GRACE", Default: "5m0s"},
		{Path: "websub.private_callbacks", Variable: "INSIGHTS_WEBSUB_PRIVATE_CALLBACKS", Default: "false"},
		{Path: "trusted_proxies", Variable: "INSIGHTS_TRUSTED_PROXIES", Default: "[]"},
		{Path: "digests.schedules", Variable: "INSIGHTS_DIGESTS_SCHEDULES"},
		{Path: "digests.schedules[].cron"},
		{Path: "site.links.footer[].links[].url"},
	} {
		got := seen[want.Path]
		if got.Doc = ""; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c := config.Default()
	c.Secret, c.Database.URL = "a-secret", "postgres://user:hunter2@host/db?sslpassword=hunter2"
	text, err := c.YAML()
	if err != nil || strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "a-secret") || !strings.Contains(string(text), "postgres://user:") {
		t.Errorf("%s, %v", text, err)
	}
	if c.Secret != "a-secret" {
		t.Error("the configuration itself has changed")
	}
}
