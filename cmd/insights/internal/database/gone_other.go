//go:build !linux

package database

import (
	"syscall"
	"time"
)

// giveUpAfter leaves it to keep-alives to find out that the other side is gone.
func giveUpAfter(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
