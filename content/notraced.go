//go:build !race

package content

// lexingSlower is how much slower code is lexed under the race detector.
const lexingSlower = 1
