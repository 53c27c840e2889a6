//go:build race

package bounce_test

// raceDetector makes everything many times as slow.
const raceDetector = true
