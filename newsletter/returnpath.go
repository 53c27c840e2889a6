package newsletter

import (
	"encoding/base32"
	"encoding/binary"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// ReturnPath is the address that a mail which can't be delivered comes back to:
// bounce+ID.MAC@DOMAIN, an address of its own for each mail (VERP), so that a
// bounce names its mail whatever it says. It is lower-case letters and digits, at
// most 64 octets before the @, since mail servers change and cut others, and
// nobody but the keys' owner can make one.
func (w *Writer) ReturnPath(ref Ref) string {
	kind := byte('d')
	id := binary.AppendUvarint(nil, uint64(ref.Digest))
	id = binary.AppendUvarint(id, uint64(ref.Subscriber))
	if ref.Message != 0 {
		kind, id = 'm', binary.AppendUvarint(nil, uint64(ref.Message))
	}
	id = append([]byte{kind}, id...)
	kid, mac := w.Registry.Keys.Sign(subscribers.BounceAddress, id)
	return "bounce+" + lower32(append(kid, id...)) + "." + lower32(mac[:8]) + "@" + w.Identity.BounceDomain
}

func lower32(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
