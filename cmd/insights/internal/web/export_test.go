package web

import "github.com/scaledbydesign/insights/subscribers"

// Occupy takes every place at which documents are made on demand, until release.
func (s *Site) Occupy() (release func()) {
	l := s.site.lines.documents
	l.mu.Lock()
	defer l.mu.Unlock()
	places := l.free
	l.free = 0
	return func() {
		for range places {
			l.count(subscribers.Asker{}, 1)
			l.part(new(waiter))
		}
	}
}

// InLine is how many requests for documents are worked for or wait.
func (s *Site) InLine() int {
	l := s.site.lines.documents
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inLine
}

// Made is how many documents on demand are kept.
func (s *Site) Made() int {
	c := &s.site.documents.made
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pages)
}

// Held is how many bytes the pages that are kept count.
func (s *Site) Held() int {
	c := &s.site.pages
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}
