package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// coding is a content coding (RFC 9110, section 8.4.1), best first: what a client
// takes equally gladly, it gets in the smallest.
type coding int

const (
	brotliCoding coding = iota
	zstdCoding
	gzipCoding
	identity
	codings int = iota
)

// names are the codings' names in headers; identity has none.
var names = [codings][]string{{"br"}, {"zstd"}, {"gzip"}, nil}

// The levels at which another tenth of the size would take many times as long, or,
// of zstd, keep 34 MB of tables.
const (
	brotliLevel = 6
	gzipLevel   = 6
	zstdLevel   = zstd.SpeedBetterCompression
)

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	return encoder
})

// The writers are used again: the tables of a new one cost more than most documents.
var (
	brotliWriters = sync.Pool{New: func() any { return brotli.NewWriterLevel(nil, brotliLevel) }}
	gzipWriters   = sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, gzipLevel)
		if err != nil {
			panic(err) // the level is a constant
		}
		return w
	}}
)

// encode returns b in a coding. Equal bytes are encoded alike, on every machine.
func encode(b []byte, c coding) []byte {
	switch c {
	case brotliCoding:
		return compress(b, &brotliWriters)
	case gzipCoding:
		return compress(b, &gzipWriters)
	case zstdCoding:
		return zstdEncoder().EncodeAll(b, nil)
	}
	return b
}

func compress(b []byte, writers *sync.Pool) []byte {
	w := writers.Get().(interface {
		io.WriteCloser
		Reset(io.Writer)
	})
	defer writers.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	w.Write(b) // into memory: never fails
	w.Close()
	return out.Bytes()
}

// maxCodings is how much of an Accept-Encoding is looked at, in bytes.
const maxCodings = 1 << 10

// accepted returns the coding that a client likes best. A client that takes
// nothing we have gets identity: it would get no answer otherwise.
func accepted(header http.Header) coding {
	values := header["Accept-Encoding"]
	if len(values) == 0 {
		return identity
	}
	const unset = -1
	quality := [codings]int{unset, unset, unset, unset}
	others := unset
	left := maxCodings
	for _, value := range values {
		value = value[:min(len(value), left)]
		left -= len(value)
		for part := range strings.SplitSeq(value, ",") {
			name, q := weighted(part)
			if name == "*" {
				others = q
			} else if c, ok := codingNamed(name); ok {
				quality[c] = q
			}
		}
	}
	best, most := identity, 0
	for c := range coding(codings) {
		q := quality[c]
		if q == unset {
			q = max(0, others)
		}
		if q > most {
			best, most = c, q
		}
	}
	return best
}

func codingNamed(name string) (coding, bool) {
	for c, header := range names {
		if header != nil && strings.EqualFold(name, header[0]) {
			return coding(c), true
		}
	}
	switch {
	case strings.EqualFold(name, "identity"):
		return identity, true
	case strings.EqualFold(name, "x-gzip"): // RFC 9110, section 8.4.1.3
		return gzipCoding, true
	}
	return 0, false
}

// weighted parses "gzip;q=0.5" into the name and the weight in thousandths; a
// weight that can't be read counts as 0 (RFC 9110, section 12.4.2).
func weighted(part string) (name string, q int) {
	name, parameters, found := strings.Cut(part, ";")
	name = strings.TrimSpace(name)
	if !found {
		return name, 1000
	}
	parameters = strings.TrimSpace(parameters)
	if len(parameters) < 3 || parameters[0]|0x20 != 'q' || parameters[1] != '=' {
		return name, 1000
	}
	digits := parameters[2:]
	if digits[0] != '0' && digits[0] != '1' || len(digits) > 1 && digits[1] != '.' || len(digits) > 5 {
		return name, 0
	}
	q = int(digits[0]-'0') * 1000
	unit := 100
	for i := 2; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return name, 0
		}
		q += int(digits[i]-'0') * unit
		unit /= 10
	}
	return name, min(q, 1000)
}
