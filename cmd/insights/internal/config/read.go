package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Read reads the configuration: defaults, then a file, then the variables in env.
// file "" is DefaultFile, which need not be there. An [Error] lists every fault with
// where it was set. Paths in the file are relative to its folder.
func Read(file string, env map[string]string) (Config, error) {
	c := Default()
	c.origins = make(map[string]Origin)
	name := cmp.Or(file, DefaultFile)
	source, err := os.ReadFile(name)
	if err != nil && (file != "" || !errors.Is(err, fs.ErrNotExist)) {
		return c, &Error{fmt.Errorf("read configuration: %w", err)}
	}
	found := faults{name: name, source: source}
	readYAML(&c, &found)
	readEnvironment(env, &c, &found)
	c.check(&found)
	if err := found.err(); err != nil {
		return c, err
	}
	for path, value := range map[string]*string{"content.dir": &c.Content.Dir, "templates.dir": &c.Templates.Dir, "mail.dkim.key": &c.Mail.DKIM.Key, "bounces.maildir": &c.Bounces.Maildir, "limits.refused": &c.Limits.Refused} {
		if c.origins[path] == InFile && *value != "" && !IsPEM(*value) && !filepath.IsAbs(*value) {
			*value = filepath.Join(filepath.Dir(name), *value)
		}
	}
	if c.Site.BaseURL == "" {
		c.Site.BaseURL = "http://" + c.Listen
	}
	c.Site.BaseURL = strings.TrimRight(c.Site.BaseURL, "/")
	return c, nil
}

// IsPEM reports whether a text is keys in PEM, rather than the name of their file.
func IsPEM(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN ") }
