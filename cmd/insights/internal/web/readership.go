package web

import "net/http"

// seen counts who is sent a document that feed readers subscribe to, whole or as
// unchanged. People who open it in a browser were sent a page before this.
func (s *site) seen(r *http.Request, document string) {
	if s.Readers != nil && r.Method == http.MethodGet {
		s.Readers.Seen(document, r.UserAgent(), s.clientAddr(r))
	}
}
