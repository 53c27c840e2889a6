// Package budget holds what reading a stranger's input may take, for tests of the packages
// that read some: forms, headers, addresses, links, reports and what hubs are asked for.
package budget

import (
	"flag"
	"hash/crc32"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What an input of Size bytes may take: processor time, and memory in bytes, also such that
// is given back at once.
const (
	Size   = 1 << 20
	CPU    = 500 * time.Millisecond
	Memory = 64 << 20
)

// tries is how often a call is measured that took too much: a collection of garbage, or
// tests beside it, may have.
const tries = 5

// Check fails t if calling read takes more than the budget. read must be repeatable and
// start no goroutine that does the work.
func Check(t testing.TB, read func()) {
	t.Helper()
	var took time.Duration
	var memory uint64
	for range tries {
		if took, memory = measure(t, read); took <= CPU*slowdown && (memory <= Memory || Raced) { // it keeps nothing for reuse
			return
		}
	}
	t.Errorf("it took %v of a processor and %d MB, more than %v and %d MB", took.Round(time.Millisecond), memory>>20, CPU, Memory>>20)
}

// Grown repeats an input until it has Size bytes: what takes more than its length shows.
func Grown[T ~string | ~[]byte](input T) T {
	if len(input) == 0 || len(input) >= Size {
		return input
	}
	return T(strings.Repeat(string(input), Size/len(input)))
}

// Sampled reports whether to try an input grown, where that takes long: one of 32 while
// inputs are looked for, and none of those that are known, which are tried every time.
func Sampled(input string) bool {
	fuzzing := false
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			fuzzing = true
		}
	}
	return fuzzing && crc32.ChecksumIEEE([]byte(input))%32 == 0
}

// measure returns the processor time of the calling goroutine, and what was allocated
// meanwhile.
func measure(t testing.TB, read func()) (took time.Duration, memory uint64) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpu(t)
	read()
	took = cpu(t) - start
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc
}

// cpu is the processor time of this thread.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	const thisThread = 1 // RUSAGE_THREAD of Linux
	var usage syscall.Rusage
	if err := syscall.Getrusage(thisThread, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
