package database

import "time"

// Numbers and times that the engines ask for: they change how fast something is stored,
// never what.

// Of subscribers.
const (
	// eraseChunk bounds how many subscribers one transaction erases, since others wait
	// for SQLite's one writer.
	eraseChunk = 1000
	// scrubFor bounds how long it may take to remove traces: SQLite waits for those
	// who still read old pages.
	scrubFor = time.Minute
)

// askedFor are the numbers of keys of one question, so that few statements are prepared.
// 500 keeps an answer small; each costs a round trip to a server.
var askedFor = []int{500, 20}
