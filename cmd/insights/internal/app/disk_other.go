//go:build !linux && !darwin && !freebsd

package app

// diskSpace is unknown here.
func diskSpace(string) (free, total uint64, ok bool) { return 0, 0, false }
