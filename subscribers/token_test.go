package subscribers_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/subscribers"
)

const (
	oldSecret = "the old secret, of 32 bytes or more"
	newSecret = "the new secret, of 32 bytes or more"
	publicID  = "Zx9_-aB3dE6gH1jK4mN7"
)

var purposes = []subscribers.Purpose{subscribers.ConfirmToken, subscribers.UnsubscribeToken, subscribers.PreferencesToken}

func keyring(t testing.TB, secrets ...string) *subscribers.Keyring {
	t.Helper()
	keys, err := subscribers.NewKeyring(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestTokenOpensWhatItWasMadeFor(t *testing.T) {
	keys := keyring(t, newSecret)
	for _, made := range purposes {
		token := keys.Make(made, publicID, "scope")
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~") != "" || len(token) > 64 {
			t.Errorf("token %q can't stand in an address", token)
		}
		for _, checked := range purposes {
			for _, scope := range []string{"scope", "", "other"} {
				got, err := keys.Check(checked, token, scope)
				if checked == made && scope == "scope" {
					if err != nil || got != publicID {
						t.Errorf("%s: %q, %v", made, got, err)
					}
				} else if !errors.Is(err, subscribers.ErrToken) {
					t.Errorf("a token to %s also opens %s, scope %q (%v)", made, checked, scope, err)
				}
			}
		}
	}
}

// TestAlteredTokenIsRefused tries every other character at every place, every
// place left out, every beginning, and characters before and behind.
func TestAlteredTokenIsRefused(t *testing.T) {
	keys := keyring(t, newSecret, oldSecret)
	token := keys.Make(subscribers.UnsubscribeToken, publicID, "")
	refuse := func(altered string) {
		t.Helper()
		if _, err := keys.Check(subscribers.UnsubscribeToken, altered, ""); !errors.Is(err, subscribers.ErrToken) {
			t.Errorf("%q was accepted for %q (%v)", altered, token, err)
		}
	}
	for i := range token {
		for c := range 256 {
			if byte(c) != token[i] {
				refuse(token[:i] + string([]byte{byte(c)}) + token[i+1:])
			}
		}
		refuse(token[:i])
		refuse(token[:i] + token[i+1:])
	}
	for c := range 256 {
		refuse(token + string([]byte{byte(c)}))
		refuse(string([]byte{byte(c)}) + token)
	}
	refuse(strings.ToUpper(token))
	refuse(token + token)
	refuse(strings.Repeat("A", 1<<20))
}

func TestOldTokensSurviveRotation(t *testing.T) {
	before := keyring(t, oldSecret)
	after := keyring(t, newSecret, oldSecret)
	old := before.Make(subscribers.UnsubscribeToken, publicID, "")
	if _, err := after.Check(subscribers.UnsubscribeToken, old, ""); err != nil {
		t.Errorf("a token from before the rotation: %v", err)
	}
	fresh := after.Make(subscribers.UnsubscribeToken, publicID, "")
	if _, err := before.Check(subscribers.UnsubscribeToken, fresh, ""); !errors.Is(err, subscribers.ErrToken) {
		t.Errorf("a new token is not made with the new secret: %v", err)
	}
	if _, err := keyring(t, newSecret).Check(subscribers.UnsubscribeToken, old, ""); !errors.Is(err, subscribers.ErrToken) {
		t.Errorf("a token of a secret that was dropped: %v", err)
	}
	// One key's signature under the other's name is no token.
	kid, _, _ := strings.Cut(fresh, ".")
	_, rest, _ := strings.Cut(old, ".")
	if _, err := after.Check(subscribers.UnsubscribeToken, kid+"."+rest, ""); !errors.Is(err, subscribers.ErrToken) {
		t.Errorf("mixed keys: %v", err)
	}
}

func TestKeyringRefusesWeakSecrets(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {strings.Repeat("x", subscribers.MinSecret-1)}, {newSecret, "short"}} {
		_, err := subscribers.NewKeyring(secrets...)
		if err == nil {
			t.Errorf("%d secrets were accepted", len(secrets))
		} else if strings.Contains(err.Error(), "short") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
	if _, err := subscribers.NewKeyring(strings.Repeat("x", subscribers.MinSecret)); err != nil {
		t.Error(err)
	}
}

func FuzzCheck(f *testing.F) {
	keys := keyring(f, newSecret, oldSecret)
	genuine := make(map[string]bool)
	for _, k := range []*subscribers.Keyring{keys, keyring(f, oldSecret)} {
		token := k.Make(subscribers.UnsubscribeToken, publicID, "")
		genuine[token] = true
		f.Add(token)
	}
	f.Add("..")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		for _, grown := range []string{budget.Grown(token), token + "." + budget.Grown(token)} {
			budget.Check(t, func() { _, _ = keys.Check(subscribers.UnsubscribeToken, grown, "") })
		}
		id, err := keys.Check(subscribers.UnsubscribeToken, token, "")
		if err == nil && (!genuine[token] || id != publicID) {
			t.Errorf("%q was accepted for %q", token, id)
		}
		if err != nil && (!errors.Is(err, subscribers.ErrToken) || id != "") {
			t.Errorf("%q: %q, %v", token, id, err)
		}
	})
}

// No text opens anything but what was made, and none makes it panic.
func FuzzToken(f *testing.F) {
	ring, err := subscribers.NewKeyring(strings.Repeat("s", 40), strings.Repeat("t", 40))
	if err != nil {
		f.Fatal(err)
	}
	good := ring.Make(subscribers.UnsubscribeToken, "abcdefghij0123456789", "")
	for _, s := range []string{good, good[:len(good)-1], strings.ToUpper(good), "", ".", "..", "a.b.c", good + "=", strings.Replace(good, ".", "..", 1)} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, token, scope string) {
		id, err := ring.Check(subscribers.UnsubscribeToken, token, scope)
		if err != nil {
			if id != "" {
				t.Errorf("refused, yet of %q", id)
			}
			return
		}
		if token != ring.Make(subscribers.UnsubscribeToken, id, scope) && token != old(t, id, scope) {
			t.Errorf("%q opens %q", token, id)
		}
		if _, err := ring.Check(subscribers.PreferencesToken, token, scope); err == nil {
			t.Errorf("%q opens two things", token)
		}
	})
}

// old is the token that the second secret of FuzzToken makes.
func old(t *testing.T, id, scope string) string {
	ring, err := subscribers.NewKeyring(strings.Repeat("t", 40))
	if err != nil {
		t.Fatal(err)
	}
	return ring.Make(subscribers.UnsubscribeToken, id, scope)
}

// Mail servers change the case of the local part of an address.
func TestTokensInAddressesKnowNoCase(t *testing.T) {
	old, fresh := strings.Repeat("o", subscribers.MinSecret), strings.Repeat("n", subscribers.MinSecret)
	before, err := subscribers.NewKeyring(old)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := subscribers.NewKeyring(fresh, old)
	if err != nil {
		t.Fatal(err)
	}
	const id = "aB3_-xYz09aB3_-xYz09" // 15 bytes
	for _, maker := range []*subscribers.Keyring{before, ring} {
		made := maker.InAddress(subscribers.UnsubscribeToken, id, "")
		if local := "unsubscribe+" + made; made != strings.ToLower(made) || len(local) > 64 || strings.ContainsAny(made, ".-_") {
			t.Errorf("the local part %q has %d octets", local, len(local))
		}
		for _, arrived := range []string{made, strings.ToUpper(made), strings.ToUpper(made[:20]) + made[20:]} {
			token, err := ring.FromAddress(subscribers.UnsubscribeToken, arrived, "")
			if err != nil || token != maker.Make(subscribers.UnsubscribeToken, id, "") {
				t.Errorf("%q: %q, %v", arrived, token, err)
			}
		}
		for _, forged := range []string{made[:51], made + "a", "b" + made[1:], made[:51] + "b", "", "x", made[:30] + "1" + made[31:]} {
			if forged == made {
				continue
			}
			if token, err := ring.FromAddress(subscribers.UnsubscribeToken, forged, ""); err == nil {
				t.Errorf("%q was taken as %q", forged, token)
			}
		}
		if _, err := ring.FromAddress(subscribers.PreferencesToken, made, ""); err == nil {
			t.Error("it opens preferences")
		}
		long := maker.Make(subscribers.UnsubscribeToken, id, "") // as in emails of former versions
		if token, err := ring.FromAddress(subscribers.UnsubscribeToken, long, ""); err != nil || token != long {
			t.Errorf("an older token: %q, %v", token, err)
		}
	}
	if token := ring.InAddress(subscribers.UnsubscribeToken, "another", ""); token != ring.Make(subscribers.UnsubscribeToken, "another", "") {
		t.Errorf("an id of another form: %q", token)
	}
}

func TestAKeyringIsRecognisedByOneKnownKey(t *testing.T) {
	for _, test := range []struct {
		recorded, keys, want string
		fails                bool
	}{
		{"", "a", "a", false},
		{"", "b a", "b a", false},
		{"a", "a", "a", false},
		{"a", "b a", "a b", false},
		{"a", "a b", "a b", false},
		{"a b", "b", "a b", false},
		{"a", "b", "a", true},
		{"a b", "c d", "a b", true},
	} {
		got, err := subscribers.Recognise(strings.Fields(test.recorded), strings.Fields(test.keys))
		if strings.Join(got, " ") != test.want || errors.Is(err, subscribers.ErrKeys) != test.fails {
			t.Errorf("recorded %q, keys %q: %q, %v", test.recorded, test.keys, got, err)
		}
	}
	secrets := []string{strings.Repeat("a", subscribers.MinSecret), strings.Repeat("b", subscribers.MinSecret)}
	both, err := subscribers.NewKeyring(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	one, err := subscribers.NewKeyring(secrets[1])
	if err != nil {
		t.Fatal(err)
	}
	if f := both.Fingerprints(); len(f) != 2 || f[0] == f[1] || f[1] != one.Fingerprints()[0] || strings.Contains(f[0], both.IDs()[0]) {
		t.Errorf("fingerprints %q, %q", f, one.Fingerprints())
	}
}
