package inbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// Maildir takes messages out of the maildir that a mail server delivers to: those in
// new/ are handled and then moved to cur/, marked as seen.
type Maildir struct {
	Path     string
	Receiver Receiver
	Log      *slog.Logger
	Every    time.Duration // between two looks; 0 = 10 s
}

// Check reports what is wrong with the folder.
func (m *Maildir) Check() error {
	for _, name := range []string{"new", "cur"} {
		info, err := os.Stat(filepath.Join(m.Path, name))
		if err != nil {
			return fmt.Errorf("maildir: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("maildir: %s/%s is not a folder", m.Path, name)
		}
	}
	return nil
}

// Run takes messages until ctx is done.
func (m *Maildir) Run(ctx context.Context) error {
	for {
		if err := m.look(ctx); err != nil && ctx.Err() == nil {
			m.Log.Error("cannot read bounces", "maildir", m.Path, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(cmp.Or(m.Every, 10*time.Second)):
		}
	}
}

func (m *Maildir) look(ctx context.Context) error {
	entries, err := os.ReadDir(filepath.Join(m.Path, "new"))
	if err != nil {
		return err
	}
	failed := 0
	for _, entry := range entries {
		if ctx.Err() != nil {
			return nil
		}
		if strings.HasPrefix(entry.Name(), ".") || !entry.Type().IsRegular() {
			continue
		}
		if takeErr := m.take(ctx, entry.Name()); takeErr != nil {
			if failed++; failed == 1 { // the others must not wait for it
				err = fmt.Errorf("%s: %w", entry.Name(), takeErr)
			}
		}
	}
	if failed > 1 {
		err = fmt.Errorf("%d messages, the first: %w", failed, err)
	}
	return err
}

// take handles one message. What can't be handled now stays where it is.
func (m *Maildir) take(ctx context.Context, name string) error {
	path := filepath.Join(m.Path, "new", name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process was first
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var to []string
	if message, err := mail.ReadMessage(f); err == nil {
		to = Delivered(message.Header)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	did, err := m.Receiver.HandleMessage(ctx, to, f)
	switch {
	case errors.Is(err, newsletter.ErrNotOurs):
		m.Log.Info("ignored a message unrelated to anything we sent", "file", name, "error", err)
	case errors.Is(err, newsletter.ErrTooLarge): // it will not get smaller
		m.Log.Warn("skipped an incoming message", "file", name, "error", err)
	case err != nil:
		return err
	default:
		m.Log.Info("handled an incoming message", "file", name, "did", did)
	}
	base, _, _ := strings.Cut(name, ":")
	return os.Rename(path, filepath.Join(m.Path, "cur", base+":2,S"))
}

// Delivered is whom a message was delivered for, by what mail servers write at its top:
// a program that passes a message on through a pipe or a folder leaves the envelope there.
func Delivered(header mail.Header) (to []string) {
	for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To"} {
		for _, value := range header[name] {
			to = append(to, strings.Trim(strings.TrimSpace(value), "<>"))
		}
	}
	return to
}
