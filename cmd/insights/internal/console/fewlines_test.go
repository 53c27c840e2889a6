package console_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

// lockedBuffer is a log that several write.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) count(s string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.String(), s)
}

func TestStrangersDontFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		log := slog.New(console.FewLines(slog.NewTextHandler(&out, nil))).With("of", "a logger")
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range 100 {
					log.Warn("refused a report", "error", "x")
				}
			})
		}
		all.Wait()
		log.Info("something else", "n", 1)
		if n := out.count("refused a report"); n != 100 || out.count("something else") != 1 {
			t.Errorf("%d lines of one message: %s", n, out.String())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if out.count(`message="refused a report" lines=900`) != 1 {
			t.Errorf("it does not say how many are missing:\n%s", out.String())
		}
		log.Warn("refused a report", "error", "y")
		if out.count("error=y") != 1 {
			t.Error("a minute later nothing comes")
		}
		for range 200 { // seldom enough
			time.Sleep(time.Second)
			log.Info("now and then")
		}
		if n := out.count("now and then"); n != 200 {
			t.Errorf("%d lines of what comes once a second", n)
		}
	})
}
