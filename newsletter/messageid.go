package newsletter

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// messageIDs makes the Message-IDs of emails, and tells which email one is of. What an
// identifier holds is enciphered with a key of the database: it says nothing of the reader,
// nobody else can work one out, and an email is found by its key, however many there are.
// Safe for concurrent use.
type messageIDs struct {
	key   []byte
	block cipher.Block
}

// newMessageIDs uses a key of any length.
func newMessageIDs(key []byte) *messageIDs {
	own := sha256.Sum256(append([]byte("Message-ID\x00"), key...))
	block, err := aes.NewCipher(own[:])
	if err != nil {
		panic(err) // a key of 32 bytes is right
	}
	return &messageIDs{key, block}
}

// An identifier is one block of the cipher: what it is of (1 byte), two numbers (5 bytes
// each, the digest's and the reader's, or the message's alone), and a hash that tells emails
// of the same number apart, as a restored database may make them.
const ofDigest, ofMessage = 'd', 'm'

// putNumber stores a number in five bytes.
func putNumber(into []byte, n int64) {
	var whole [8]byte
	binary.BigEndian.PutUint64(whole[:], uint64(n))
	copy(into, whole[3:])
}

func number(from []byte) int64 {
	return int64(binary.BigEndian.Uint64(append([]byte{0, 0, 0}, from...)))
}

// of returns the identifier of an email, without its domain: 26 lower-case letters and
// digits. about is what it is about, apart from its numbers.
func (m *messageIDs) of(ref Ref, about string) string {
	var b [aes.BlockSize]byte
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(about))
	sum := mac.Sum(nil)
	if ref.Message != 0 {
		b[0] = ofMessage
		putNumber(b[1:6], ref.Message)
		copy(b[6:], sum)
	} else {
		b[0] = ofDigest
		putNumber(b[1:6], ref.Digest)
		putNumber(b[6:11], ref.Subscriber)
		copy(b[11:], sum)
	}
	m.block.Encrypt(b[:], b[:])
	return lower32(b[:])
}

// email returns the email that an identifier may be of. Only its record tells whether it is.
func (m *messageIDs) email(id string) (ref Ref, ok bool) {
	local, _, _ := strings.Cut(id, "@")
	b, err := fromLower32(local)
	if err != nil || len(b) != aes.BlockSize {
		return Ref{}, false
	}
	m.block.Decrypt(b, b)
	switch b[0] {
	case ofMessage:
		ref.Message = number(b[1:6])
	case ofDigest:
		ref.Digest, ref.Subscriber = number(b[1:6]), number(b[6:11])
	}
	return ref, ref.Message > 0 || ref.Digest > 0 && ref.Subscriber > 0
}

// EmailOf returns the email that a Message-ID may be of, which was made with a key of the
// database; only its record tells whether it is. ok is false for one of nobody's.
func EmailOf(key []byte, id string) (ref Ref, ok bool) { return newMessageIDs(key).email(id) }

// messageID is stable for one digest and one reader, and stays under 60 characters for
// domains of up to 30.
func (w *Writer) messageID(ref Ref, about string) string {
	ids := w.ids
	if ids == nil { // of a preview
		ids = newMessageIDs(nil)
	}
	return ids.of(ref, about) + "@" + DomainOf(w.Identity.From)
}

// singleID is the Message-ID of a single email; what it had at an earlier attempt stays.
func (w *Writer) singleID(t Task, to subscribers.Address) string {
	return cmp.Or(t.MessageID, w.messageID(Ref{Message: t.Ref.Message}, fmt.Sprint(t.Created.UnixNano(), t.Subscriber.PublicID, to)))
}

// ParseFormerMessageID returns what an identifier of an older version refers to: a digest by
// its UID, or a single email by its number.
func ParseFormerMessageID(id string) (uid string, message int64) {
	local, _, _ := strings.Cut(id, "@")
	_, unit, _ := strings.Cut(local, ".")
	if number, ok := strings.CutPrefix(unit, "m"); ok {
		message, _ = strconv.ParseInt(number, 10, 64)
	}
	return unit, max(message, 0)
}
