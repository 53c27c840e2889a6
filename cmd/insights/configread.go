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
// names no key is a fault, so that a typing mistake does not go unseen.
func readEnvironment(env map[string]string, c *Config) error {
	var faults []error
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
					faults = append(faults, fmt.Errorf("%s_FILE: %w", name, err))
					continue
				}
				value, set = strings.TrimSpace(string(data)), true
			}
		}
		if !set || value == "" {
			continue
		}
		if err := setValue(k.value, value); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
		c.explicit[k.path] = true
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envPrefix+"TEST_") || known[name] {
			continue
		}
		faults = append(faults, fmt.Errorf("%s: unknown variable%s", name, suggestion(name, slices.Collect(maps.Keys(known)))))
	}
	return errors.Join(faults...)
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
var wrongType = regexp.MustCompile("^line (\\d+): cannot unmarshal !!(\\w+) `?(.*?)`? into (.+)$")

// readYAML sets the keys of a configuration file and reports all its faults as
// file:line.
func readYAML(name string, source []byte, c *Config) error {
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	err := decoder.Decode(c)
	if errors.Is(err, io.EOF) {
		return nil // empty
	}
	if err == nil {
		err = decoder.Decode(new(yaml.Node))
		if err == nil {
			return fmt.Errorf("%s: holds more than one document: remove what follows the line ---", name)
		}
		markExplicit(source, c)
		return nil
	}
	typeError, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var faults []error
	for _, line := range typeError.Errors {
		if m := unknownField.FindStringSubmatch(line); m != nil {
			faults = append(faults, fmt.Errorf("%s:%s: unknown key %q%s", name, m[1], m[2], suggestion(m[2], keyNames(c))))
		} else if m := wrongType.FindStringSubmatch(line); m != nil {
			faults = append(faults, fmt.Errorf("%s:%s: %q can't stand here: a value of type %s is wanted", name, m[1], m[3], strings.TrimPrefix(m[4], "time.")))
		} else {
			faults = append(faults, fmt.Errorf("%s: %s", name, line))
		}
	}
	return errors.Join(faults...)
}

func markExplicit(source []byte, c *Config) {
	for _, k := range keys(c) {
		if node := nodeAt(source, k.path); node != nil && node.Value != "" {
			c.explicit[k.path] = true
		}
	}
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

// lines tells where a key was set.
type lines struct {
	name   string
	source []byte
}

func (l lines) of(c *Config, path string) string {
	if node := nodeAt(l.source, path); node != nil {
		return fmt.Sprintf("%s:%d: %s", l.name, node.Line, path)
	}
	if c.explicit[path] {
		return variable(path)
	}
	return path
}
