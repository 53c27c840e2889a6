package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/feeds/readership"
)

// BenchmarkDocument compares what an answer of the site costs with what the same
// answer costs when a bare net/http handler writes it: the same headers and the
// same bytes, decided once and for all. Both are asked in turns over loopback TCP,
// and the processor time of the whole process, client included, is compared.
//
//	go test ./cmd/insights/internal/web -run xxx -bench Document
func BenchmarkDocument(b *testing.B) {
	f := newFixture(b, library(), asServed)
	for name, header := range documentRequests(b, f) {
		b.Run(name, func(b *testing.B) {
			compared := compare(b, f.handler, "/feeds/all.atom", header, max(b.N, 2000), 15)
			b.ReportMetric(compared.cpu, "ratio-cpu")
			b.ReportMetric(compared.allocations, "allocs-more/op")
			b.ReportMetric(float64(compared.bare.Nanoseconds()), "bare-ns-cpu/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// TestDocumentAllocatesNothingOfItsOwn counts what an answer allocates beyond the
// same answer from a bare handler.
func TestDocumentAllocatesNothingOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("counts thousands of requests")
	}
	f := newFixture(t, library(), asServed)
	for name, header := range documentRequests(t, f) {
		compared := compare(t, f.handler, "/feeds/all.atom", header, 2000, 3)
		t.Logf("%s: %.2f times the processor time, %.2f allocations more", name, compared.cpu, compared.allocations)
		if compared.allocations >= 0.5 {
			t.Errorf("%s: %.2f allocations more than a bare handler's", name, compared.allocations)
		}
	}
}

// asServed is the site as the daemon has it: readers are counted. Logging, of which
// nothing is seen of a document that went well, is left out.
func asServed(c *web.Config) {
	c.Log = nil
	c.Readers = new(readership.Counter)
	c.Observe = func(string, int, time.Duration) {}
}

// documentRequests are the header lines of the two requests that matter.
func documentRequests(tb testing.TB, f *fixture) map[string]string {
	tb.Helper()
	answer := f.get("/feeds/all.atom", "Accept-Encoding", "gzip")
	if answer.Header.Get("Content-Encoding") != "gzip" {
		tb.Fatal("no gzip")
	}
	common := "User-Agent: Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
	return map[string]string{
		"200-gzip": common,
		"304":      common + "If-None-Match: " + answer.Header.Get("Etag") + "\r\nIf-Modified-Since: " + answer.Header.Get("Last-Modified") + "\r\n",
	}
}

type comparison struct {
	cpu         float64 // times the bare handler's
	allocations float64 // more than the bare handler's, per request
	bare        time.Duration
}

// compare asks both handlers n times in each of some rounds and takes the median.
func compare(tb testing.TB, handler http.Handler, path, header string, n, rounds int) comparison {
	tb.Helper()
	request := "GET " + path + " HTTP/1.1\r\nHost: insights.example\r\n" + header + "\r\n"
	ours, bare := connect(tb, handler), connect(tb, same(tb, handler, request))
	ours.ask(tb, request, 200)
	bare.ask(tb, request, 200)
	var ratios, more []float64
	var least time.Duration
	for range rounds {
		cpu, allocations := ours.ask(tb, request, n)
		bareCPU, bareAllocations := bare.ask(tb, request, n)
		ratios = append(ratios, float64(cpu)/float64(bareCPU))
		more = append(more, allocations-bareAllocations)
		if least == 0 || bareCPU < least {
			least = bareCPU
		}
	}
	slices.Sort(ratios)
	slices.Sort(more)
	return comparison{ratios[rounds/2], more[rounds/2], least / time.Duration(n)}
}

// same is a bare handler that gives the answer that handler gives to a request.
func same(tb testing.TB, handler http.Handler, request string) http.Handler {
	tb.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		tb.Fatal(err)
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	header, status, body := rec.Result().Header, rec.Code, rec.Body.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for name, values := range header {
			h[name] = values
		}
		w.WriteHeader(status)
		if status == http.StatusOK {
			w.Write(body)
		}
	})
}

// client is one connection to a server of its own, with as little of its own to do
// as can be.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func connect(tb testing.TB, handler http.Handler) *client {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &client{conn, bufio.NewReaderSize(conn, 64<<10)}
}

// ask sends a request n times and returns the processor time of all and the
// allocations of one.
func (c *client) ask(tb testing.TB, request string, n int) (cpu time.Duration, allocations float64) {
	tb.Helper()
	line := []byte(request)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(tb)
	for range n {
		if _, err := c.conn.Write(line); err != nil {
			tb.Fatal(err)
		}
		if err := c.skip(); err != nil {
			tb.Fatal(err)
		}
	}
	cpu = processorTime(tb) - start
	runtime.ReadMemStats(&after)
	return cpu, float64(after.Mallocs-before.Mallocs) / float64(n)
}

// skip reads one answer.
func (c *client) skip() error {
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name := "Content-Length: "; len(line) > len(name) && string(line[:len(name)]) == name {
			if length, err = strconv.Atoi(string(line[len(name) : len(line)-2])); err != nil {
				return err
			}
		}
	}
	_, err := io.CopyN(io.Discard, c.in, int64(length))
	return err
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(fmt.Errorf("getrusage: %w", err))
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
