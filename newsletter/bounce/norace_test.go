//go:build !race

package bounce_test

const raceDetector = false
