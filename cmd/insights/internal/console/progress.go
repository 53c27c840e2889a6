package console

import (
	"fmt"
	"time"
)

// Progress is the progress of something that is waited for.
type Progress struct {
	Total, Ended, Sent, Failed int
	Deferred                   int
	Behind                     int       // pending ones that wait for an earlier email to the same reader
	NextTry                    time.Time // of the first deferred one
	Obstacle                   string    // why it does not continue; "" = it does
	Done                       bool
}

const (
	noticeEvery = 10 * time.Second // between lines of progress without a terminal
	stillAfter  = 5 * time.Second  // without an email that ends: nobody can say how long it takes
)

// Meter shows progress: in place on a terminal, else a line now and then. Obstacles are
// shown once.
type Meter struct {
	what     string
	out      *Console
	terminal bool

	began, shown time.Time
	before       int       // what had been sent already when it began
	ended        int       // how many had ended at the last look
	moved        time.Time // when that changed
	said         string    // the last obstacle
}

// Show shows how far it is now.
func (m *Meter) Show(g Progress, now time.Time) {
	if m.began.IsZero() {
		m.began, m.before = now, g.Sent
	}
	if g.Ended != m.ended || m.moved.IsZero() {
		m.ended, m.moved = g.Ended, now
	}
	if g.Obstacle != m.said {
		m.said = g.Obstacle
		if m.terminal {
			fmt.Fprint(m.out.Err, "\r\x1b[K")
		}
		if g.Obstacle != "" {
			m.out.Note("%s", g.Obstacle)
		} else {
			m.out.Note("%s continues", m.what)
		}
	}
	line := m.line(g, now)
	switch {
	case m.terminal && g.Done:
		fmt.Fprintf(m.out.Err, "\r\x1b[K%s\n", line)
	case m.terminal:
		fmt.Fprintf(m.out.Err, "\r\x1b[K%s", line)
	case !m.out.JSON && (g.Done || now.Sub(m.shown) >= noticeEvery):
		m.out.Note("%s", line)
		m.shown = now
	}
}

// line is "digest 7: 1,200 of 20,000, 400 per second, 47s left, 3 failed, 2 deferred, next
// try at 10:05:00". The rate counts emails sent, not emails skipped; what is left, what
// does not wait for something else, as long as it moves.
func (m *Meter) line(g Progress, now time.Time) string {
	rate := float64(g.Sent-m.before) / max(now.Sub(m.began).Seconds(), 0.1)
	line := fmt.Sprintf("%s: %s of %s, %.0f per second", m.what, Thousands(g.Ended), Thousands(g.Total), rate)
	if left := g.Total - g.Ended - g.Deferred - g.Behind; left > 0 && rate > 0 && now.Sub(m.moved) < stillAfter {
		rate = float64(g.Sent-m.before) / max(m.moved.Sub(m.began).Seconds(), 0.1)
		if span := time.Duration(float64(left) / rate * float64(time.Second)).Round(time.Second); span >= time.Second && span < 1000*time.Hour {
			line += fmt.Sprintf(", %s left", span)
		}
	}
	line += fmt.Sprintf(", %s failed", Thousands(g.Failed))
	if g.Deferred > 0 {
		line += fmt.Sprintf(", %s deferred", Thousands(g.Deferred))
		if !g.NextTry.IsZero() {
			line += ", next try at " + g.NextTry.Format("15:04:05 MST")
		}
	}
	if g.Behind > 0 {
		line += ", " + BehindWords(g.Behind)
	}
	return line
}

// BehindWords says of emails that they wait for another one to the same reader.
func BehindWords(n int) string {
	if n == 1 {
		return "1 waits for an earlier email to the same reader"
	}
	return Thousands(n) + " wait for an earlier email to the same reader"
}

// Meter returns a meter of something, such as "digest 7".
func (c *Console) Meter(what string) *Meter {
	return &Meter{what: what, out: c, terminal: isTerminal(c.Err)}
}

// Rows shows how many rows were read since it began: often on a terminal, else a line
// now and then.
type Rows struct {
	out          *Console
	began, shown time.Time
}

// Rows returns what shows the rows of a long file, from now on.
func (c *Console) Rows() *Rows { return &Rows{out: c, began: time.Now(), shown: time.Now()} }

// Show shows the number of rows read so far.
func (r *Rows) Show(rows int) {
	every, form := noticeEvery, "%s, %s per second\n"
	if isTerminal(r.out.Err) {
		every, form = 200*time.Millisecond, "\r\x1b[K%s, %s per second\r"
	}
	now := time.Now()
	if now.Sub(r.shown) < every {
		return
	}
	r.shown = now
	fmt.Fprintf(r.out.Err, form, Count(rows, "row"), Thousands(int(float64(rows)/now.Sub(r.began).Seconds())))
}
