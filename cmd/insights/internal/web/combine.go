package web

import (
	"net/http"
	"strings"
)

// combine leads from the form on /feeds to the feed of the categories that were
// ticked: ?category=a&category=b&format=atom to /feeds/a+b.atom, the one address
// that this combination has. None leads back to the form. Without a format it is
// Atom.
func (s *site) combine(w http.ResponseWriter, r *http.Request) error {
	to := "/feeds#combine"
	query := r.URL.Query()
	if query.Has("category") {
		format := feedFormats()[0].extension
		if query.Has("format") {
			format = query.Get("format")
		}
		canonical, ok := s.Feeds().Canonical("/feeds/" + strings.Join(query["category"], "+") + "." + format)
		if !ok {
			return statusError(http.StatusNotFound)
		}
		to = canonical
	}
	s.public(w, pageAge, s.Library().Next())
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
