package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
		from := name
		raw, set := env[name]
		if k.secret {
			known[name+"_FILE"] = true
			if file := Plain(env[name+"_FILE"]); file != "" && !set {
				data, err := ReadSecret(file)
				if err != nil {
					found.variable(name+"_FILE", err.Error())
					continue
				}
				c.secretsFrom = append(c.secretsFrom, file)
				raw, set, from = string(data), true, name+"_FILE"
			}
		}
		value := Plain(raw)
		if !set || value == "" && strings.TrimSpace(raw) == "" && !emptied(k.path) {
			continue
		}
		if r, ok := control(k, value); ok {
			found.variable(from, fmt.Sprintf("contains the control character %q, which is never meant: write the value anew", r))
			continue
		}
		if k.path == "secret" && from == name {
			value = bothSecrets(raw, value)
		}
		if err := setValue(k.value, value); err != nil {
			found.variable(name, err.Error())
		}
		if k.path == "database.url" && from == name && raw != value {
			c.formerDatabase = raw
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

// Plain is a text from the environment without what files of variables and secret stores
// leave around it: blanks, line ends, marks that nobody sees, and quotes.
func Plain(s string) string {
	for {
		trimmed := strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
		for _, quotes := range []string{`""`, "''", "“”"} {
			first, last := firstAndLast(quotes)
			if inner, ok := strings.CutPrefix(trimmed, first); ok && strings.HasSuffix(inner, last) {
				trimmed = strings.TrimSuffix(inner, last)
				break
			}
		}
		if trimmed == s {
			return s
		}
		s = trimmed
	}
}

func firstAndLast(quotes string) (first, last string) {
	_, size := utf8.DecodeRuneInString(quotes)
	return quotes[:size], quotes[size:]
}

// control returns a character in a value that nobody means, such as one that ends a line
// where there is one line.
func control(k field, value string) (r rune, ok bool) {
	lines := k.value.Kind() != reflect.String || k.path == "secret" || k.path == "bounces.webhook_secret" || strings.HasPrefix(k.path, "site.") || IsPEM(value)
	for _, r := range value {
		if content.Redirects(r) || unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t')) {
			return r, true
		}
	}
	return 0, false
}

// emptied are keys that a variable sets to nothing if it is there and empty. All other
// empty variables are as if they were not there; "" in quotes sets any text to nothing.
func emptied(path string) bool { return path == "smtp.user" || path == "smtp.fallback.user" }

// bothSecrets is a secret without the quotes that stood around it, and with them as the
// older one: links may have been signed so.
func bothSecrets(raw, value string) string {
	if raw = strings.TrimSpace(raw); raw != value && !strings.ContainsAny(raw, " ,\t\r\n") {
		return value + " " + raw
	}
	return value
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
	case *[]int:
		numbers := make([]int, 0)
		for _, word := range words(text) {
			n, err := strconv.Atoi(word)
			if err != nil {
				return fmt.Errorf("%q is no list of whole numbers: separate them with spaces or commas", text)
			}
			numbers = append(numbers, n)
		}
		*target = numbers
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
