package config

import (
	"encoding"
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

func setValue(v reflect.Value, text string) error {
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration: write 30s, 5m or 72h", text)
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
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
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
