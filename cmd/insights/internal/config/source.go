package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// source is the file that a configuration was read from, "" = none was there.
type source struct {
	name string
	sum  [sha256.Size]byte
	read time.Time
}

func newSource(name string, text []byte) source {
	if full, err := filepath.Abs(name); err == nil {
		name = full
	}
	return source{name, sha256.Sum256(text), time.Now()}
}

// Stale says that the configuration file is not what this configuration was read from any
// more; "" = it is.
func (c *Config) Stale() string {
	if c.source.name == "" {
		return ""
	}
	text, err := os.ReadFile(c.source.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.source.sum == sha256.Sum256(nil):
		return ""
	case err != nil:
		return fmt.Sprintf("%s can't be read any more: %v", c.source.name, err)
	case sha256.Sum256(text) == c.source.sum:
		return ""
	}
	return fmt.Sprintf("%s has changed since the daemon read it at %s: send it SIGHUP (kill -HUP), or restart it", c.source.name, c.source.read.Format("2006-01-02 15:04:05 MST"))
}
