package newsletter

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/scaledbydesign/insights/subscribers"
)

// MessageStore provides what the messages of a planned digest are made from.
type MessageStore interface {
	OutboxStore
	Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error]
	// ByID returns a subscriber by the store's own id, or subscribers.ErrNotFound.
	ByID(ctx context.Context, id int64) (subscribers.Subscriber, error)
}

// Made is a message as it will be sent.
type Made struct {
	Ref     Ref
	Message []byte
}

// Messages builds every message of a planned digest: the bytes that will be sent, except
// for the time in a signature. It ends with the first error.
func Messages(ctx context.Context, store MessageStore, w *Writer, composer Composer, d Digest) iter.Seq2[Made, error] {
	return func(yield func(Made, error) bool) {
		key, err := store.MessageKey(ctx)
		if err != nil {
			yield(Made{}, err)
			return
		}
		w := w.keyed(key)
		cache := NewPreparedCache(store, w, composer)
		cache.Begin(d)
		for delivery, err := range store.Deliveries(ctx, DeliveryFilter{Digest: d.ID}) {
			var message []byte
			if err == nil {
				message, err = messageOf(ctx, store, w, cache, d, delivery)
			}
			if !yield(Made{delivery.Ref, message}, err) || err != nil {
				return
			}
		}
	}
}

func messageOf(ctx context.Context, store MessageStore, w *Writer, cache *PreparedCache, d Digest, delivery Delivery) ([]byte, error) {
	reader, err := store.ByID(ctx, delivery.Ref.Subscriber)
	if err != nil {
		return nil, fmt.Errorf("email %s: %w", delivery.Ref, err)
	}
	prepared, shared, err := cache.of(ctx, d.ID, delivery.Variant)
	if err != nil {
		return nil, err
	}
	own := w.Copy(d.ID, d.UID, reader, shared.date)
	own.MessageID = cmp.Or(delivery.MessageID, own.MessageID)
	message, err := prepared.Append(nil, own)
	if err != nil {
		return nil, fmt.Errorf("email %s: %w", delivery.Ref, err)
	}
	return message, nil
}
