//go:build unix

package config

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ownGroup reports whether a file's group is its owner's primary one.
func ownGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	if int(stat.Uid) == os.Geteuid() && int(stat.Gid) == os.Getegid() { // where the user has no name, too
		return true
	}
	owner, err := user.LookupId(strconv.Itoa(int(stat.Uid)))
	return err == nil && owner.Gid == strconv.Itoa(int(stat.Gid))
}
