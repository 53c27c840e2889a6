package rfc5322

import (
	"io"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// charsets are those that bounces are written in, other than UTF-8. Of any other
// one the ASCII is read, and that holds the reply.
var charsets = map[string]encoding.Encoding{
	"iso-8859-1":   charmap.Windows1252,
	"iso-8859-2":   charmap.ISO8859_2,
	"iso-8859-15":  charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251,
	"windows-1252": charmap.Windows1252,
	"koi8-r":       charmap.KOI8R,
	"iso-2022-jp":  japanese.ISO2022JP,
	"shift_jis":    japanese.ShiftJIS,
	"euc-jp":       japanese.EUCJP,
}

// ToUTF8 reads text in a charset. Bytes that are no UTF-8 and have no known
// charset are taken as Latin-1.
func ToUTF8(charset string, b []byte) string {
	set, ok := charsets[strings.ToLower(charset)]
	if !ok {
		if utf8.Valid(b) || strings.EqualFold(charset, "utf-8") {
			return string(b)
		}
		set = charmap.Windows1252
	}
	if out, err := set.NewDecoder().Bytes(b); err == nil {
		return string(out)
	}
	return string(b)
}

// DecodeHeader undoes encoded words (RFC 2047).
func DecodeHeader(s string) string {
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(r)
		return strings.NewReader(ToUTF8(charset, b)), err
	}}
	if plain, err := d.DecodeHeader(s); err == nil {
		return plain
	}
	return s
}

// MaxLine is how many octets OneLine leaves.
const MaxLine = 512

// OneLine makes words from outside fit for a log or a terminal: one line, no
// control or formatting characters, valid UTF-8, at most MaxLine octets.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), 16*MaxLine)], "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= MaxLine {
		return s
	}
	end := MaxLine - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
