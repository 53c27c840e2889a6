//go:build race

package budget

// slowdown is how much longer the race detector makes things take.
const slowdown = 20

// Raced says that the race detector is on, which makes everything slow.
const Raced = true
