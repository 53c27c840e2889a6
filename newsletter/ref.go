package newsletter

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseRef reads what Ref.String wrote.
func ParseRef(s string) (Ref, error) {
	bad := fmt.Errorf("%q is not the id of an email: write it like 12.345 or m7", s)
	number := func(digits string) int64 {
		if strings.Trim(digits, "0123456789") != "" { // ParseInt would accept a sign
			return 0
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	if digits, ok := strings.CutPrefix(s, "m"); ok {
		if n := number(digits); n > 0 {
			return Ref{Message: n}, nil
		}
		return Ref{}, bad
	}
	digest, subscriber, _ := strings.Cut(s, ".")
	ref := Ref{Digest: number(digest), Subscriber: number(subscriber)}
	if ref.Digest <= 0 || ref.Subscriber <= 0 {
		return Ref{}, bad
	}
	return ref, nil
}
