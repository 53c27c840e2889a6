//go:build linux || darwin || freebsd

package app

import "syscall"

// diskSpace is how many bytes of a folder's disk are free and how many it has.
func diskSpace(dir string) (free, total uint64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, false
	}
	size := uint64(s.Bsize)
	return uint64(s.Bavail) * size, uint64(s.Blocks) * size, true
}
