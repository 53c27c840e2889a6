package web

import (
	"io"
	"net/http"
	"time"
)

// events tells a page in development when the library has changed, as a stream
// of server-sent events (HTML standard, section 9.2). The page then loads itself
// again.
func (s *site) events(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	stream.SetWriteDeadline(time.Time{}) // a page may stay open for hours; recorders in tests have none
	for {
		changed := s.Changed()
		io.WriteString(w, ": listening\n\n")
		if err := stream.Flush(); err != nil {
			return nil // the page has gone
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.Closing:
			return nil
		case <-changed:
			io.WriteString(w, "data: changed\n\n")
		}
	}
}
