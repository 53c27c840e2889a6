package database

import (
	"database/sql"
	"fmt"
	"time"
)

// Times are stored as milliseconds since 1970, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// instant scans a stored time into t.
func instant(t *time.Time) sql.Scanner { return (*scanTime)(t) }

type scanTime time.Time

func (t *scanTime) Scan(value any) error {
	ms, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as a %T", value)
	}
	*(*time.Time)(t) = fromMillis(ms)
	return nil
}

// Booleans are stored as 0 and 1.
func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func now() int64 { return time.Now().UnixMilli() }
