package console

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How many lines of one message the log takes within a while.
const (
	fewLines  = 100
	fewWithin = time.Minute
)

// FewLines returns a handler that passes on a hundred lines of each message a minute at most,
// and then says how many it left out: strangers cause some of them, and must not fill the
// disk. Messages are told apart by their words, which are constant.
func FewLines(to slog.Handler) slog.Handler {
	return &fewLinesHandler{to, &lineCounts{of: make(map[string]*lineCount)}, to}
}

type fewLinesHandler struct {
	slog.Handler
	counts *lineCounts
	tell   slog.Handler // without the attributes of any logger
}

type lineCounts struct {
	mu sync.Mutex
	of map[string]*lineCount // by message
}

type lineCount struct {
	since   time.Time
	lines   int
	leftOut int
}

// Handle implements slog.Handler.
func (h *fewLinesHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.counts.take(r.Message, h.tellLater) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// take counts a line, and reports whether it is passed on. The first that is left out has
// later called at the end of the while.
func (c *lineCounts) take(message string, later func(message string)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	n := c.of[message]
	if n == nil || n.leftOut == 0 && now.Sub(n.since) >= fewWithin {
		n = &lineCount{since: now}
		c.of[message] = n
	}
	if n.lines++; n.lines <= fewLines {
		return true
	}
	if n.leftOut++; n.leftOut == 1 {
		time.AfterFunc(fewWithin-now.Sub(n.since), func() { later(message) })
	}
	return false
}

// tellLater says how many lines of a message were left out, and begins to count anew.
func (h *fewLinesHandler) tellLater(message string) {
	h.counts.mu.Lock()
	n := h.counts.of[message].leftOut
	delete(h.counts.of, message)
	h.counts.mu.Unlock()
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "left out lines of a message that came too often", 0)
	r.AddAttrs(slog.String("message", message), slog.Int("lines", n))
	_ = h.tell.Handle(context.Background(), r) // where the log can't be written, this can't either
}

// WithAttrs implements slog.Handler.
func (h *fewLinesHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &fewLinesHandler{h.Handler.WithAttrs(attrs), h.counts, h.tell}
}

// WithGroup implements slog.Handler.
func (h *fewLinesHandler) WithGroup(name string) slog.Handler {
	return &fewLinesHandler{h.Handler.WithGroup(name), h.counts, h.tell}
}
