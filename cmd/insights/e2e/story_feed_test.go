package e2e

import (
	"net/http"

	"github.com/rogpeppe/go-internal/testscript"
)

// poll: poll USER-AGENT PATH asks for a feed as a reader of that name does.
func poll(ts *testscript.TestScript, neg bool, args []string) {
	request, err := http.NewRequest(http.MethodGet, ts.Getenv("SITE")+args[1], nil)
	ts.Check(err)
	request.Header.Set("User-Agent", args[0])
	response, err := http.DefaultTransport.RoundTrip(request)
	ts.Check(err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		ts.Fatalf("status %d", response.StatusCode)
	}
}
