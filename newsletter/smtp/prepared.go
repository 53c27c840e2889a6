package smtp

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"html"
	"mime/quotedprintable"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
)

// Prepare implements newsletter.Composer. What it makes decodes to what Compose
// makes of the message with the copy's words; its lines are broken otherwise, since
// each token begins a line of its own.
func (c Composer) Prepare(m newsletter.Message) (newsletter.Prepared, error) {
	// Everything but the bodies and what is a reader's own is composed as usual,
	// with something plain in its place.
	plain := m
	plain.To, plain.ToName, plain.MessageID = "reader@stencil.invalid", "", "stencil@stencil.invalid"
	b := builder{letter: plain}
	b.build()
	if err := b.err(); err != nil {
		return nil, err
	}
	plain.Text, plain.HTML = textStandIn, ""
	if m.HTML != "" {
		plain.HTML = htmlStandIn
	}
	plain.Boundary = b.boundary
	message, err := Composer{}.Compose(plain)
	if err != nil {
		return nil, err
	}
	s := &prepared{keys: c.Keys}
	header, body, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	if err := s.addHeader(header); err != nil {
		return nil, fmt.Errorf("compose email: %w", err)
	}
	before, rest, _ := bytes.Cut(body, []byte(textStandIn+"\r\n"))
	s.addStatic(before)
	s.addBody(closed(m.Text), false)
	if m.HTML != "" {
		before, rest, _ = bytes.Cut(rest, []byte(htmlStandIn+"\r\n"))
		s.addStatic(before)
		s.addBody(closed(m.HTML), true)
	}
	s.addStatic(rest)
	s.trimCanon()
	s.measure()
	return s, nil
}

// Placeholders for the bodies while the rest is composed. No boundary can contain them.
const (
	textStandIn = "(text)"
	htmlStandIn = "(html)"
)

// prepared is a message in pieces.
type prepared struct {
	keys   []SigningKey
	header []piece
	signed []canonicalField // those that are the same in each copy
	worded bool             // a field holds an address or a date of the copy's
	body   []piece
	size   int // of the pieces, with room for what is filled in
}

// piece is octets that each copy has, and then something of the copy's own.
type piece struct {
	wire  []byte
	canon []byte // wire in relaxed form; of the body alone
	own   own
	html  bool
}

// own says what of a copy follows a piece.
type own int

const (
	nothing own = iota
	unsubscribe
	leave
	preferences
	address
	since
	toField
	idField
	signedEnd // the end of a field with something of the copy's in it, that is signed
	signedStart
)

var marks = [...]struct {
	text string
	own  own
}{
	{newsletter.PlaceholderUnsubscribe, unsubscribe}, {newsletter.PlaceholderLeave, leave}, {newsletter.PlaceholderPreferences, preferences},
	{newsletter.PlaceholderAddress, address}, {newsletter.PlaceholderSince, since},
}

// nextMark finds the first mark of a text.
func nextMark(s string) (before, after string, own own) {
	at := len(s)
	before = s
	for _, m := range marks {
		if i := strings.Index(s[:min(len(s), at+len(m.text))], m.text); i >= 0 && i < at {
			at, own, before, after = i, m.own, s[:i], s[i+len(m.text):]
		}
	}
	return before, after, own
}

func (s *prepared) addHeader(header []byte) error {
	var static []byte
	flush := func(own own) {
		s.header = append(s.header, piece{wire: static, own: own})
		static = nil
	}
	for field := range fields(header) {
		name, _, _ := bytes.Cut(field, []byte(":"))
		c, isSigned := canonical(field)
		_, _, marked := nextMark(string(field))
		if isComposed(strings.ToLower(string(name))) {
			marked = nothing
		}
		switch {
		case string(name) == "To":
			flush(toField)
		case string(name) == "Message-ID":
			flush(idField)
		case marked != nothing && bytes.Contains(field, []byte("=?")):
			return fmt.Errorf("%s: a placeholder is not possible in a field with non-ASCII words", name)
		case marked != nothing:
			if isSigned {
				flush(signedStart)
			}
			for rest := string(field); marked != nothing; {
				var before string
				before, rest, marked = nextMark(rest)
				static = append(static, before...)
				if marked != nothing {
					s.worded = s.worded || marked == address || marked == since
					flush(marked)
				}
			}
			static = append(static, "\r\n"...)
			if isSigned {
				flush(signedEnd)
			}
		default:
			if isSigned {
				s.signed = append(s.signed, c)
			}
			static = append(append(static, field...), "\r\n"...)
		}
	}
	static = append(static, "\r\n"...)
	flush(nothing)
	return nil
}

func (s *prepared) addStatic(octets []byte) {
	s.body = append(s.body, piece{wire: octets, canon: canonicalLines(nil, octets)})
}

// addBody adds a body, encoded piece by piece: each begins a line, and ends one,
// softly where the text goes on (RFC 2045, section 6.7).
func (s *prepared) addBody(text string, isHTML bool) {
	for own := unsubscribe; own != nothing; {
		var before string
		before, text, own = nextMark(text)
		wire := encodePiece(before)
		s.body = append(s.body, piece{wire: wire, canon: canonicalLines(nil, wire), own: own, html: isHTML})
	}
}

func encodePiece(text string) []byte {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	w.Write([]byte(text)) // a Buffer takes everything
	w.Close()
	if out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("\r\n")) {
		out.WriteString("=\r\n")
	}
	return out.Bytes()
}

// trimCanon takes the empty lines off the end of the body's relaxed form. A copy's
// own words, which end in a soft break, are no empty line.
func (s *prepared) trimCanon() {
	for i := len(s.body) - 1; i >= 0 && s.body[i].own == nothing; i-- {
		p := &s.body[i]
		if p.canon = trimEmptyLines(p.canon); len(p.canon) > 0 {
			return
		}
	}
}

// measure notes how many octets a copy has, more or less.
func (s *prepared) measure() {
	s.size = 1024*len(s.keys) + 512
	for _, p := range s.header {
		s.size += len(p.wire)
	}
	for _, p := range s.body {
		s.size += len(p.wire)
		if p.own != nothing {
			s.size += 120
		}
	}
}

// Size implements newsletter.Prepared.
func (s *prepared) Size() int { return 2 * s.size }

// Append implements newsletter.Prepared.
func (s *prepared) Append(dst []byte, c newsletter.Copy) ([]byte, error) {
	b := builder{letter: newsletter.Message{MessageID: c.MessageID, To: c.To, ToName: c.ToName}}
	to := b.recipient()
	b.checkMessageID()
	b.check("Copy", c.Since, false)
	if strings.ContainsFunc(c.Unsubscribe, notIDRune) || strings.ContainsFunc(c.Leave, notIDRune) || strings.ContainsFunc(c.Preferences, notIDRune) {
		b.fault("Copy", "a token contains more than printable ASCII")
	}
	if s.worded && (!isASCII(c.To) || !isASCII(c.Since) || checkValue(c.Since) != nil) {
		b.fault("Copy", "a value for a header field contains more than printable ASCII")
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, s.size)
	if len(s.keys) == 0 {
		start := len(dst)
		dst, _ = s.appendHeader(dst, c, addressText(to), nil)
		if err := checkLines(dst[start:]); err != nil {
			return nil, err
		}
		return s.appendBody(dst, c), nil
	}
	signed := make([]canonicalField, len(s.signed), len(s.signed)+4)
	copy(signed, s.signed)
	header, signed := s.appendHeader(make([]byte, 0, 2048), c, addressText(to), signed)
	if err := checkLines(header); err != nil {
		return nil, err
	}
	signatures, err := signAll(s.keys, signed, s.hashBody(c))
	if err != nil {
		return nil, fmt.Errorf("compose email: %w", err)
	}
	dst = append(append(dst, signatures...), header...)
	return s.appendBody(dst, c), nil
}

func checkLines(header []byte) error {
	for line := range bytes.Lines(header) {
		if len(line) > maxLine+len("\r\n") {
			name, _, _ := bytes.Cut(line, []byte(":"))
			return fmt.Errorf("compose email: %s: a line of %d bytes; the limit is %d", name, len(line)-2, maxLine)
		}
	}
	return nil
}

// appendHeader appends a copy's header and gathers its fields that are signed.
func (s *prepared) appendHeader(out []byte, c newsletter.Copy, to string, signed []canonicalField) ([]byte, []canonicalField) {
	start := 0
	end := func() {
		if len(s.keys) == 0 {
			return
		}
		if f, ok := canonical(out[start : len(out)-2]); ok {
			signed = append(signed, f)
		}
	}
	for _, p := range s.header {
		out = append(out, p.wire...)
		switch p.own {
		case toField:
			start = len(out)
			out = append(appendFoldedField(out, "To: "+to), "\r\n"...)
			end()
		case idField:
			start = len(out)
			out = append(append(append(out, "Message-ID: <"...), c.MessageID...), ">\r\n"...)
			end()
		case signedStart:
			start = len(out)
		case signedEnd:
			end()
		default:
			out = append(out, p.own.of(c)...)
		}
	}
	return out, signed
}

// of is a copy's own words for a mark.
func (o own) of(c newsletter.Copy) string {
	switch o {
	case unsubscribe:
		return c.Unsubscribe
	case leave:
		return c.Leave
	case preferences:
		return c.Preferences
	case address:
		return c.To
	case since:
		return c.Since
	}
	return ""
}

func (s *prepared) appendBody(out []byte, c newsletter.Copy) []byte {
	for _, p := range s.body {
		out = append(out, p.wire...)
		if p.own != nothing {
			out = p.appendOwn(out, c)
		}
	}
	return out
}

// hashBody is the hash of a copy's body in relaxed form. A token has no blanks, so
// it is its own relaxed form.
func (s *prepared) hashBody(c newsletter.Copy) (sum [sha256.Size]byte) {
	h := sha256.New()
	var token []byte
	for _, p := range s.body {
		h.Write(p.canon)
		if p.own != nothing {
			token = p.appendOwn(token[:0], c)
			h.Write(token)
		}
	}
	h.Sum(sum[:0])
	return sum
}

// appendOwn appends a copy's own words in quoted-printable, from the start of a
// line to the end of one, softly. Blanks are encoded, and so is a dot at the start
// of a line, which would be doubled on its way.
func (p *piece) appendOwn(out []byte, c newsletter.Copy) []byte {
	value := p.own.of(c)
	if p.html {
		value = html.EscapeString(value)
	}
	const hex = "0123456789ABCDEF"
	column := 0
	for i := range len(value) {
		octet := value[i]
		plain := octet > ' ' && octet < 0x7f && octet != '=' && !(octet == '.' && column == 0)
		width := 3
		if plain {
			width = 1
		}
		if column+width > 75 {
			out, column = append(out, "=\r\n"...), 0
			if octet == '.' {
				plain, width = false, 3
			}
		}
		if plain {
			out = append(out, octet)
		} else {
			out = append(out, '=', hex[octet>>4], hex[octet&15])
		}
		column += width
	}
	return append(out, "=\r\n"...)
}

// appendFoldedField appends a field, folded at blanks where a line gets long.
func appendFoldedField(out []byte, field string) []byte {
	column := 0
	for i, word := range strings.Split(field, " ") {
		switch {
		case i > 1 && column+1+len(word) > 76: // not after the name
			out, column = append(out, "\r\n "...), 1
		case i > 0:
			out, column = append(out, ' '), column+1
		}
		out, column = append(out, word...), column+len(word)
	}
	return out
}
