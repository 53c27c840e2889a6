package smtp

import (
	"errors"
	"net"
	"sync/atomic"
)

// maxReply is how many octets a server may say before the client speaks again. RFC
// 5321 allows lines of 512; no real reply, list of extensions or certificate chain
// comes near it.
const maxReply = 64 << 10

var errLongReply = errors.New("the mail server's reply does not end within 64 KB")

// limitedConn ends the reading of a reply that is too long:
// textproto would gather an endless one in memory.
type limitedConn struct {
	net.Conn
	heard atomic.Int64 // since something was written
}

func (c *limitedConn) Read(into []byte) (int, error) {
	if c.heard.Load() >= maxReply {
		return 0, errLongReply
	}
	n, err := c.Conn.Read(into)
	c.heard.Add(int64(n))
	return n, err
}

func (c *limitedConn) Write(octets []byte) (int, error) {
	c.heard.Store(0)
	return c.Conn.Write(octets)
}
