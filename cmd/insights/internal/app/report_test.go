package app

import (
	"strings"
	"testing"
)

func TestDaemonsThatOpenNearlyAllSessionsAreSaid(t *testing.T) {
	for _, test := range []struct {
		daemons, sessions, allowed int
		want                       string
	}{
		{1, 14, 97, ""},
		{6, 84, 97, ""},
		{7, 98, 97, "PostgreSQL allows 97 connections, and running daemons (7) open up to 98: raise max_connections"},
		{1, 14, 15, "allows 15 connections"},
		{0, 0, 0, ""}, // no server
	} {
		if got := crowded(test.daemons, test.sessions, test.allowed); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
