package websub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Leases are given for as long as a subscriber asks, within these bounds and what the
// subscription has earned.
const (
	DefaultLease = 10 * 24 * time.Hour
	MinLease     = 5 * time.Minute
)

const (
	maxAddress = 2048 // bytes of a topic or a callback
	maxSecret  = 199  // bytes; the Recommendation wants less than 200
	maxUpdates = 100  // topics in a publisher's ping
)

// RefusedError says why a request is not taken. Its words are for the sender.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{fmt.Sprintf(format, args...)}
}

// parse reads a form that was posted to a hub. Parameters it does not know are
// ignored, as the Recommendation wants; a known one must not occur twice.
func parse(form url.Values) (Request, error) {
	r := Request{Challenge: rand.Text()}
	for name, value := range map[string]*string{"hub.topic": &r.Topic, "hub.callback": &r.Callback, "hub.secret": &r.Secret} {
		if len(form[name]) > 1 {
			return r, refuse("duplicate %s", name)
		}
		*value = form.Get(name)
	}
	switch r.Mode = Mode(form.Get("hub.mode")); {
	case len(form["hub.mode"]) > 1:
		return r, refuse("duplicate hub.mode")
	case r.Mode != Subscribe && r.Mode != Unsubscribe:
		return r, refuse("hub.mode must be subscribe or unsubscribe")
	case r.Topic == "":
		return r, refuse("hub.topic is missing: send the URL of a feed's rel=self link")
	case len(r.Topic) > maxAddress:
		return r, refuse("hub.topic is longer than %d bytes", maxAddress)
	case len(r.Secret) > maxSecret:
		return r, refuse("hub.secret must be shorter than 200 bytes")
	case !utf8.ValidString(r.Topic):
		return r, refuse("hub.topic is not UTF-8")
	case strings.ContainsRune(r.Secret, 0) || !utf8.ValidString(r.Secret):
		return r, refuse("hub.secret is not UTF-8")
	}
	var err error
	if r.Host, err = callbackHost(r.Callback); err != nil {
		return r, err
	}
	r.Lease, err = lease(form["hub.lease_seconds"])
	return r, err
}

// callbackHost checks a callback and returns its host: in lower case and without
// the root's dot, so that it is counted as one however it is written.
func callbackHost(callback string) (string, error) {
	switch {
	case callback == "":
		return "", refuse("hub.callback is missing")
	case len(callback) > maxAddress:
		return "", refuse("hub.callback is longer than %d bytes", maxAddress)
	case !utf8.ValidString(callback) || strings.ContainsFunc(callback, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "", refuse("hub.callback contains spaces or control characters")
	}
	u, err := url.Parse(callback)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", refuse("hub.callback must be an http or https URL")
	}
	host := strings.ToLower(strings.TrimRight(u.Hostname(), "."))
	switch {
	case host == "":
		return "", refuse("hub.callback has no host")
	case u.User != nil:
		return "", refuse("hub.callback must not contain a user name")
	case strings.Contains(callback, "#"):
		return "", refuse("hub.callback must not contain a fragment")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "", refuse("hub.callback must have a port from 1 to 65535")
		}
	}
	return host, nil
}

func lease(given []string) (time.Duration, error) {
	switch {
	case len(given) > 1:
		return 0, refuse("duplicate hub.lease_seconds")
	case len(given) == 0 || given[0] == "":
		return DefaultLease, nil
	}
	seconds, err := strconv.ParseUint(given[0], 10, 63)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return MaxLease, nil
	case err != nil:
		return 0, refuse("hub.lease_seconds must be a whole number of seconds")
	case seconds == 0: // "for ever", once
		return DefaultLease, nil
	}
	return max(MinLease, time.Duration(min(seconds, uint64(MaxLease/time.Second)))*time.Second), nil
}

// updated are the topics of a publisher's ping (hub.mode=publish), which the
// Recommendation leaves open: hubs take hub.url, some of them hub.topic.
func updated(form url.Values) ([]string, error) {
	topics := append(form["hub.url"], form["hub.topic"]...)
	if len(topics) == 0 {
		return nil, refuse("hub.url is missing")
	}
	if len(topics) > maxUpdates {
		return nil, refuse("there are more than %d topics", maxUpdates)
	}
	return topics, nil
}
