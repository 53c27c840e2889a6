package web

// Occupy takes every place at which things are made on demand, until release.
func (s *Site) Occupy() (release func()) {
	places := s.site.line.places
	for range cap(places) {
		places <- struct{}{}
	}
	return func() {
		for range cap(places) {
			<-places
		}
	}
}

// InLine is how many requests are worked for or wait.
func (s *Site) InLine() int {
	s.site.line.mu.Lock()
	defer s.site.line.mu.Unlock()
	return s.site.line.inLine
}

// Made is how many documents on demand are kept.
func (s *Site) Made() int {
	c := &s.site.documents.made
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pages)
}
