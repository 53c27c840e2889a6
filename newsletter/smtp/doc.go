// Package smtp composes messages and hands them to a mail server. It owns the
// bytes of a message (RFC 5322, RFC 2045) and the conversation that delivers
// them (RFC 5321), and says of every attempt what became of it: accepted,
// refused for now or for good, surely not sent, or unknown.
package smtp
