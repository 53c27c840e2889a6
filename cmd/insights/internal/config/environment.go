package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/scaledbydesign/insights/content"
)

// readEnvironment sets the keys that INSIGHTS_* variables name. A variable that
// names no key is a fault, so that a slip does not go unseen.
func readEnvironment(env map[string]string, c *Config, found *faults) {
	known := make(map[string]bool)
	for _, k := range fields(c) {
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
		c.origins[k.path] = InVariable
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envPrefix+"TEST_") || known[name] || env[name] == "" {
			continue
		}
		found.variable(name, "unknown variable"+suggestion(name, slices.Sorted(maps.Keys(known))))
	}
}

// setValue sets a key from a text: lists of words and texts as they are, all else as YAML.
func setValue(v reflect.Value, text string) error {
	switch target := v.Addr().Interface().(type) {
	case *string:
		*target = text
		return nil
	case *[]string:
		*target = words(text)
		return nil
	case *time.Duration: // also 0
		if d, err := time.ParseDuration(text); err == nil {
			*target = d
			return nil
		}
	case *bool: // also 1 and 0
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*target = b
		return nil
	}
	fresh := reflect.New(v.Type())
	if err := yaml.Unmarshal([]byte(text), fresh.Interface()); err != nil {
		if v.Kind() == reflect.Slice {
			return fmt.Errorf("write it as YAML: %w", err)
		}
		return fmt.Errorf("%q is not allowed here: write %s", text, wanted(v.Type().String()))
	}
	v.Set(fresh.Elem())
	return nil
}

// suggestion is "; did you mean X?" when a known word is near, else "". The prefix
// that all variables share does not count.
func suggestion(word string, known []string) string {
	stems := make([]string, len(known))
	for i, k := range known {
		stems[i] = strings.TrimPrefix(k, envPrefix)
	}
	near := slices.Index(stems, content.Nearest(strings.TrimPrefix(word, envPrefix), stems))
	if near < 0 {
		return ""
	}
	return "; did you mean " + known[near] + "?"
}
