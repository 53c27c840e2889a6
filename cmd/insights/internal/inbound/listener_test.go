package inbound

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// calls are connections as they come in.
type calls chan net.Conn

func (c calls) Accept() (net.Conn, error) {
	if conn, ok := <-c; ok {
		return conn, nil
	}
	return nil, errors.New("closed")
}
func (calls) Close() error   { return nil }
func (calls) Addr() net.Addr { return &net.TCPAddr{} }

// call is the near end of a connection from an address.
type call struct {
	net.Conn
	from string
}

func (c call) RemoteAddr() net.Addr {
	addr, err := net.ResolveTCPAddr("tcp", c.from)
	if err != nil {
		panic(err)
	}
	return addr
}

func TestNoClientTakesEveryConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(calls, 20)
		l := newFairListener(in, 2, 10*time.Minute)
		dial := func(from string) net.Conn {
			near, far := net.Pipe()
			in <- call{near, from}
			return far
		}
		for _, from := range []string{"203.0.113.7:1", "203.0.113.7:2", "[2001:db8::1]:1", "[2001:db8::2]:1", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"} {
			dial(from)
		}
		var open []net.Conn
		for range 7 {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		refused := []net.Conn{dial("203.0.113.7:3"), dial("[2001:db8::3]:1")} // a /64 is one
		dial("203.0.113.8:1")
		other, err := l.Accept()
		if err != nil || other.RemoteAddr().String() != "203.0.113.8:1" {
			t.Fatalf("%v, %v", other, err)
		}
		for _, conn := range refused {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("one too many is not hung up on: %v", err)
			}
		}
		open[0].Close()
		open[0].Close() // as servers do
		dial("203.0.113.7:4")
		if again, err := l.Accept(); err != nil || again.RemoteAddr().String() != "203.0.113.7:4" {
			t.Errorf("after one has gone: %v, %v", again, err)
		}
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if _, err := open[1].Write([]byte("x")); err == nil {
			t.Error("a connection lasts for ever")
		}
		if len(l.open) != 0 {
			t.Errorf("still counted: %v", l.open)
		}
	})
}
