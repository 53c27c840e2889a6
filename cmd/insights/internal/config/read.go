package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
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
	c.check(&found)
	c.ownTexts()
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
	c.Site.BaseURL, _ = siteURL(c.Site.BaseURL) // checked
	return c, nil
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
