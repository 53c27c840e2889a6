package config

import (
	"net/url"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Key is one value that can be set.
type Key struct {
	Path     string // "smtp.port"; "digests.schedules[].cron" in each element of a list
	Variable string // "INSIGHTS_SMTP_PORT"; "" in a list, which is set as a whole
	Default  string // as insights.yaml has it; "" of a list of structures
	Secret   bool   // it can be read from the file that the variable with _FILE names
	Doc      string // what it is, in one line
}

// Keys lists everything that can be set, in the order of the file.
func Keys() []Key {
	c := Default()
	var all []Key
	for _, f := range fields(&c) {
		k := Key{Path: f.path, Variable: variable(f.path), Secret: f.secret, Doc: f.doc}
		element := f.value.Type()
		if element.Kind() != reflect.Slice || element.Elem().Kind() != reflect.Struct {
			k.Default = inYAML(f.value.Interface())
			all = append(all, k)
			continue
		}
		all = append(all, k)
		all = append(all, elementKeys(f.path+"[].", element.Elem())...)
	}
	return all
}

// elementKeys are what each element of a list is made of.
func elementKeys(prefix string, element reflect.Type) []Key {
	var all []Key
	for field := range element.Fields() {
		path := prefix + field.Tag.Get("yaml")
		all = append(all, Key{Path: path, Doc: field.Tag.Get("doc")})
		if t := field.Type; t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
			all = append(all, elementKeys(path+"[].", t.Elem())...)
		}
	}
	return all
}

// inYAML is a value on one line; nothing for what is empty.
func inYAML(v any) string {
	if reflect.ValueOf(v).IsZero() && reflect.TypeOf(v).Kind() == reflect.String {
		return ""
	}
	node := new(yaml.Node)
	if err := node.Encode(v); err != nil {
		return ""
	}
	node.Style = yaml.FlowStyle
	text, err := yaml.Marshal(node)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// YAML is the configuration as an insights.yaml, with its secrets masked.
func (c Config) YAML() ([]byte, error) {
	for _, f := range fields(&c) {
		if secret := f.value.String(); f.secret && secret != "" {
			f.value.SetString(masked(f.path, secret))
		}
	}
	return yaml.Marshal(&c)
}

// masked hides a secret; in the URL of the database only the passwords.
func masked(path, secret string) string {
	u, err := url.Parse(secret)
	if err != nil || path != "database.url" {
		return "********"
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, "********")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

const envPrefix = "INSIGHTS_"

// field is one scalar or list that can be configured.
type field struct {
	path   string // "smtp.port"
	value  reflect.Value
	secret bool
	doc    string
}

// fields lists every key of the configuration, in the order of the struct.
func fields(c *Config) []field {
	var all []field
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			tag := v.Type().Field(i)
			name := tag.Tag.Get("yaml")
			if !tag.IsExported() || name == "" || name == "-" {
				continue
			}
			if tag.Type.Kind() == reflect.Struct {
				walk(prefix+name+".", v.Field(i))
				continue
			}
			all = append(all, field{prefix + name, v.Field(i), tag.Tag.Get("secret") == "true", tag.Tag.Get("doc")})
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return all
}

func variable(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}
