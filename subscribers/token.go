package subscribers

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Purpose is what one token opens, and the only thing it opens.
type Purpose string

const (
	ConfirmToken     Purpose = "confirm"
	DeclineToken     Purpose = "decline" // of a confirmation: never to be emailed
	UnsubscribeToken Purpose = "unsubscribe"
	PreferencesToken Purpose = "preferences"
	UndoToken        Purpose = "undo"   // of an unsubscription: on the page that answers it alone
	FreshToken       Purpose = "fresh"  // all that is kept of a reader
	ReturnToken      Purpose = "return" // to an address that its reader has left
	BounceAddress    Purpose = "bounce" // of an address that bounces come back to
)

// MinSecret is the shortest secret accepted, in bytes.
const MinSecret = 32

// Keyring makes and checks tokens: KID.PUBLICID.MAC, or KID.PUBLICID.TIME.MAC, where the
// MAC is HMAC-SHA-256 cut to 144 bits over purpose, public id, time and scope. Nothing about
// a token is stored, so tokens survive a restored database. The first secret
// makes new tokens; all of them check old ones. A Keyring is immutable and safe
// for concurrent use.
type Keyring struct {
	current string
	order   []string // key ids, newest first
	keys    map[string][]byte
}

// NewKeyring takes the valid secrets, newest first.
func NewKeyring(secrets ...string) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no secret is set")
	}
	ring := &Keyring{keys: make(map[string][]byte)}
	for _, s := range secrets {
		if len(s) < MinSecret {
			return nil, fmt.Errorf("a secret has %d bytes; it needs %d or more", len(s), MinSecret)
		}
		hash := sha256.Sum256([]byte("insights key id\x00" + s))
		kid := hex.EncodeToString(hash[:3])
		if ring.current == "" {
			ring.current = kid
		}
		if ring.keys[kid] == nil {
			ring.order = append(ring.order, kid)
		}
		ring.keys[kid] = []byte(s)
	}
	return ring, nil
}

// IDs names the keys, the one that makes new tokens first. They tell nothing of the
// secrets.
func (k *Keyring) IDs() []string { return slices.Clone(k.order) }

// Fingerprints are the keys as a database may remember them, newest first. They tell
// nothing of the secrets.
func (k *Keyring) Fingerprints() []string {
	all := make([]string, len(k.order))
	for i, kid := range k.order {
		hash := sha256.Sum256(append([]byte("insights key fingerprint\x00"), k.keys[kid]...))
		all[i] = hex.EncodeToString(hash[:16])
	}
	return all
}

// ErrKeys says that no key of a keyring is on record: with it no link made so far works.
var ErrKeys = errors.New("none of the keys in secret has made the links of this database")

// Recognise returns what is to be on record of a keyring, given what is: keys that stand
// beside a known one are added, and where there are none yet, all. It returns ErrKeys for
// a keyring without a known key.
func Recognise(recorded, fingerprints []string) ([]string, error) {
	known := func(f string) bool { return slices.Contains(recorded, f) }
	if len(recorded) > 0 && !slices.ContainsFunc(fingerprints, known) {
		return recorded, ErrKeys
	}
	all := slices.Clone(recorded)
	for _, f := range fingerprints {
		if !known(f) {
			all = append(all, f)
		}
	}
	return all, nil
}

// Make returns the token for one subscriber. Scope binds it further (the nonce of
// a confirmation); it may be empty and does not appear in the token.
func (k *Keyring) Make(p Purpose, publicID, scope string) string {
	return k.make(k.current, p, publicID, scope)
}

// MakeDated is Make for a token that names its time, in digits.
func (k *Keyring) MakeDated(p Purpose, publicID, at, scope string) string {
	return k.makeDated(k.current, p, publicID, at, scope)
}

func (k *Keyring) makeDated(kid string, p Purpose, publicID, at, scope string) string {
	return kid + "." + publicID + "." + at + "." + base64.RawURLEncoding.EncodeToString(sum(k.keys[kid], p, publicID+"\x00"+at+"\x00"+scope)[:18])
}

// MakeFor is Make for a token that names its day, in digits, and is for one address alone,
// which it does not show.
func (k *Keyring) MakeFor(p Purpose, publicID, at, key string) string {
	return k.makeDated(k.current, p, publicID, at+"-"+k.mark(k.current, p, publicID, key), "")
}

// mark tells of a token which address it is for.
func (k *Keyring) mark(kid string, p Purpose, publicID, key string) string {
	return hex.EncodeToString(sum(k.keys[kid], p, publicID+"\x00for\x00"+key)[:markBytes])
}

const markBytes = 10

// Sign is the MAC of data for a purpose, by the current key, and that key's id: 3
// and 32 bytes. It is for what can't have the form of a token.
func (k *Keyring) Sign(p Purpose, data []byte) (kid, mac []byte) {
	kid, _ = hex.DecodeString(k.current) // as it was made
	return kid, sum(k.keys[k.current], p, string(data))
}

// Verify reports whether mac is what Sign made of data, or began with.
func (k *Keyring) Verify(p Purpose, kid, data, mac []byte) bool {
	key := k.keys[hex.EncodeToString(kid)]
	if key == nil || len(mac) < 5 {
		return false
	}
	whole := sum(key, p, string(data))
	return hmac.Equal(mac, whole[:min(len(mac), len(whole))])
}

func (k *Keyring) make(kid string, p Purpose, publicID, scope string) string {
	return kid + "." + publicID + "." + base64.RawURLEncoding.EncodeToString(sum(k.keys[kid], p, publicID+"\x00"+scope)[:18])
}

func sum(key []byte, p Purpose, data string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(string(p) + "\x00" + data))
	return mac.Sum(nil)
}

// InAddress is Make for the local part of an address, whose case mail servers change: 52
// lower-case letters and digits for a public id as we make them, which leaves room for a
// word before it, else the token of Make.
func (k *Keyring) InAddress(p Purpose, publicID, scope string) string {
	id, err := base64.RawURLEncoding.Strict().DecodeString(publicID)
	if err != nil || len(id) != idBytes {
		return k.Make(p, publicID, scope)
	}
	kid, _ := hex.DecodeString(k.current) // as it was made
	mac := sum(k.keys[k.current], p, publicID+"\x00"+scope)
	return lowerCase.EncodeToString(slices.Concat(kid[:1], id, mac[:addressMAC]))
}

// FromAddress is the token of Make for what InAddress made, or for a token as Make makes
// it, in whatever case the former arrives. It returns ErrToken for all else.
func (k *Keyring) FromAddress(p Purpose, local, scope string) (token string, err error) {
	raw, err := lowerCase.DecodeString(strings.ToLower(local))
	if err != nil || len(raw) != 1+idBytes+addressMAC || lowerCase.EncodeToString(raw) != strings.ToLower(local) {
		_, err := k.Check(p, local, scope)
		return local, err
	}
	publicID := base64.RawURLEncoding.EncodeToString(raw[1 : 1+idBytes])
	for _, kid := range k.order {
		if first, _ := hex.DecodeString(kid[:2]); first[0] != raw[0] {
			continue
		}
		if hmac.Equal(raw[1+idBytes:], sum(k.keys[kid], p, publicID+"\x00"+scope)[:addressMAC]) {
			return k.make(kid, p, publicID, scope), nil
		}
	}
	return "", ErrToken
}

const (
	idBytes    = 15 // of a public id
	addressMAC = 16 // bytes of the MAC in an address
)

var lowerCase = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// PublicID reads whose token it is, unchecked: enough to load the scope that
// Check wants, and nothing more.
func (k *Keyring) PublicID(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(token) > 128 || len(parts) != 3 && len(parts) != 4 || k.keys[parts[0]] == nil || parts[1] == "" {
		return "", ErrToken
	}
	return parts[1], nil
}

// Check returns whose token it is, or ErrToken when it was not made by this
// keyring for exactly this purpose and scope. The whole text is compared in
// constant time, so no second spelling of a token is accepted.
func (k *Keyring) Check(p Purpose, token, scope string) (publicID string, err error) {
	publicID, err = k.PublicID(token)
	if err != nil {
		return "", err
	}
	kid, _, _ := strings.Cut(token, ".")
	if subtle.ConstantTimeCompare([]byte(token), []byte(k.make(kid, p, publicID, scope))) != 1 {
		return "", ErrToken
	}
	return publicID, nil
}

// CheckDated is Check for a token of MakeDated, and returns the time that it names.
func (k *Keyring) CheckDated(p Purpose, token, scope string) (publicID, at string, err error) {
	parts := strings.Split(token, ".")
	if publicID, err = k.PublicID(token); err != nil || len(parts) != 4 {
		return "", "", ErrToken
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(k.makeDated(parts[0], p, publicID, parts[2], scope))) != 1 {
		return "", "", ErrToken
	}
	return publicID, parts[2], nil
}

// CheckFor is Check for a token of MakeFor, and returns the day that it names.
func (k *Keyring) CheckFor(p Purpose, token string) (publicID, at string, err error) {
	publicID, named, err := k.CheckDated(p, token, "")
	at, _, ok := strings.Cut(named, "-")
	if err == nil && !ok {
		err = ErrToken
	}
	return publicID, at, err
}

// IsFor reports whether a token that CheckFor takes is for an address.
func (k *Keyring) IsFor(p Purpose, token, key string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 4 || k.keys[parts[0]] == nil {
		return false
	}
	_, mark, _ := strings.Cut(parts[2], "-")
	return subtle.ConstantTimeCompare([]byte(mark), []byte(k.mark(parts[0], p, parts[1], key))) == 1
}
