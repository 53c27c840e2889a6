package smtp

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// SigningKey is a key that messages are signed with (DKIM, RFC 6376; Ed25519: RFC
// 8463), and where its public half is published.
type SigningKey struct {
	Domain   string // d=, that of From or one above it
	Selector string // s=
	Key      crypto.Signer
}

// Bits below which verifiers refuse a key (RFC 8301), and of the keys made here.
const (
	leastBits = 1024
	ownBits   = 2048
)

// NewKeys makes an RSA and an Ed25519 key as PEM: the first for every verifier,
// the second for those that know it.
func NewKeys() ([]byte, error) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, ownBits)
	if err != nil {
		return nil, fmt.Errorf("generate an RSA key: %w", err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate an Ed25519 key: %w", err)
	}
	var out []byte
	for _, key := range []any{rsaKey, edKey} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	}
	return out, nil
}

// ParseKeys reads private keys in PEM, PKCS #8 or RSA's own form, at most one RSA
// and one Ed25519 key. Its error never holds any of the text.
func ParseKeys(text []byte) ([]crypto.Signer, error) {
	var keys []crypto.Signer
	kinds := make(map[string]bool)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		key, err := parseKey(block)
		if err != nil {
			return nil, err
		}
		kind := SigningKey{Key: key}.Kind()
		if kinds[kind] {
			return nil, fmt.Errorf("two %s keys; keep one of each kind", kind)
		}
		kinds[kind] = true
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("it contains no private key; generate one: insights key new")
	}
	return keys, nil
}

func parseKey(block *pem.Block) (crypto.Signer, error) {
	if block.Type == "RSA PRIVATE KEY" {
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("an RSA key can't be read: is it whole, and not encrypted?")
		}
		return checkRSA(key)
	}
	if block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("a block %q is not a private key that DKIM can use; generate one: insights key new", block.Type)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("a key can't be read: is it whole, and not encrypted?")
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		return checkRSA(key)
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("a key of type %T can't sign emails; use RSA or Ed25519", parsed)
}

func checkRSA(key *rsa.PrivateKey) (crypto.Signer, error) {
	if bits := key.N.BitLen(); bits < leastBits {
		return nil, fmt.Errorf("an RSA key of %d bits is too short for mail servers to accept; generate one of %d: insights key new", bits, ownBits)
	}
	return key, nil
}

// Kind names the key as its DNS record does: rsa or ed25519.
func (k SigningKey) Kind() string {
	if _, ok := k.Key.Public().(ed25519.PublicKey); ok {
		return "ed25519"
	}
	return "rsa"
}

// Bits is the size of an RSA key, or 256 for Ed25519.
func (k SigningKey) Bits() int {
	if key, ok := k.Key.Public().(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 256
}

// Record is the DNS TXT record by which others check signatures: its name, without
// a final dot, and its text.
func (k SigningKey) Record() (name, text string) {
	var public []byte
	switch key := k.Key.Public().(type) {
	case ed25519.PublicKey:
		public = key
	case *rsa.PublicKey:
		public, _ = x509.MarshalPKIXPublicKey(key) // can't fail for an RSA key
	}
	return k.Selector + "._domainkey." + k.Domain, "v=DKIM1; k=" + k.Kind() + "; p=" + base64.StdEncoding.EncodeToString(public)
}

// ZoneLine is the record as a zone file has it: a text of more than 255 octets is
// cut into several strings, which readers put together again.
func (k SigningKey) ZoneLine() string {
	name, text := k.Record()
	var parts []string
	for len(text) > 0 {
		n := min(len(text), 250)
		parts = append(parts, `"`+text[:n]+`"`)
		text = text[n:]
	}
	return name + ". IN TXT ( " + strings.Join(parts, "\n  ") + " )"
}
