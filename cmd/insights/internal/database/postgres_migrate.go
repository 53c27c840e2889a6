package database

import (
	"context"
	"database/sql"
	"time"
)

// writing are the settings of sessions that write. They look up a few rows by key, in
// tables that keep growing. A sequential scan, chosen while a table was small, would never
// finish. Plans are generic: for the few rows of most statements, planning each time takes
// longer than running.
func writing(wait time.Duration) map[string]string {
	return map[string]string{"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan", "lock_timeout": inMillis(wait)}
}

// lockMigrations migrates by connections of its own: a statement that waits for a table
// has all others that want it wait behind it, so it waits for a moment only.
func (p *postgres) lockMigrations(ctx context.Context, _ *sql.DB) (pool *sql.DB, release func(), err error) {
	pool = p.pool(2, writing(waitForTable))
	conn, err := pool.Conn(ctx)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	const key = "hashtextextended('insights migrations ' || current_schema(), 0)"
	for locked := false; ; {
		// One that waited for the lock would be told after lock_timeout that it is not given.
		if err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+key+")").Scan(&locked); err != nil || locked {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookAgain):
		}
	}
	release = func() {
		conn.Close()
		pool.Close() // the end of its session frees the lock
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return pool, release, nil
}
