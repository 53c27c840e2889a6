package websub

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/content/budget"
)

func formOf(pairs ...string) url.Values {
	form := url.Values{"hub.mode": {"subscribe"}, "hub.topic": {"https://insights.example.com/feeds/all.atom"}, "hub.callback": {"https://reader.example.com/push"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			form.Del(pairs[i])
		} else {
			form.Set(pairs[i], pairs[i+1])
		}
	}
	return form
}

func TestARequestThatIsWrongIsRefusedInWords(t *testing.T) {
	for name, test := range map[string]struct {
		form url.Values
		says string
	}{
		"empty":              {url.Values{}, "hub.mode must be"},
		"mode":               {formOf("hub.mode", "Subscribe"), "hub.mode must be"},
		"no topic":           {formOf("hub.topic", "-"), "hub.topic is missing"},
		"no callback":        {formOf("hub.callback", "-"), "hub.callback is missing"},
		"two modes":          {url.Values{"hub.mode": {"subscribe", "unsubscribe"}}, "duplicate hub.mode"},
		"two callbacks":      {url.Values{"hub.mode": {"subscribe"}, "hub.callback": {"https://a.example", "https://b.example"}}, "duplicate hub.callback"},
		"long topic":         {formOf("hub.topic", "https://insights.example.com/"+strings.Repeat("a", 2048)), "hub.topic is longer"},
		"long callback":      {formOf("hub.callback", "https://reader.example.com/"+strings.Repeat("a", 2048)), "hub.callback is longer"},
		"long secret":        {formOf("hub.secret", strings.Repeat("s", 200)), "shorter than 200"},
		"secret of no text":  {formOf("hub.secret", "\xff"), "hub.secret"},
		"relative callback":  {formOf("hub.callback", "/push"), "http or https"},
		"other scheme":       {formOf("hub.callback", "ftp://reader.example.com/"), "http or https"},
		"file":               {formOf("hub.callback", "file:///etc/passwd"), "http or https"},
		"opaque":             {formOf("hub.callback", "https:reader.example.com"), "has no host"},
		"no host":            {formOf("hub.callback", "https:///push"), "has no host"},
		"dots for a host":    {formOf("hub.callback", "https://../push"), "has no host"},
		"user":               {formOf("hub.callback", "https://user:pass@reader.example.com/"), "user name"},
		"user and nothing":   {formOf("hub.callback", "https://@reader.example.com/"), "user name"},
		"fragment":           {formOf("hub.callback", "https://reader.example.com/#a"), "fragment"},
		"empty fragment":     {formOf("hub.callback", "https://reader.example.com/#"), "fragment"},
		"port":               {formOf("hub.callback", "https://reader.example.com:0/"), "port"},
		"port too large":     {formOf("hub.callback", "https://reader.example.com:65536/"), "port"},
		"empty port":         {formOf("hub.callback", "https://reader.example.com:/"), "port"},
		"line break":         {formOf("hub.callback", "https://reader.example.com/\r\nX: y"), "control characters"},
		"blank":              {formOf("hub.callback", "https://reader.example.com/a b"), "spaces"},
		"broken escape":      {formOf("hub.callback", "https://reader.example.com%zz/"), "http or https"},
		"lease of no number": {formOf("hub.lease_seconds", "ten"), "hub.lease_seconds"},
		"negative lease":     {formOf("hub.lease_seconds", "-1"), "hub.lease_seconds"},
		"two leases":         {url.Values{"hub.mode": {"subscribe"}, "hub.topic": {"t"}, "hub.callback": {"https://a.example"}, "hub.lease_seconds": {"1", "2"}}, "duplicate hub.lease_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(test.form)
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok || !strings.Contains(refused.Reason, test.says) {
				t.Errorf("%v; want it to say %q", err, test.says)
			}
		})
	}
}

func TestARequestIsReadWhole(t *testing.T) {
	secret := strings.Repeat("s", 199)
	r, err := parse(formOf("hub.callback", "http://Reader.Example.COM.:8080/push?a=1", "hub.secret", secret, "hub.lease_seconds", "7200", "hub.verify", "sync", "hub.verify_token", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Mode != Subscribe || r.Host != "reader.example.com" || r.Secret != secret || r.Lease != 2*time.Hour || r.Callback != "http://Reader.Example.COM.:8080/push?a=1" {
		t.Errorf("%+v", r)
	}
	other, err := parse(formOf())
	if err != nil || other.Challenge == r.Challenge || other.Lease != DefaultLease {
		t.Errorf("%+v, %v", other, err)
	}
}

func TestTheVerificationIsAddedToWhatTheCallbackAsks(t *testing.T) {
	for callback, want := range map[string]string{
		"https://a.example":         "https://a.example?hub.mode=",
		"https://a.example/p":       "https://a.example/p?hub.mode=",
		"https://a.example/p?":      "https://a.example/p?hub.mode=",
		"https://a.example/p?k=%20": "https://a.example/p?k=%20&hub.mode=",
		"https://a.example/p?k=1&":  "https://a.example/p?k=1&hub.mode=",
		"https://a.example/p?k=?":   "https://a.example/p?k=?&hub.mode=",
	} {
		r := Request{Mode: Subscribe, Topic: "https://t.example/?a&b=c", Callback: callback, Challenge: "x y", Lease: time.Hour}
		if got := r.verification(r.Lease); got != want+"subscribe&hub.topic=https%3A%2F%2Ft.example%2F%3Fa%26b%3Dc&hub.challenge=x+y&hub.lease_seconds=3600" {
			t.Errorf("%s: %s", callback, got)
		}
	}
}

func TestWaitsGrowAndAreSpread(t *testing.T) {
	for failures, middle := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: time.Minute, 29: time.Minute, 30: time.Minute, 1000: time.Minute} {
		seen := make(map[time.Duration]bool)
		for range 100 {
			d := backoff(failures, time.Second, time.Minute)
			if d < middle*3/4 || d > middle*5/4 {
				t.Errorf("after %d failures: %v; want about %v", failures, d, middle)
			}
			seen[d] = true
		}
		if len(seen) < 50 {
			t.Errorf("after %d failures: only %d different waits", failures, len(seen))
		}
	}
}

// The signature is that of `openssl dgst -sha256 -hmac key`.
func TestSignatureIsHMAC(t *testing.T) {
	const want = "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
	if got := signature("key", []byte("The quick brown fox jumps over the lazy dog")); got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// FuzzRequest: whatever is posted, it is refused in words, or kept within bounds
// and verified at an address that is the callback's with the parameters added.
func FuzzRequest(f *testing.F) {
	for _, form := range []url.Values{
		formOf(), formOf("hub.mode", "unsubscribe", "hub.secret", "x"), formOf("hub.lease_seconds", "18446744073709551616"),
		formOf("hub.callback", "http://[::1]:80/?a#"), formOf("hub.callback", "http://127.1/"), formOf("hub.callback", "http://[fe80::1%25eth0]/"),
		formOf("hub.callback", "http://0x7f.1:080/?%"), formOf("hub.callback", "https://a.example./?&&="), formOf("hub.topic", "\x00"),
		{"hub.mode": {"publish"}, "hub.url": {"a", "b"}},
	} {
		f.Add(form.Encode())
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, grown := range []url.Values{
			formOf("hub.callback", "https://a.example/"+budget.Grown(body)), formOf("hub.topic", budget.Grown(body)), formOf("hub.secret", budget.Grown(body)), formOf("hub.lease_seconds", budget.Grown(body)),
		} {
			budget.Check(t, func() { _, _ = parse(grown) })
		}
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r, err := parse(form)
		if err != nil {
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok || refused.Reason == "" || strings.ContainsFunc(refused.Reason, unicode.IsControl) {
				t.Fatalf("%T %q", err, err)
			}
			return
		}
		if r.Mode != Subscribe && r.Mode != Unsubscribe || r.Topic == "" || len(r.Topic) > maxAddress || len(r.Callback) > maxAddress || len(r.Secret) >= 200 ||
			r.Lease < MinLease || r.Lease > MaxLease || r.Host == "" || r.Host != strings.ToLower(r.Host) || !utf8.ValidString(r.Topic+r.Callback+r.Secret) {
			t.Errorf("%+v", r)
		}
		callback, err := url.Parse(r.Callback)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(r.verification(r.Lease))
		if err != nil {
			t.Fatalf("%q: %v", r.verification(r.Lease), err)
		}
		if u.Scheme != callback.Scheme || u.Host != callback.Host || u.EscapedPath() != callback.EscapedPath() || u.Fragment != "" || u.User != nil {
			t.Errorf("%q is verified at %q", r.Callback, u)
		}
		if !strings.HasPrefix(u.RawQuery, callback.RawQuery) || !strings.Contains(u.RawQuery, "hub.challenge="+r.Challenge) {
			t.Errorf("%q becomes %q", callback.RawQuery, u.RawQuery)
		}
	})
}
