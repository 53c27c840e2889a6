//go:build race

package main_test

// e2eRace builds the program with the race detector when the tests run with it.
const e2eRace = true
