package database

import (
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Numbers and durations that belong to the engines: they change how fast something is
// stored or seen, never what. Rules belong to subscribers and newsletter.

// Of SQLite.
const (
	// busyTimeout is how long a statement waits for another process's write. The
	// longest write transaction, a chunk of a plan, takes a fraction of it.
	busyTimeout = 10 * time.Second
	// lookAgain is how soon something is retried that SQLite itself does not wait for:
	// switching a new file to WAL, truncating the WAL.
	lookAgain = 50 * time.Millisecond
	// watchEvery is how often commits of other processes are looked for: SQLite does
	// not announce them, and a look costs 20 µs.
	watchEvery = 250 * time.Millisecond
	// sqliteReaders is how many connections read, in addition to the one that writes.
	sqliteReaders = 8
)

// Of PostgreSQL.
const (
	// connectWithin bounds opening: a server that is down may not refuse a connection.
	// connectFor bounds each connection.
	connectWithin = 30 * time.Second
	connectFor    = 3 * time.Second
	// listenAgain is how long Watch waits for a server that is down: a restart takes
	// seconds.
	listenAgain = time.Second
	// listenFor is how long Watch believes in a connection on which nothing comes, and
	// answerWithin how long the server then has to answer.
	listenFor    = 5 * time.Second
	answerWithin = 3 * time.Second
	// idleInTransaction is when the server ends a transaction whose process says nothing
	// any more, so that others get the rows it holds.
	idleInTransaction = 5 * time.Second
	// waitForLock is how long a write waits for what another holds.
	waitForLock = 8 * time.Second
	// waitToTakeOver is how long a worker waits for what another holds before it leaves the
	// emails of a dead one to a later heartbeat.
	waitToTakeOver = 300 * time.Millisecond
	// waitToBeAlone is how long others may have to wait behind a transaction that needs a
	// table for itself, and aloneWithin how long it tries.
	waitToBeAlone = 300 * time.Millisecond
	aloneWithin   = time.Minute
	// waitForTable is how long a step of a migration, and all that comes after it for the
	// same table, waits for what uses the table; then it is tried again, for migrateFor.
	waitForTable = 2 * time.Second
	migrateAgain = time.Second
	migrateFor   = 5 * time.Minute
	// goneAfter is when the server gives up a machine that confirms nothing, and this one
	// a server, by keepAlives unanswered ones.
	goneAfter      = 10 * time.Second
	keepAliveEvery = 5 * time.Second
	keepAlives     = 2
	tcpUserTimeout = 18 // the option of Linux for the latter, TCP_USER_TIMEOUT
	// oldestPostgres is the oldest version that can end sessions which say nothing.
	oldestPostgres = 14
	// postgresWriters and postgresReaders are the sizes of the two pools. Sending waits for
	// the disk, which more sessions don't make faster. postgresSessions is what a daemon
	// opens at most, with the one that listens: a server allows 100 by default, and six
	// daemons fit.
	postgresWriters  = 8
	postgresReaders  = 5
	postgresSessions = postgresWriters + postgresReaders + 1
	// postgresPlanners is how many chunks of a plan are written at once: more wait for
	// the server's disk.
	postgresPlanners = 4
	// maxTries bounds how often a transaction is tried that lost to a concurrent one
	// (a deadlock, a serialization failure). Each retry waits up to tryAgainWithin
	// longer.
	maxTries       = 10
	tryAgainWithin = 10 * time.Millisecond
)

// Of both.
const (
	// planChunk is how many subscribers one transaction of a plan covers, so that others
	// can write in between and the write-ahead log stays small.
	planChunk = 20_000
	// analyzeFrom is from how many readers a digest changes a table so much that
	// PostgreSQL would plan queries by outdated statistics.
	analyzeFrom = 1000
	// abandonedAfter is when a digest that is still being planned counts as left behind
	// by a dead process: planning a million readers takes seconds.
	abandonedAfter = 15 * time.Minute
	// maxBits is how many categories a mask holds: an integer of both engines has 63
	// bits and a sign, and one bit is spare.
	maxBits = subscribers.MaxCategories
	// retireChunk bounds how many rows one transaction clears of a retired category.
	retireChunk = 2000
	// mostConfirmations is how many of a subscriber's confirmations are looked at: limits
	// allow a few a day, and each works for a few days.
	mostConfirmations = 50
	// eraseChunk bounds how many subscribers one transaction erases, since others wait
	// for SQLite's one writer; erasePause lets them in.
	eraseChunk = 50
	erasePause = 10 * time.Millisecond
	// scrubFor bounds how long removing traces may take: SQLite waits for readers of
	// old pages.
	scrubFor = time.Minute
	// claimedBefore is how long before it goes out an email may have been claimed, the last
	// of its digest: what is read by when digests were active goes as far back.
	claimedBefore = 24 * time.Hour
	// seldomTried is how often a single email may have been tried to be tried again before
	// others: greylisting takes one or two.
	seldomTried = 3
	// formerFor is how long after a digest an email of an older version is found by its
	// Message-ID: bounces come back within days.
	formerFor = 30 * 24 * time.Hour
	// editPart is how many readers of an import are read and stored together: each part
	// costs one round trip, and an answer stays small.
	editPart = 500
	// pageSize is how many rows of a long list are read at once: few enough to be in memory,
	// and enough that the queries between them cost little.
	pageSize = 1000
	// hubPart is how many subscriptions of a hub are marked, or removed when they have
	// expired, in one transaction: emails are recorded in between.
	hubPart = 1000
	// inboxKeeps and inboxShows bound the development inbox, whose file should stay
	// small.
	inboxKeeps, inboxShows = 1000, 200
	// librariesKept is how many versions of the library are remembered: of older ones no
	// daemon comes back.
	librariesKept = 1000
)

// How many rows a statement has in SQLite, so that few statements are prepared.
var (
	exact   = []int{100, 10, 1}   // for storing: the largest that is filled
	atLeast = []int{1, 4, 16, 64} // for queries: the smallest that holds all
)

// What websub_hosts.slow says of a host. The number of a new one is its place among those:
// newHost and how many subscriptions the network had that asked for its first one.
const (
	provenHost = 0 // it took the last push promptly
	slowHost   = 1 // it failed or was slow last time
	newHost    = 2 // or more: it never took a push
)

// endedByUse is what messages.ended says of a confirmation that was used, where that matters
// later; 1 is one that ended otherwise.
const endedByUse = 2
