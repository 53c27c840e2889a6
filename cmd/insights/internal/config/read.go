package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
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
	c.source = newSource(name, source)
	found := faults{name: name, source: source}
	readYAML(&c, &found)
	readEnvironment(env, &c, &found)
	for _, host := range []*string{&c.SMTP.Host, &c.SMTP.Fallback.Host} {
		*host = withoutBrackets(*host)
	}
	for _, file := range c.secretFiles() {
		if file == name {
			if _, err := ReadSecret(name); err != nil {
				found.line("", err.Error())
			}
		}
	}
	c.check(&found)
	c.ownTexts()
	if err := found.err(); err != nil {
		return c, err
	}
	c.relativeToFile(filepath.Dir(name))
	if c.Site.BaseURL == "" {
		c.Site.BaseURL = "http://" + c.Listen
	}
	c.Site.BaseURL, _ = siteURL(c.Site.BaseURL) // checked
	return c, nil
}

// relativeToFile makes the paths that the file names relative to its folder. Those that a
// variable names are relative to the working folder.
func (c *Config) relativeToFile(folder string) {
	for path, value := range map[string]*string{"content.dir": &c.Content.Dir, "templates.dir": &c.Templates.Dir, "mail.dkim.key": &c.Mail.DKIM.Key, "bounces.maildir": &c.Bounces.Maildir, "limits.refused": &c.Limits.Refused} {
		if c.origins[path] == InFile && *value != "" && !IsPEM(*value) && !filepath.IsAbs(*value) {
			*value = filepath.Join(folder, *value)
		}
	}
	if path, ok := strings.CutPrefix(c.Database.URL, "sqlite:"); ok && c.origins["database.url"] == InFile && !filepath.IsAbs(path) {
		if joined := filepath.Join(folder, path); joined != filepath.Clean(path) {
			c.formerDatabase, c.Database.URL = c.Database.URL, "sqlite:"+joined
		}
	}
}

// FormerDatabase is the URL of where earlier versions had the database that database.url
// names: they took a path in the file as relative to the working folder, and what stood
// around the value of a variable as part of it. "" = in the same place.
func (c *Config) FormerDatabase() string { return c.formerDatabase }

// withoutBrackets is a host as net.JoinHostPort wants it: an IPv6 address without the
// brackets that it has in URLs.
func withoutBrackets(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		if _, err := netip.ParseAddr(inner[:len(inner)-1]); err == nil {
			return inner[:len(inner)-1]
		}
	}
	return host
}

// IsPEM reports whether a text is keys in PEM, rather than the name of their file.
func IsPEM(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN ") }

// unknownField is how yaml reports a key that the struct lacks.
var unknownField = regexp.MustCompile(`^line (\d+): field (.+) not found in type `)

// wrongType is how yaml reports a value of the wrong type.
var wrongType = regexp.MustCompile("(?s)^line (\\d+): cannot unmarshal !!(\\w+) ?`?(.*?)`? into (.+)$")

// readYAML sets the keys that the configuration file holds.
func readYAML(c *Config, found *faults) {
	decoder := yaml.NewDecoder(bytes.NewReader(found.source))
	decoder.KnownFields(true)
	err := decoder.Decode(c)
	if errors.Is(err, io.EOF) {
		return // empty
	}
	typeError, ok := errors.AsType[*yaml.TypeError](err)
	switch {
	case ok: // all else was set
		for _, message := range typeError.Errors {
			if m := unknownField.FindStringSubmatch(message); m != nil {
				found.line(m[1], fmt.Sprintf("unknown key %q%s", m[2], suggestion(m[2], keyNames(c))))
			} else if m := wrongType.FindStringSubmatch(message); m != nil {
				found.line(m[1], fmt.Sprintf("%q is not allowed here: write %s", m[3], wanted(m[4])))
			} else {
				found.line("", message)
			}
		}
	case err != nil:
		message := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "line ")
		line, message, _ := strings.Cut(message, ": ")
		found.line(line, message)
		return
	case decoder.Decode(new(yaml.Node)) == nil:
		found.line("1", "contains more than one document: remove everything from the line --- on")
		return
	}
	for _, k := range fields(c) {
		if node := nodeAt(found.source, k.path); node != nil && (node.Kind != yaml.ScalarNode || node.Value != "") {
			c.origins[k.path] = InFile
			if k.value.Kind() == reflect.String {
				if r, ok := control(k, k.value.String()); ok {
					found.key(c, k.path, fmt.Sprintf("contains the control character %q, which is never meant: write the value anew", r))
				}
			}
		}
	}
}

// wanted says what a value of a Go type looks like.
func wanted(goType string) string {
	switch goType {
	case "time.Duration":
		return "a duration such as 0s, 30s, 5m or 72h"
	case "int":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "string":
		return "text"
	}
	if strings.HasPrefix(goType, "[]") {
		return "a list"
	}
	return "a section with keys of its own"
}

// keyNames are the last parts of all keys, and the sections.
func keyNames(c *Config) []string {
	names := make(map[string]bool)
	for _, k := range fields(c) {
		for part := range strings.SplitSeq(k.path, ".") {
			names[part] = true
		}
	}
	for t := range reflect.TypeFor[Schedule]().Fields() {
		names[t.Tag.Get("yaml")] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// nodeAt finds the value of a key in a YAML text; nil if it is not there.
func nodeAt(source []byte, path string) *yaml.Node {
	var root yaml.Node
	if yaml.Unmarshal(source, &root) != nil || len(root.Content) == 0 {
		return nil
	}
	node := root.Content[0]
	for part := range strings.SplitSeq(path, ".") {
		part, index, _ := strings.Cut(part, "[")
		var next *yaml.Node
		for i := 0; i+1 < len(node.Content) && node.Kind == yaml.MappingNode; i += 2 {
			if node.Content[i].Value == part {
				next = node.Content[i+1]
			}
		}
		if next == nil {
			return nil
		}
		node = next
		if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil && i < len(node.Content) {
			node = node.Content[i]
		}
	}
	return node
}
