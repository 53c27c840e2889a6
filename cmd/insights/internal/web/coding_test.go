package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/scaledbydesign/insights/content/budget"
)

// Which coding is chosen can be seen from outside, but not in such a table.

func TestTheClientChoosesTheCoding(t *testing.T) {
	for header, want := range map[string]coding{
		"":                           identity,
		"identity":                   identity,
		"gzip":                       gzipCoding,
		"GZIP":                       gzipCoding,
		"x-gzip":                     gzipCoding,
		"deflate":                    identity,
		"deflate, gzip, br, zstd":    brotliCoding,
		"gzip, deflate, zstd":        zstdCoding,
		"gzip,br":                    brotliCoding,
		"gzip;q=1.0, br;q=0.5":       gzipCoding,
		"br;q=0, gzip":               gzipCoding,
		"gzip;q=0":                   identity,
		"gzip; q=0.0":                identity,
		"gzip;q=0.000, identity":     identity,
		"gzip;q=0, *":                brotliCoding,
		"*":                          brotliCoding,
		"*;q=0":                      identity,
		"*;q=0.1, gzip;q=0.2":        gzipCoding,
		"identity;q=1, gzip;q=0.5":   identity,
		"identity;q=0.5, gzip;q=1":   gzipCoding,
		"identity;q=0, gzip;q=0.001": gzipCoding,
		"identity;q=0":               identity, // nothing is left: an answer is better than none
		"gzip;q=2":                   identity, // no weight
		"gzip;q=0.0001":              identity,
		"gzip;q=":                    gzipCoding, // no parameter at all
		"gzip;level=9":               gzipCoding,
		",,gzip,":                    gzipCoding,
		"gzip;q=1.5":                 gzipCoding,
		"br;q=0.123, gzip;q=0.124":   gzipCoding,
	} {
		if got := accepted(http.Header{"Accept-Encoding": {header}}); got != want {
			t.Errorf("%q: coding %d, want %d", header, got, want)
		}
	}
	if got := accepted(http.Header{"Accept-Encoding": {"gzip;q=0.5", "br"}}); got != brotliCoding {
		t.Errorf("two header lines: coding %d", got)
	}
	if got := accepted(http.Header{}); got != identity {
		t.Errorf("no header: coding %d", got)
	}
}

func TestWhatIsEncodedCanBeDecoded(t *testing.T) {
	for _, text := range []string{"", "a", strings.Repeat("<p>Some words.</p>", 1000)} {
		for c := range coding(codings) {
			encoded := encode([]byte(text), c)
			if got := decoded(t, encoded, c); got != text {
				t.Errorf("coding %d of %d bytes: %d bytes come back", c, len(text), len(got))
			}
			if !bytes.Equal(encoded, encode([]byte(text), c)) {
				t.Errorf("coding %d: other bytes the second time", c)
			}
		}
	}
}

func TestWhatGrowsIsNotEncoded(t *testing.T) {
	b := newBody([]byte("a"), "text/plain")
	for c := range coding(codings) {
		if v, used := b.in(c); used != identity || string(v.bytes) != "a" {
			t.Errorf("coding %d: sent as %d, %q", c, used, v.bytes)
		}
	}
}

func decoded(tb testing.TB, b []byte, c coding) string {
	tb.Helper()
	r := io.Reader(bytes.NewReader(b))
	var err error
	switch c {
	case brotliCoding:
		r = brotli.NewReader(r)
	case gzipCoding:
		r, err = gzip.NewReader(r)
	case zstdCoding:
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r); err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func FuzzAccepted(f *testing.F) {
	f.Add("gzip;q=0.5, br;q=1.0, *;q=0")
	f.Fuzz(func(t *testing.T, header string) {
		grown := http.Header{"Accept-Encoding": {budget.Grown(header)}}
		budget.Check(t, func() { accepted(grown) })
		c := accepted(http.Header{"Accept-Encoding": {header}})
		if c < 0 || int(c) >= codings {
			t.Fatalf("coding %d", c)
		}
		// Only what is named, or anything by a star, may be sent.
		if c != identity && !strings.Contains(header, "*") && !strings.Contains(strings.ToLower(header), names[c][0]) {
			t.Fatalf("%q: coding %s", header, names[c][0])
		}
	})
}

func FuzzMatches(f *testing.F) {
	f.Add(`"a", W/"b", *`)
	f.Fuzz(func(t *testing.T, list string) {
		grown := budget.Grown(list)
		budget.Check(t, func() { matches(grown, `"0123456789abcdef01234567-gzip"`) })
		if matches(list, `"0123456789abcdef01234567-gzip"`) && !strings.Contains(list, `"0123456789abcdef01234567-gzip"`) && !strings.Contains(list, "*") {
			t.Fatalf("%q matches", list)
		}
	})
}

func TestAWriterThatWasUsedEncodesLikeANewOne(t *testing.T) {
	long, short := bytes.Repeat([]byte("a longer text before "), 5000), []byte("a short text after it")
	for c := range coding(codings) {
		first := encode(short, c)
		encode(long, c)
		if again := encode(short, c); !bytes.Equal(again, first) {
			t.Errorf("%v: %x, then %x", names[c], first, again)
		}
	}
}
