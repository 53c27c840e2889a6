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

// A restored copy of the database knows nothing about the emails that went out after it
// was made, and would send them again. So the sender of a database file notes in a file
// next to it how much was recorded, and a database that knows of less is held until
// staff release it. Where several machines send there is no such place: after a restore
// staff hold sending themselves.

// settingIdentity identifies the database that a note is about: a new file in the place
// of an old one is not an older copy of it.
const settingIdentity = "identity"

// note is what a sender writes to the file next to the database.
type note struct {
	identity string
	senders  int64 // how many have started
	recorded int64 // entries of the recorder
}

// String has the same length for every note, so that one can overwrite another.
func (n note) String() string {
	return fmt.Sprintf("%s %-20d %-20d\n", n.identity, n.senders, n.recorded)
}

// overwrite replaces the note in one write, so that a kill leaves the old one or the
// new one. The file itself stays, since it is locked.
func (n note) overwrite(path string) error {
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

// writeNote writes how much the database has recorded to the file next to it.
func (db *DB) writeNote(ctx context.Context) error {
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
	if db.senderLock == nil || n == db.lastNote {
		return nil
	}
	if err := n.overwrite(path); err != nil {
		return fmt.Errorf("write how much was sent: %w", err)
	}
	db.lastNote = n
	return nil
}

// holdIfOlder holds sending when the note says that more was recorded than the database
// knows of, or when the note is missing.
func (db *DB) holdIfOlder(ctx context.Context) error {
	path := db.engine.notePath()
	if path == "" {
		return nil
	}
	line, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read how much was sent: %w", err)
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
