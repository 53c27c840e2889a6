package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/scaledbydesign/insights/newsletter"
)

// writeMails writes every mail of a planned digest into a folder, one file each,
// named by its delivery: the bytes are those that will be sent, but for the time
// in a signature. The folder must be empty, or not there yet.
func (n *newsroom) writeMails(ctx context.Context, d newsletter.Digest, dir string) (written int, err error) {
	if err := emptyFolder(dir); err != nil {
		return 0, err
	}
	composer, err := n.config.composer()
	if err != nil {
		return 0, err
	}
	stencils := newsletter.NewPreparedCache(n.db, n.writer, composer)
	stencils.Begin(d)
	for delivery, err := range n.db.Deliveries(ctx, newsletter.DeliveryFilter{Digest: d.ID}) {
		if err != nil {
			return written, err
		}
		reader, err := n.db.ByID(ctx, delivery.Ref.Subscriber)
		if err != nil {
			return written, fmt.Errorf("mail %s: %w", delivery.Ref, err)
		}
		prepared, err := stencils.Of(ctx, d.ID, delivery.Variant)
		if err != nil {
			return written, err
		}
		message, err := prepared.Append(nil, n.writer.Copy(d.UID, reader))
		if err != nil {
			return written, fmt.Errorf("mail %s: %w", delivery.Ref, err)
		}
		if err := writeFileNew(filepath.Join(dir, delivery.Ref.String()+".eml"), message, 0o600); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

// emptyFolder makes a folder, unless there is an empty one.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return errors.New(dir + " is not empty: name a folder of its own for the mails")
	}
	return err
}
