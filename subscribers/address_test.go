package subscribers_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestParseAddressAccepts(t *testing.T) {
	tests := []struct{ in, address, key string }{
		{"ada@example.com", "ada@example.com", "ada@example.com"},
		{"  ada@example.com\t\n", "ada@example.com", "ada@example.com"},
		{"Ada.Lovelace@EXAMPLE.Com", "Ada.Lovelace@example.com", "ada.lovelace@example.com"},
		{"ada+news@example.com", "ada+news@example.com", "ada+news@example.com"},
		{"a!#$%&'*+-/=?^_`{|}~z@example.com", "a!#$%&'*+-/=?^_`{|}~z@example.com", "a!#$%&'*+-/=?^_`{|}~z@example.com"},
		{"ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		{"ada@BÜCHER.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		{"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		{"ÀDA@example.com", "ÀDA@example.com", "àda@example.com"},
		{"用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v", "用户@xn--fsqu00a.xn--4rr70v"},
		{"ada@mail.1and1.example", "ada@mail.1and1.example", "ada@mail.1and1.example"},
		{"\u202aada@example.com\u202c", "ada@example.com", "ada@example.com"},
		{"\u2066ada\u200b@exam\u00adple.com\u2069\ufeff", "ada@example.com", "ada@example.com"},
		{"a\u200dd\ufe0fa@exa\u200dmple.com", "ada@example.com", "ada@example.com"},
		{"jose\u0301@example.com", "jose\u0301@example.com", "jos\u00e9@example.com"},
		{"JOSE\u0301@bu\u0308cher.example", "JOSE\u0301@xn--bcher-kva.example", "jos\u00e9@xn--bcher-kva.example"},
		{"\u1112\u1161\u11ab@example.com", "\u1112\u1161\u11ab@example.com", "\ud55c@example.com"},
		{"\u212bsa@example.com", "\u212bsa@example.com", "\u00e5sa@example.com"},
		{strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
	}
	for _, test := range tests {
		a, err := subscribers.ParseAddress(test.in)
		if err != nil {
			t.Errorf("%q: %v", test.in, err)
			continue
		}
		if a.String() != test.address || a.Key() != test.key {
			t.Errorf("%q: address %q, key %q; want %q, %q", test.in, a.String(), a.Key(), test.address, test.key)
		}
		if want := strings.IndexFunc(a.String(), func(r rune) bool { return r > unicode.MaxASCII }) < 0; a.ASCII() != want {
			t.Errorf("%q: ASCII is %v", test.in, a.ASCII())
		}
		if "@"+a.Domain() != test.address[strings.IndexByte(test.address, '@'):] {
			t.Errorf("%q: domain %q", test.in, a.Domain())
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	refused := map[string]string{
		"nothing":               "  ",
		"no @":                  "ada.example.com",
		"no local part":         "@example.com",
		"no domain":             "ada@",
		"two @":                 "ada@home@example.com",
		"a display name":        "Ada <ada@example.com>",
		"two addresses":         "ada@example.com,eve@example.com",
		"a quoted local part":   `"ada lovelace"@example.com`,
		"a comment":             "ada(home)@example.com",
		"an address literal":    "ada@[192.0.2.1]",
		"an address as domain":  "ada@192.0.2.1",
		"one label":             "ada@localhost",
		"a trailing dot":        "ada@example.com.",
		"an empty label":        "ada@example..com",
		"a leading dot":         ".ada@example.com",
		"a dot before the @":    "ada.@example.com",
		"two dots":              "a..da@example.com",
		"a space":               "a da@example.com",
		"a line break":          "ada@example.com\r\nbcc: eve@example.com",
		"a line break in local": "a\r\nda@example.com",
		"a NUL":                 "a\x00da@example.com",
		"a no-break space":      "a\u00a0da@example.com",
		"invisible alone":       "\u200b@example.com",
		"no valid text":         "a\xffda@example.com",
		"a hyphen first":        "ada@-example.com",
		"a hyphen last":         "ada@example-.com",
		"an underscore":         "ada@exa_mple.com",
		"a bad A-label":         "ada@xn--a.example",
		"a long local part":     strings.Repeat("a", 65) + "@example.com",
		"a long label":          "ada@" + strings.Repeat("a", 64) + ".com",
		"a long address":        "ada@" + strings.Repeat("a.", 125) + "com",
		"long as A-labels":      "ada@" + strings.Repeat("ü.", 60) + "example",
	}
	for name, in := range refused {
		if a, err := subscribers.ParseAddress(in); err == nil {
			t.Errorf("%s: %q was accepted as %q", name, in, a)
		} else if a != (subscribers.Address{}) {
			t.Errorf("%s: refused, yet returned as %q", name, a)
		}
	}
}

func TestAddressIsNoAddress(t *testing.T) {
	var a subscribers.Address
	if a.String() != "" || a.Key() != "" || a.Masked() != "" {
		t.Errorf("the zero address reads %q, %q, %q", a.String(), a.Key(), a.Masked())
	}
}

func TestKeysOfStrangersDiffer(t *testing.T) {
	for _, like := range []string{"\u212aay@example.com", "k\u0130m@example.com"} { // the Kelvin sign, a capital i with a dot
		a, err := subscribers.ParseAddress(like)
		if err != nil {
			t.Fatal(err)
		}
		if key := a.Key(); key == "kay@example.com" || key == "kim@example.com" {
			t.Errorf("%s has the key of another: %s", like, key)
		}
	}
	a, _ := subscribers.ParseAddress("\u00c4GIR@example.com")
	if a.Key() != "\u00e4gir@example.com" {
		t.Errorf("key %s", a.Key())
	}
}

func TestFormerKeys(t *testing.T) {
	for key, want := range map[string]string{
		"jos\u00e9@example.com": "jose\u0301@example.com",
		"\ud55c@example.com":    "\u1112\u1161\u11ab@example.com",
		"ada@example.com":       "",
		"\u00df@example.com":    "",
		"":                      "",
	} {
		if got := strings.Join(subscribers.FormerKeys(key), " "); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

func TestReadAddressSuggests(t *testing.T) {
	for typed, want := range map[string]string{
		"ada@example,com":                       "ada@example.com",
		"ada@example;com":                       "ada@example.com",
		"ada@mail,example.co,uk":                "ada@mail.example.co.uk",
		"ada@example":                           "ada@example.com",
		"ada@examplecom":                        "ada@example.com",
		"ada@example-org":                       "ada@example.org",
		"ada at example.com":                    "ada@example.com",
		"ada (at) example dot com":              "ada@example.com",
		"ada[at]example[dot]com":                "ada@example.com",
		"ada@@example.com":                      "ada@example.com",
		"ada @ example.com":                     "ada@example.com",
		"ada@ example . com":                    "ada@example.com",
		"mailto:ada@example.com":                "ada@example.com",
		"MAILTO: ada@example.com?subject=hello": "ada@example.com",
		"email: ada@example.com":                "ada@example.com",
		"Ada Lovelace <ada@example.com>":        "ada@example.com",
		"<ada@example.com>":                     "ada@example.com",
		"\"ada@example.com\"":                   "ada@example.com",
		"ada@example.com.":                      "ada@example.com",
		"ada@example.com,":                      "ada@example.com",
		"ada@example..com":                      "ada@example.com",
		"ada.@example.com":                      "ada@example.com",
		"a..da@example.com":                     "a.da@example.com",
		"ada\uff20example.com":                  "ada@example.com",
		"\u202aada@example,com\u202c":           "ada@example.com",
		"ada@example.com eve@example.com":       "",
		"ada@example.com,eve@example.com":       "",
		"ada":                                   "",
		"@example.com":                          "",
		"ada lovelace@example.com":              "",
		"ada@192.0.2.1":                         "",
		"ada\r\nbcc: eve@example.com":           "",
		"":                                      "",
		strings.Repeat("a@", 5000):              "",
	} {
		meant, ok := subscribers.Suggest(typed)
		if meant.String() != want || ok != (want != "") {
			t.Errorf("%q: suggested %q, want %q", typed, meant, want)
		}
		_, err := subscribers.ReadAddress(typed)
		if err == nil {
			t.Errorf("%q was accepted", typed)
		} else if said := strings.HasSuffix(err.Error(), "; did you mean "+want+"?"); said != (want != "") {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func TestAddressesOfOneInbox(t *testing.T) {
	for address, want := range map[string]string{
		"ada@example.com":           "ada@example.com",
		"A.d.A+news+more@gmail.com": "ada@gmail.com",
		"a.d.a@googlemail.com":      "ada@gmail.com",
		"A.da+news@example.com":     "a.da@example.com",
		"+@example.com":             "@example.com",
	} {
		a, err := subscribers.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Inbox(); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestMaskedHidesTheLocalPart(t *testing.T) {
	for in, want := range map[string]string{"ada@example.com": "a…@example.com", "élise@example.com": "é…@example.com", "a@example.com": "a…@example.com"} {
		a, err := subscribers.ParseAddress(in)
		if err != nil {
			t.Fatal(err)
		}
		if a.Masked() != want {
			t.Errorf("%s is masked as %s", in, a.Masked())
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"ada@example.com", " Ada@BÜCHER.example ", "İ@İ.example", "a@b@c.d", "a\r\n@b.c", "a@xn--bcher-kva.de", "ß@faß.de", "a@ex\u0301ample.com", "a@１２.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, grown := range []string{budget.Grown(s), budget.Grown(s) + "@example.com", "a@" + budget.Grown(s)} {
			budget.Check(t, func() { _, _ = subscribers.ParseAddress(grown) })
		}
		a, err := subscribers.ParseAddress(s)
		if err != nil {
			return
		}
		text := a.String()
		if strings.Count(text, "@") != 1 || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) || len(text) > 254 {
			t.Errorf("%q was accepted as %q", s, text)
		}
		again, err := subscribers.ParseAddress(text)
		if err != nil || again != a {
			t.Errorf("%q reads %q, which reads %q, %v", s, text, again, err)
		}
		if upper, err := subscribers.ParseAddress(strings.ToUpper(text)); err == nil && a.ASCII() && upper.Key() != a.Key() {
			t.Errorf("%q: the key depends on the case: %q, %q", s, a.Key(), upper.Key())
		}
		if key, err := subscribers.ParseAddress(a.Key()); err == nil && key.Key() != a.Key() {
			t.Errorf("%q: the key %q has the key %q", s, a.Key(), key.Key())
		}
	})
}
