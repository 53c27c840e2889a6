package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// hostForm is a host's name in ASCII.
var hostForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?\.?$`)

// siteURL returns the URL of a site as links begin with it, or says what is wrong with it.
// The host is as browsers send it: in ASCII, without the scheme's own port.
func siteURL(s string) (normal, problem string) {
	u, err := url.Parse(s)
	switch {
	case err == nil && u.User != nil: // without its value, which may hold a password
		return "", "holds a user or a password, which every link would show: leave it out"
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return "", fmt.Sprintf("%q is not the URL of a site: write https://insights.example.com", s)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return "", fmt.Sprintf("%q: a ? or # has no place in it: write https://insights.example.com or https://www.example.com/insights", s)
	}
	host := strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	} else if !hostForm.MatchString(host) { // else as it is: some networks have names with an underscore
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", fmt.Sprintf("%q: its host is not a domain: %v", s, err)
		}
	}
	port := u.Port()
	if port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		port = ""
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	at := strings.TrimRight(u.EscapedPath(), "/")
	if unescaped := strings.TrimRight(u.Path, "/"); unescaped != "" && path.Clean(unescaped) != unescaped || strings.Contains(strings.ToLower(at), "%2f") {
		return "", fmt.Sprintf("%q: its path must not hold //, . or ..: write https://www.example.com/insights", s)
	}
	return u.Scheme + "://" + host + at, ""
}

// ParseSiteURL reads the URL of a site as site.base_url may be.
func ParseSiteURL(s string) (string, error) {
	normal, problem := siteURL(s)
	if problem != "" {
		return "", errors.New(problem)
	}
	return normal, nil
}
