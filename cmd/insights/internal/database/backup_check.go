package database

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/scaledbydesign/insights/newsletter"
)

// A copy of the database that is put back in its place knows nothing of the mails
// that went out since it was made: by itself, it would send them again. So the
// sender of a database file notes beside it how much was recorded there, and a
// file that knows of less is held until staff release it. Where several machines
// send there is no such place: after a restore staff hold it themselves.

// settingIdentity names the database that a note is about: a new file in the place
// of an old one is no older copy of it.
const settingIdentity = "identity"

// note is what a sender leaves beside the database.
type note struct {
	identity string
	senders  int64 // how many began
	recorded int64 // entries of the recorder
}

// String is as long for one note as for the next, so that they can be written over
// one another.
func (n note) String() string {
	return fmt.Sprintf("%s %-20d %-20d\n", n.identity, n.senders, n.recorded)
}

// writeOver replaces the note in one write, so that a kill leaves the old one or the
// new one. The file stays: it is the one that is locked.
func (n note) writeOver(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(n.String()), 0)
	return errors.Join(err, f.Close())
}

func (db *DB) currentNote(ctx context.Context) (n note, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT coalesce((SELECT value FROM settings WHERE name = ?1), '') AS identity,
		(SELECT value FROM counters WHERE name = 'senders'), (SELECT value FROM counters WHERE name = 'recorded')`, settingIdentity).Scan(&n.identity, &n.senders, &n.recorded)
	return n, explain(err)
}

// leaveNote writes beside the database how much it has recorded.
func (db *DB) leaveNote(ctx context.Context) error {
	path := db.engine.notePath()
	if path == "" {
		return nil
	}
	n, err := db.currentNote(ctx)
	if err != nil {
		return err
	}
	db.senderMu.Lock()
	defer db.senderMu.Unlock()
	if db.senderLock == nil || n == db.noted {
		return nil
	}
	if err := n.writeOver(path); err != nil {
		return fmt.Errorf("note how far sending is: %w", err)
	}
	db.noted = n
	return nil
}

// holdIfOlder holds sending when the note beside the database says that more was
// recorded than it knows of, or is gone.
func (db *DB) holdIfOlder(ctx context.Context) error {
	path := db.engine.notePath()
	if path == "" {
		return nil
	}
	line, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read how far sending was: %w", err)
	}
	is, err := db.currentNote(ctx)
	if err != nil {
		return err
	}
	if is.identity == "" {
		return db.SetSetting(ctx, settingIdentity, rand.Text())
	}
	if len(line) == 0 && is.recorded > 0 {
		return db.Hold(ctx, newsletter.HeldAsUnknown(path))
	}
	var was note
	if _, err := fmt.Sscan(string(line), &was.identity, &was.senders, &was.recorded); err != nil || was.identity != is.identity || was.senders <= is.senders && was.recorded <= is.recorded {
		return nil // no note, another database's, or one that agrees
	}
	return db.Hold(ctx, newsletter.HeldAsOlder)
}
