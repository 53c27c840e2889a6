package database

import "time"

// Numbers and times that are the engines' own: they change how fast something is
// stored or seen, never what. Rules are for subscribers and newsletter to say.

// Of SQLite.
const (
	// busyTimeout is how long a statement waits for another process that writes. The
	// longest write transaction, a chunk of a plan, takes a fraction of it.
	busyTimeout = 10 * time.Second
	// lookAgain is how soon something is tried again for which SQLite does not wait by
	// itself: to turn a new file to WAL, to empty the write-ahead log.
	lookAgain = 50 * time.Millisecond
	// watchEvery is how soon commits of other processes are seen: SQLite announces
	// none, and to ask costs 20 µs.
	watchEvery = 250 * time.Millisecond
	// sqliteReaders is how many connections read beside the one that writes.
	sqliteReaders = 8
)

// Of PostgreSQL.
const (
	// connectWithin bounds the first connection: a server that is not there may not
	// refuse it.
	connectWithin = 30 * time.Second
	// listenAgain is how long Watch waits for a server that is not there: a restart
	// takes seconds.
	listenAgain = time.Second
	// postgresWriters and postgresReaders are the sizes of the two pools. A server
	// allows 100 connections if nobody says otherwise: four daemons fit.
	postgresWriters = 12
	postgresReaders = 8
	// postgresPlanners is how many chunks of a plan are written at once: more wait for
	// the server's disk.
	postgresPlanners = 4
	// maxTries bounds how often a transaction is run again that lost to another one
	// beside it (a deadlock, a failed serialization), each time after up to
	// tryAgainWithin longer.
	maxTries       = 10
	tryAgainWithin = 10 * time.Millisecond
)

// Of both.
const (
	// planChunk is how many subscribers one transaction of a plan covers, so that others
	// can write in between and the write-ahead log stays small.
	planChunk = 20_000
	// analyzeFrom is from how many readers on a digest changes what a table looks like:
	// PostgreSQL would choose its plans by what it was before.
	analyzeFrom = 1000
	// abandonedAfter is when a digest that is still being planned counts as left behind
	// by a process that ended: to plan a million readers takes seconds.
	abandonedAfter = 15 * time.Minute
	// maxBits is how many categories a mask holds: an integer of both engines has 63
	// bits beside its sign, and one is spare.
	maxBits = 62
	// eraseChunk bounds how many subscribers one transaction erases, since others wait
	// for SQLite's one writer.
	eraseChunk = 1000
	// scrubFor bounds how long it may take to remove traces: SQLite waits for those
	// who still read old pages.
	scrubFor = time.Minute
	// editPart is how many readers of an import are read and stored together: a server is
	// waited for once for each part, and an answer stays small.
	editPart = 500
	// inboxKeeps and inboxShows bound the inbox of development, whose file should stay
	// small.
	inboxKeeps, inboxShows = 1000, 200
)

// Numbers of rows of one statement in SQLite, so that few statements are prepared.
var (
	exact   = []int{100, 10, 1}   // of what is stored: the largest that is filled
	atLeast = []int{1, 4, 16, 64} // of what is looked for: the smallest that holds all
)
