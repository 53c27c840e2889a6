// Package bounce reads a message that came back and says what it means: that an
// address is dead, that a message may pass later, that our own sending is refused,
// that a reader complains, or nothing at all. It knows the formats with a report
// (RFC 3464, RFC 6533, RFC 5965) and the words of mail servers that send none.
//
// What it reads was written by strangers, so nothing in it is proof of anything:
// who acts on a Report must first know which message it speaks of.
package bounce
