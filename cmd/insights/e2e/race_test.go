//go:build race

package e2e

// raceDetector builds the program with the race detector when the tests run with it.
const raceDetector = true
