package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ReadSecret reads a file with secrets. It refuses one that every user of the machine can
// change: whoever can put a key there can make links in the place of the site.
func ReadSecret(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := permissions(info); mode&0o002 != 0 {
		return nil, fmt.Errorf("%s can be changed by every user of this machine (mode %04o), and it holds a secret: chmod 600 %s", name, mode, name)
	}
	return io.ReadAll(f)
}

// exposed says that a file with secrets can be read by every user of the machine, or changed
// by a group that is not its owner's own, or "". Containers get theirs that way, so that it
// is not refused.
func exposed(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	mode := permissions(info)
	read, write := mode&0o004 != 0, mode&0o020 != 0 && !ownGroup(info)
	switch {
	case read && write:
		return fmt.Sprintf("%s can be read by every user of this machine and changed by a group of them (mode %04o), and it holds a secret: chmod 600 %s", name, mode, name)
	case read:
		return fmt.Sprintf("%s can be read by every user of this machine (mode %04o), and it holds a secret: chmod o-r %s", name, mode, name)
	case write:
		return fmt.Sprintf("%s can be changed by a group that is not its owner's (mode %04o), and it holds a secret: chmod g-w %s", name, mode, name)
	}
	return ""
}

// permissions are who may do what with a file; 0 for what is no file, such as a pipe from a
// secret store.
func permissions(info fs.FileInfo) fs.FileMode {
	if !info.Mode().IsRegular() {
		return 0
	}
	return info.Mode().Perm()
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
