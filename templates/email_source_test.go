package templates_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/templates"
)

func TestOwnSourceReplacesTheEmbeddedOne(t *testing.T) {
	own := `{{define "body"}}Hello, {{.Count}} insights:
{{range .Items}}{{.URL}}
{{end}}{{range .More}}{{.URL}}
{{end}}{{end}}{{define "footer"}}{{.WebURL}}
{{.PreferencesURL}}
{{.UnsubscribeURL}}{{end}}`
	m, err := templates.NewEmails(mailSite(), fstest.MapFS{
		"email/digest.txt.tmpl": {Data: []byte(own)},
		"email/README":          {Data: []byte("notes")},
		"site/index.tmpl":       {Data: []byte("{{for the pages}}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Digest(edition("weekly", published, nil))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Text, "Hello, 3 insights:") {
		t.Errorf("the text part is not one's own:\n%s", r.Text)
	}
	if !strings.Contains(r.HTML, "Weekly digest") {
		t.Error("the HTML part is no longer the embedded one")
	}
}

func TestBrokenOwnSourceIsAnErrorThatNamesTheFile(t *testing.T) {
	for name, tt := range map[string]struct{ file, source, says string }{
		"syntax":                {"email/digest.html.tmpl", `{{define "body"}}{{end}`, "email/digest.html.tmpl:1"},
		"unknown field":         {"email/digest.txt.tmpl", "{{define \"body\"}}\n{{.Nonsense}}{{end}}{{define \"footer\"}}{{end}}", "email/digest.txt.tmpl:2"},
		"unknown function":      {"email/confirm.html.tmpl", `{{define "body"}}{{shout .Address}}{{end}}`, "email/confirm.html.tmpl:1"},
		"nothing defined":       {"email/already.html.tmpl", `hello`, "email/already.html.tmpl"},
		"no unsubscribe link":   {"email/digest.txt.tmpl", `{{define "body"}}{{range .Items}}{{.URL}} {{end}}{{.WebURL}}{{end}}{{define "footer"}}{{.PreferencesURL}}{{end}}`, "email/digest.txt.tmpl: lacks a link"},
		"no confirmation link":  {"email/confirm.txt.tmpl", `{{define "body"}}Hello.{{end}}{{define "footer"}}{{end}}`, "email/confirm.txt.tmpl: lacks a link"},
		"misspelt name":         {"email/digets.html.tmpl", "", "email/digets.html.tmpl: no email uses this file"},
		"broken in the layout":  {"email/layout.html.tmpl", `{{template "body" .}}{{if}}`, "email/layout.html.tmpl:1"},
		"unclosed in attribute": {"email/already.html.tmpl", `{{define "body"}}<a href="{{.PreferencesURL}}>x</a>{{end}}{{define "footer"}}{{end}}`, "email/already.html.tmpl"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := templates.NewEmails(mailSite(), fstest.MapFS{tt.file: {Data: []byte(tt.source)}})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v\nwant it to say %q", err, tt.says)
			}
		})
	}
}

func TestAllBrokenSourcesAreNamedAtOnce(t *testing.T) {
	_, err := templates.NewEmails(mailSite(), fstest.MapFS{
		"email/digest.html.tmpl": {Data: []byte("{{")},
		"email/confirm.txt.tmpl": {Data: []byte("{{")},
	})
	if err == nil || !strings.Contains(err.Error(), "email/digest.html.tmpl") || !strings.Contains(err.Error(), "email/confirm.txt.tmpl") {
		t.Errorf("error %v", err)
	}
}

func TestUnknownTimeZoneIsRefused(t *testing.T) {
	site := mailSite()
	site.TimeZone = "Middle/Earth"
	if _, err := templates.NewEmails(site, nil); err == nil || !strings.Contains(err.Error(), "Middle/Earth") {
		t.Errorf("error %v", err)
	}
}

var _ newsletter.Renderer = (*templates.Emails)(nil)
