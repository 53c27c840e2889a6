//go:build !race

package budget

const slowdown = 1

// Raced says that the race detector is on, which makes everything slow.
const Raced = false
