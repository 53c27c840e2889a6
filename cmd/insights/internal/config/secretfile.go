package config

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// ReadSecret reads a file with secrets. It refuses one that every user of the machine can
// change: whoever can put a key there can make links in the place of the site.
func ReadSecret(name string) ([]byte, error) {
	mode, err := modeOf(name)
	if err != nil {
		return nil, err
	}
	if mode&0o002 != 0 {
		return nil, fmt.Errorf("%s can be changed by every user of this machine (mode %04o), and it holds a secret: chmod o-w %s", name, mode, name)
	}
	return os.ReadFile(name)
}

// readableByAll says that a file with secrets can be read by every user of the machine, or
// "". Containers get theirs that way, so that it is not refused.
func readableByAll(name string) string {
	if mode, err := modeOf(name); err != nil || mode&0o004 == 0 {
		return ""
	} else {
		return fmt.Sprintf("%s can be read by every user of this machine (mode %04o), and it holds a secret: chmod o-r %s", name, mode, name)
	}
}

// modeOf is who may do what with a file, behind symbolic links; 0 for what is none, such as
// a pipe from a secret store.
func modeOf(name string) (fs.FileMode, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return 0, err
	}
	return info.Mode().Perm(), nil
}

// secretFiles are the files that hold secrets of this configuration.
func (c *Config) secretFiles() (names []string) {
	names = append(names, c.secretsFrom...)
	if key := c.Mail.DKIM.Key; key != "" && !IsPEM(key) {
		names = append(names, key)
	}
	for _, k := range fields(c) {
		if k.path == "database.url" && strings.HasPrefix(c.Database.URL, "sqlite:") {
			continue // no password
		}
		if k.secret && c.origins[k.path] == InFile && c.source.name != "" {
			return append(names, c.source.name)
		}
	}
	return names
}
