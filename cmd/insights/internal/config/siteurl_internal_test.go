package config

import (
	"strings"
	"testing"
)

func TestSiteURL(t *testing.T) {
	for s, want := range map[string]string{
		"https://insights.example.com":       "https://insights.example.com",
		"https://insights.example.com/":      "https://insights.example.com",
		"HTTPS://Insights.Example.COM/News/": "https://insights.example.com/News",
		"https://example.com/news":           "https://example.com/news",
		"https://example.com/a/b//":          "https://example.com/a/b",
		"https://example.com:443":            "https://example.com",
		"http://example.com:80/x":            "http://example.com/x",
		"https://example.com:8443":           "https://example.com:8443",
		"https://müller.example":             "https://xn--mller-kva.example",
		"https://MÜLLER.example:8443/ü":      "https://xn--mller-kva.example:8443/%C3%BC",
		"https://mu\u0308ller.example":       "https://xn--mller-kva.example",
		"http://127.0.0.1:8080":              "http://127.0.0.1:8080",
		"http://[::1]:8080/x":                "http://[::1]:8080/x",
		"http://[::1]":                       "http://[::1]",
		"http://localhost":                   "http://localhost",
	} {
		if got, problem := siteURL(s); got != want {
			t.Errorf("%s: got %s (%s), want %s", s, got, problem, want)
		}
	}
	for s, want := range map[string]string{
		"insights.example.com": "not the URL of a site", "ftp://example.com": "not the URL of a site", "https://": "not the URL of a site", "https:///x": "not the URL of a site",
		"https:example.com": "not the URL of a site", "https://user:geheim@example.com": "user or a password", "https://user@example.com": "user or a password",
		"https://example.com?": "a ? or #", "https://example.com/?x=1": "a ? or #", "https://example.com/#": "a ? or #",
		"https://example.com/a//b": "its path", "https://example.com/a/../b": "its path", "https://example.com/.": "its path", "https://example.com/a%2fb": "its path",
		"https://exa mple.com": "not the URL of a site", "https://-x-.example": "not a domain",
	} {
		normal, problem := siteURL(s)
		if normal != "" || !strings.Contains(problem, want) || strings.Contains(problem, "geheim") {
			t.Errorf("%s: got %s, %q, want %q", s, normal, problem, want)
		}
	}
}
