//go:build race

package budget

// slowdown is how much longer the race detector makes things take.
const slowdown = 20
