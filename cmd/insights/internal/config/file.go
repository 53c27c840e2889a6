package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

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
