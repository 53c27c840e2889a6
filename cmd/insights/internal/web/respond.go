package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/templates"
)

// render sends a page that is made for this request alone.
func (s *site) render(w http.ResponseWriter, status int, v templates.View) error {
	page, err := s.Pages.Render(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", htmlType)
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	w.Write(page)
	return nil
}

var readInsights = templates.Link{Label: "Read insights", URL: "/"}

// notice answers with a page about a reader that says one thing.
func (s *site) notice(w http.ResponseWriter, status int, heading string, paragraphs []string, links ...templates.Link) error {
	return s.render(w, status, &templates.NoticePage{Head: s.readerHead(heading), Heading: heading, Paragraphs: paragraphs, Links: links})
}

// maxAge is a Cache-Control that lets caches keep an answer for some seconds.
type maxAge struct {
	seconds int
	header  []string
}

func newMaxAge(seconds int) maxAge {
	return maxAge{seconds, []string{"public, max-age=" + strconv.Itoa(seconds)}}
}

// public lets caches keep an answer for so long, or until the next insight is due
// that the answer lacks, whichever is sooner. While what holds it is still being
// made, which is when all those caches ask again, nothing is kept.
func (s *site) public(w http.ResponseWriter, age maxAge, next time.Time) {
	if !next.IsZero() && !s.Static {
		if left := max(0, int(time.Until(next).Seconds())); left < age.seconds {
			age = newMaxAge(left)
		}
	}
	w.Header()["Cache-Control"] = age.header
}
