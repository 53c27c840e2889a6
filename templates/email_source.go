package templates

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"github.com/scaledbydesign/insights/newsletter"
)

// parseEmails parses what surrounds every email and the two parts of each, from
// override where it has the file. All faults are returned at once.
func parseEmails(override fs.FS) (map[newsletter.MessageKind]emailTemplate, error) {
	names, err := fs.Glob(embedded, "email/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	var faults []error
	if override != nil {
		own, err := fs.Glob(override, "email/*.tmpl")
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		for _, name := range own {
			if !slices.Contains(names, name) { // a misspelt name would otherwise be ignored in silence
				faults = append(faults, fmt.Errorf("templates: %s: no email uses this file; the files used are %s", name, strings.Join(names, ", ")))
			}
		}
	}
	sources := make(map[string]string, len(names))
	for _, name := range names {
		b, err := source{override}.read(name)
		if err != nil {
			faults = append(faults, fmt.Errorf("templates: %w", err))
		}
		sources[name] = string(b)
	}
	emails := make(map[newsletter.MessageKind]emailTemplate)
	for _, kind := range []newsletter.MessageKind{newsletter.DigestEmail, newsletter.ConfirmEmail, newsletter.AlreadyEmail, newsletter.MovedEmail, newsletter.LinkEmail} {
		t, err := parseMail(sources, string(kind))
		faults = append(faults, err)
		emails[kind] = t
	}
	return emails, errors.Join(faults...)
}

func parseMail(sources map[string]string, name string) (emailTemplate, error) {
	const layoutHTML, layoutText = "email/layout.html.tmpl", "email/layout.txt.tmpl"
	bodyHTML, bodyText := "email/"+name+".html.tmpl", "email/"+name+".txt.tmpl"

	markup := htmltemplate.New("").Funcs(htmltemplate.FuncMap{"outlook": outlook, "filler": filler})
	for _, file := range []string{layoutHTML, bodyHTML} {
		if _, err := markup.New(file).Parse(sources[file]); err != nil {
			return emailTemplate{}, fmt.Errorf("templates: %w", err) // names the file and the line
		}
	}
	letter := template.New("")
	for _, file := range []string{layoutText, bodyText} {
		if _, err := letter.New(file).Parse(sources[file]); err != nil {
			return emailTemplate{}, fmt.Errorf("templates: %w", err)
		}
	}
	return emailTemplate{name, markup.Lookup(layoutHTML), letter.Lookup(layoutText)}, nil
}

// outlook wraps markup in a comment that only Outlook for Windows reads. It has to
// be a function because html/template drops comments.
func outlook(markup string) htmltemplate.HTML {
	return htmltemplate.HTML("<!--[if mso]>" + markup + "<![endif]-->")
}

// filler was invisible text after the preheader. Owners' templates may still ask for it.
func filler() htmltemplate.HTML { return "" }
