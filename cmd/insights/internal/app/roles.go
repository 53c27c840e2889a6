package app

import (
	"net/http"

	"github.com/scaledbydesign/insights/newsletter"
)

// has reports whether the daemon has a role.
func (d *Daemon) has(role newsletter.Role) bool {
	return (&newsletter.DaemonReport{Roles: d.roles}).Has(role)
}

// visible is what visitors see: without the role, supervisors alone see something.
func (d *Daemon) visible() http.Handler {
	if d.has(newsletter.RoleWeb) {
		return d.site
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz":
			d.site.ServeHTTP(w, r)
		default:
			http.Error(w, "this daemon serves no pages", http.StatusNotFound)
		}
	})
}
