package config_test

import (
	"errors"
	"os"
	"path/filepath"
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
	if err := c.ForServing(); err == nil || strings.Contains(err.Error(), "smtp.host") || !strings.Contains(err.Error(), "  secret is not set: ") {
		t.Errorf("what serve needs: %v", err)
	}
}
