package config_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

func TestNobodyShowsAnothersTexts(t *testing.T) {
	theirs := templates.DefaultSite()
	for text, want := range map[string]func(templates.Site) bool{
		"site: {description: Mine}\n": func(s templates.Site) bool { return s.Tagline == theirs.Tagline && s.Owner == theirs.Owner },
		"site: {title: Field Notes}\n": func(s templates.Site) bool {
			return s.Owner == "Field Notes" && s.Author == "Field Notes" && s.Description == "Field Notes" && s.Tagline == "" && s.Contact == "" && s.OwnerURL == "" && s.Copyright == "" &&
				s.Links.Navigation == nil && s.Links.Footer == nil && s.Links.Action.Label == "" && s.Links.Closing.Heading == "" && s.Links.AfterList.Heading == ""
		},
		"site: {owner: Acme}\n": func(s templates.Site) bool { return s.Title == "Acme" && s.Contact == "" },
		"site: {title: Field Notes, tagline: Ours, contact: me@acme.test, links: {navigation: [{label: Home, url: /}]}}\n": func(s templates.Site) bool {
			return s.Tagline == "Ours" && s.Contact == "me@acme.test" && len(s.Links.Navigation) == 1 && s.Links.Footer == nil
		},
	} {
		c, err := config.Read(write(t, text), nil)
		if err != nil || !want(c.Site) {
			t.Errorf("%s: %v, %+v", text, err, c.Site)
		}
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"mail: {from: news@example.com}\n":                                        "values of the examples are left: mail.from news@example.com",
		"site: {base_url: https://insights.example.org}\n":                        "site.base_url https://insights.example.org",
		"smtp: {host: smtp.example.com}\n":                                        "smtp.host smtp.example.com",
		"site: {title: Example Insights}\n":                                       "site.title Example Insights",
		"mail: {from: news@counterexample.com}\n":                                 "!examples",
		"mail: {from: news@example.company}\n":                                    "!examples",
		"mail: {from: news@examples.com}\n":                                       "!examples",
		"site: {title: Notes}\n":                                                  "site.owner_url, site.tagline, site.contact and site.copyright not set",
		"site: {description: Mine}\n":                                             "!not set: pages",
		"digests: {schedules: []}\n":                                              "!no schedule serves",
		"digests: {schedules: [{name: a, cadence: instant}]}\n":                   "no schedule serves daily, weekly and monthly",
		"digests: {schedules: [{name: m, cadence: monthly, cron: 0 9 31 * *}]}\n": `cron "0 9 31 * *" skips the months`,
	} {
		c, err := config.Read(write(t, text), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		warnings := strings.Join(c.Warnings(), "\n")
		if not, is := strings.CutPrefix(want, "!"); is == strings.Contains(warnings, not) {
			t.Errorf("%s:\n%s\nwant %s", text, warnings, want)
		}
	}
}

func TestServedCadences(t *testing.T) {
	for text, want := range map[string][]subscribers.Cadence{
		"":                           subscribers.Cadences[:],
		"digests: {schedules: []}\n": subscribers.Cadences[:],
		"digests: {schedules: [{name: m, cadence: monthly, cron: 0 9 1 * *}, {name: i, cadence: instant}]}\n": {subscribers.Instant, subscribers.Monthly},
	} {
		c, err := config.Read(write(t, text), nil)
		if err != nil || !slices.Equal(c.ServedCadences(), want) {
			t.Errorf("%s: %v, %v", text, c.ServedCadences(), err)
		}
	}
}

// TestAConfigurationThatHasChangedIsStale also covers a file that goes away.
func TestAConfigurationThatHasChangedIsStale(t *testing.T) {
	name := write(t, "site: {title: One}\n")
	c, err := config.Read(name, nil)
	if err != nil || c.Stale() != "" {
		t.Fatalf("%q, %v", c.Stale(), err)
	}
	if err := os.WriteFile(name, []byte("site: {title: Two}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.Stale(); !strings.Contains(got, name) || !strings.Contains(got, "kill -HUP") {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(name, []byte("site: {title: One}\n"), 0o600); err != nil { // as it was
		t.Fatal(err)
	}
	if got := c.Stale(); got != "" {
		t.Errorf("%q", got)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if got := c.Stale(); !strings.Contains(got, "can't be read any more") {
		t.Errorf("%q", got)
	}
}
