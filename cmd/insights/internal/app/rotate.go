package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/scaledbydesign/insights/subscribers"
)

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
