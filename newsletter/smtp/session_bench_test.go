package smtp_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

// BenchmarkRoundTrips sends copies of a digest to a server on this machine that does
// nothing with them.
func BenchmarkRoundTrips(b *testing.B) {
	prepared, err := smtp.Composer{}.Prepare(weighty())
	if err != nil {
		b.Fatal(err)
	}
	message, err := prepared.Append(nil, adasCopy())
	if err != nil {
		b.Fatal(err)
	}
	for _, offers := range []string{"PIPELINING", "8BITMIME"} {
		b.Run(offers, func(b *testing.B) {
			session := open(b, &smtp.Relay{Host: "127.0.0.1", Port: swallow(b, offers), TLS: smtp.TLSNone})
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if o := session.Send(b.Context(), newsletter.Envelope{From: sender, To: reader}, message); o.Kind != newsletter.Accepted {
					b.Fatalf("%+v", o)
				}
			}
			session.Close()
		})
	}
}

// swallow runs a server that takes one session of emails, and gives its port.
func swallow(b *testing.B, offers string) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	b.Cleanup(func() { listener.Close(); serving.Wait() })
	serving.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r, w := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
		io.WriteString(w, "220 mail.example\r\n")
		inData := false
		for {
			if r.Buffered() == 0 && w.Flush() != nil {
				return
			}
			line, err := r.ReadSlice('\n')
			switch {
			case err != nil:
				return
			case inData:
				if string(line) != ".\r\n" {
					continue
				}
				inData = false
				io.WriteString(w, "250 ok\r\n")
			case strings.HasPrefix(string(line), "EHLO"):
				io.WriteString(w, "250-mail.example\r\n250 "+offers+"\r\n")
			case string(line) == "DATA\r\n":
				inData = true
				io.WriteString(w, "354 go on\r\n")
			default:
				io.WriteString(w, "250 ok\r\n")
			}
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}
