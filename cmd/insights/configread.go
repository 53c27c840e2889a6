package main

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const envPrefix = "INSIGHTS_"

// key is one scalar or list that can be configured.
type key struct {
	path   string // "smtp.port"
	value  reflect.Value
	secret bool
}

// keys lists every key of the configuration, in the order of the struct.
func keys(c *Config) []key {
	var all []key
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := field.Tag.Get("yaml")
			if !field.IsExported() || name == "" || name == "-" {
				continue
			}
			if field.Type.Kind() == reflect.Struct {
				walk(prefix+name+".", v.Field(i))
				continue
			}
			all = append(all, key{prefix + name, v.Field(i), field.Tag.Get("secret") == "true"})
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return all
}

func variable(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// readEnvironment sets the keys that INSIGHTS_* variables name. A variable that
// names no key is a fault, so that a slip does not go unseen.
func readEnvironment(env map[string]string, c *Config, found *faults) {
	known := make(map[string]bool)
	for _, k := range keys(c) {
		name := variable(k.path)
		known[name] = true
		value, set := env[name]
		if k.secret {
			known[name+"_FILE"] = true
			if file := env[name+"_FILE"]; file != "" && !set {
				data, err := os.ReadFile(file)
				if err != nil {
					found.variable(name+"_FILE", err.Error())
					continue
				}
				value, set = strings.TrimSpace(string(data)), true
			}
		}
		if !set || value == "" {
			continue
		}
		if err := setValue(k.value, value); err != nil {
			found.variable(name, err.Error())
		}
		c.explicit[k.path] = byVariable
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envPrefix+"TEST_") || known[name] || env[name] == "" {
			continue
		}
		found.variable(name, "unknown variable"+suggestion(name, slices.Sorted(maps.Keys(known))))
	}
}

func setValue(v reflect.Value, text string) error {
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration: write 30s, 5m or 72h", text)
		}
		*target = d
		return nil
	case *[]string:
		*target = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", text)
		}
		v.SetFloat(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	default: // lists of structures: written as YAML
		fresh := reflect.New(v.Type())
		if err := yaml.Unmarshal([]byte(text), fresh.Interface()); err != nil {
			return fmt.Errorf("write it as YAML: %w", err)
		}
		v.Set(fresh.Elem())
	}
	return nil
}

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
				found.line(m[1], fmt.Sprintf("%q can't stand here: write %s", m[3], wanted(m[4])))
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
		found.line("1", "holds more than one document: remove what follows the line ---")
		return
	}
	for _, k := range keys(c) {
		if node := nodeAt(found.source, k.path); node != nil && (node.Kind != yaml.ScalarNode || node.Value != "") {
			c.explicit[k.path] = byFile
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
		return "a text"
	}
	if strings.HasPrefix(goType, "[]") {
		return "a list"
	}
	return "a section with keys of its own"
}

// keyNames are the last parts of all keys, and the sections.
func keyNames(c *Config) []string {
	names := make(map[string]bool)
	for _, k := range keys(c) {
		for part := range strings.SplitSeq(k.path, ".") {
			names[part] = true
		}
	}
	for t := range reflect.TypeFor[ScheduleConfig]().Fields() {
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
