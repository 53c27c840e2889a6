package app

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
	"github.com/scaledbydesign/insights/subscribers"
)

// Keyring is the keyring of the configured secrets, or in development of the secret
// next to the database.
func Keyring(c *config.Config) (*subscribers.Keyring, error) {
	secrets := c.Secrets()
	if len(secrets) == 0 {
		secret, err := os.ReadFile(secretFile(c))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, unusable(errors.New("secret is not set: INSIGHTS_SECRET=$(head -c 32 /dev/urandom | base64), or INSIGHTS_SECRET_FILE=/path; it must be the same as the daemon's"))
		}
		if err != nil {
			return nil, unusable(fmt.Errorf("read the development secret: %w", err))
		}
		secrets = strings.Fields(string(secret))
	}
	ring, err := subscribers.NewKeyring(secrets...)
	return ring, unusable(err)
}

// secretFile is where insights dev keeps its secret: next to its database, or, if that is
// not a file, next to the default one.
func secretFile(c *config.Config) string {
	path, ok := database.FilePath(c.Database.URL)
	if !ok {
		path, _ = database.FilePath(config.DefaultDatabase)
	}
	return path + "-secret"
}

// makeSecret creates the development secret unless one is configured or exists.
func makeSecret(c *config.Config) error {
	if len(c.Secrets()) > 0 {
		return nil
	}
	f, err := os.OpenFile(secretFile(c), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the development secret: %w", err)
	}
	_, err = fmt.Fprintln(f, newSecret())
	return errors.Join(err, f.Close())
}

// newSecret is 256 random bits.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// SigningKey is a key that signs emails, with its DNS record.
type SigningKey = smtp.SigningKey

// SigningKeys are the keys that sign emails; none without mail.dkim.key.
func SigningKeys(c *config.Config) ([]SigningKey, error) {
	text, from := c.Mail.DKIM.Key, "mail.dkim.key"
	if text == "" {
		return nil, nil
	}
	if !config.IsPEM(text) {
		from = text
		octets, err := config.ReadSecret(text)
		if err != nil {
			return nil, unusable(fmt.Errorf("mail.dkim.key: %w; to create one: insights key new", err))
		}
		text = string(octets)
	}
	signers, err := smtp.ParseKeys([]byte(text))
	if err != nil {
		return nil, unusable(fmt.Errorf("mail.dkim.key: %s: %w", from, err))
	}
	return named(c, signers), nil
}

// NewSigningKeys makes keys, in PEM, with the domain and the selectors that are
// configured.
func NewSigningKeys(c *config.Config) (pem []byte, keys []SigningKey, err error) {
	if pem, err = smtp.NewKeys(); err != nil {
		return nil, nil, err
	}
	signers, err := smtp.ParseKeys(pem)
	return pem, named(c, signers), err
}

// named gives keys the domain and the selectors that are configured.
func named(c *config.Config, signers []crypto.Signer) (keys []SigningKey) {
	for _, signer := range signers {
		key := SigningKey{Domain: c.DKIMDomain(), Selector: c.Mail.DKIM.Selector, Key: signer}
		if key.Kind() == "ed25519" {
			key.Selector = cmp.Or(c.Mail.DKIM.Ed25519Selector, c.Mail.DKIM.Selector+"-ed25519")
			keys = append(keys, key)
		} else { // the first, for every verifier
			keys = append([]SigningKey{key}, keys...)
		}
	}
	return keys
}

// Composer makes messages, signed if there are keys.
func (a *App) Composer() (newsletter.Composer, error) {
	keys, err := SigningKeys(&a.Config)
	return smtp.Composer{Keys: keys}, err
}

// RotateSecret puts a new secret before the old ones in a file, unless dry, and returns
// the new one's id.
func RotateSecret(file string, dry bool) (id string, err error) {
	old, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	fresh := newSecret()
	if !dry {
		if err := replaceFile(file, append([]byte(fresh+"\n"), old...)); err != nil {
			return "", err
		}
	}
	ring, err := subscribers.NewKeyring(append([]string{fresh}, strings.Fields(string(old))...)...)
	if err != nil {
		return "", unusable(err)
	}
	return ring.IDs()[0], nil
}

// replaceFile replaces a file whole or not at all, readable by its owner alone, who
// stays the same. A symbolic link stays one.
func replaceFile(name string, data []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(0o600), sameOwner(temporary, info), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// sameOwner gives a file the owner of another: root may replace a file that a service must
// still be able to read.
func sameOwner(f *os.File, as fs.FileInfo) error {
	stat, ok := as.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}
