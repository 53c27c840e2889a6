package newsletter

import (
	"encoding/base32"
	"encoding/binary"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// ReturnPath is the address that bounces of an email go to: bounce+ID.MAC@DOMAIN,
// unique to each email (VERP), so that a bounce identifies its email whatever it says.
// Its local part is lower-case letters and digits, at most 64 octets, since mail servers
// change or truncate others. Only the owner of the keys can make one.
func (w *Writer) ReturnPath(ref Ref) string {
	kind := byte('d')
	id := binary.AppendUvarint(nil, uint64(ref.Digest))
	id = binary.AppendUvarint(id, uint64(ref.Subscriber))
	if ref.Message != 0 {
		kind, id = 'm', binary.AppendUvarint(nil, uint64(ref.Message))
	}
	id = append([]byte{kind}, id...)
	kid, mac := w.Registry.Keys.Sign(subscribers.BounceAddress, id)
	return "bounce+" + lower32(append(kid, id...)) + "." + lower32(mac[:returnMAC]) + "@" + w.Identity.BounceDomain
}

// ofReturnPath returns the email that ReturnPath made an address for. Servers may have
// changed its case.
func (r *Feedback) ofReturnPath(address string) (ref Ref, ok bool) {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	local, found := strings.CutPrefix(local, "bounce+")
	id, mac, cut := strings.Cut(local, ".")
	if !found || !cut || len(local) > 64 {
		return Ref{}, false
	}
	signed, err1 := fromLower32(id)
	given, err2 := fromLower32(mac)
	if err1 != nil || err2 != nil || len(signed) < 5 || len(given) != returnMAC {
		return Ref{}, false
	}
	kid, data := signed[:3], signed[3:]
	if !r.Registry.Keys.Verify(subscribers.BounceAddress, kid, data, given) {
		return Ref{}, false
	}
	first, n := binary.Uvarint(data[1:])
	if n <= 0 {
		return Ref{}, false
	}
	if data[0] == 'm' {
		return Ref{Message: int64(first)}, true
	}
	second, n := binary.Uvarint(data[1+n:])
	return Ref{Digest: int64(first), Subscriber: int64(second)}, n > 0
}

// returnMAC is the length of the truncated MAC in a return path, in bytes.
const returnMAC = 8

// unsubscribeToken returns the token of an unsubscribe address,
// unsubscribe+TOKEN@DOMAIN (RFC 2369). Servers may have changed its case. ok says that the
// address is one, err that nobody's token is in it.
func (r *Feedback) unsubscribeToken(address string) (token string, ok bool, err error) {
	local, _, _ := strings.Cut(address, "@")
	const prefix = "unsubscribe+"
	if len(local) < len(prefix) || !strings.EqualFold(local[:len(prefix)], prefix) {
		return "", false, nil
	}
	token, err = r.Registry.Keys.FromAddress(subscribers.UnsubscribeToken, local[len(prefix):], "")
	return token, true, err
}

func fromLower32(s string) ([]byte, error) {
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(s))
}

func lower32(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
