package database

import (
	"syscall"
	"time"
)

// giveUpAfter has the system end a connection on which the other side has confirmed
// nothing for so long: it would go on for a quarter of an hour.
func giveUpAfter(d time.Duration) func(network, address string, c syscall.RawConn) error {
	const userTimeout = 18 // TCP_USER_TIMEOUT
	return func(network, _ string, c syscall.RawConn) error {
		if network == "unix" {
			return nil
		}
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(d.Milliseconds())) // not every system has it
		})
	}
}
