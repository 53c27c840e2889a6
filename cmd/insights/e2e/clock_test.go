package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A clock that is set back by an hour leaves every time on record an hour ahead.
// The test sets the records forward under the running daemon: to move the clock of
// one process alone is not possible for a program that asks the kernel itself.
func TestAClockSetBackInTheMiddleOfADigestNeitherLosesNorRepeats(t *testing.T) {
	slow(t)
	t.Parallel()
	sqlite := needs(t, "sqlite3")
	const readers = 200
	crowd := newSinkCrowd(t, readers)
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			t.Parallel()
			to := newSink(t, nil)
			s := crowd.site(t, nil, to, map[string]string{"SMTP_CONNECTIONS": "3"})
			s.start("serve")
			reached, on := make(chan struct{}), make(chan struct{})
			to.misbehave(atMail(to, 60, func() {
				close(reached)
				<-on
			}), sinkAll)
			id := s.next()
			<-reached
			setForward(t, sqlite, filepath.Join(s.dir, "insights.db"))
			if restart {
				s.daemon.terminate(t)
			}
			close(on)
			if restart {
				<-s.daemon.ended
				s.start("serve")
			}
			s.awaitDone(id, time.Minute)
			s.checkAllOnce(id)
			var again digestJSON
			if s.read(&again, "digest", "plan"); again.ID != nil {
				t.Errorf("%d readers have something unread; want nobody", again.Readers)
			}
		})
	}
}

// setForward moves every time in a database by an hour.
func setForward(t *testing.T, sqlite, file string) {
	t.Helper()
	run := func(statements string) string {
		cmd := exec.Command(sqlite, "-cmd", ".timeout 10000", file)
		cmd.Stdin = strings.NewReader(statements)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "rror") {
			t.Fatalf("%s: %v\n%s", statements, err, out)
		}
		return string(out)
	}
	statements := run(`SELECT 'UPDATE ' || m.name || ' SET ' || c.name || ' = ' || c.name || ' + 3600000 WHERE ' || c.name || ' > 0;'
		FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND (c.name LIKE '%\_at' ESCAPE '\' OR c.name = 'since') AND c.type = 'INTEGER';`)
	if strings.Count(statements, "UPDATE") < 10 {
		t.Fatalf("few times are on record: %s", statements)
	}
	run("BEGIN IMMEDIATE;\n" + statements + "COMMIT;")
}
