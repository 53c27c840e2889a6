package newsletter

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// PreparedCache builds the prepared messages of digests and caches them in bounded
// memory. A variant's body is stored when it is first rendered, so that every copy of
// it says the same. It is safe for concurrent use.
type PreparedCache struct {
	store    OutboxStore
	writer   *Writer
	composer Composer

	mu      sync.Mutex
	digests map[int64]Digest // begun and not ended
	made    map[preparedKey]*preparedEntry
	size    int
}

type preparedKey struct {
	digest  int64
	variant int
}

// preparedEntry is built by the first goroutine that needs it; others wait for it.
type preparedEntry struct {
	once     sync.Once
	prepared Prepared
	shared   shared
	err      error
}

// shared is what all emails of a variant have in common beside the prepared message.
type shared struct {
	uid  string    // of the digest
	from string    // of the envelope, bare
	date time.Time // of the message
}

// maxPreparedBytes bounds the prepared messages in memory. Emails are claimed by
// variant, so few are needed at a time.
const maxPreparedBytes = 24 << 20

// NewPreparedCache returns an empty cache.
func NewPreparedCache(store OutboxStore, writer *Writer, composer Composer) *PreparedCache {
	return &PreparedCache{store: store, writer: writer, composer: composer, digests: make(map[int64]Digest), made: make(map[preparedKey]*preparedEntry)}
}

// Begin makes a digest's prepared messages available.
func (s *PreparedCache) Begin(d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digests[d.ID] = d
}

// End drops a digest's prepared messages.
func (s *PreparedCache) End(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.digests, id)
	for key, e := range s.made {
		if key.digest == id {
			s.drop(key, e)
		}
	}
}

func (s *PreparedCache) drop(key preparedKey, e *preparedEntry) {
	delete(s.made, key)
	if e.prepared != nil {
		s.size -= e.prepared.Size()
	}
}

// Of returns the prepared message of one variant of a digest that was begun.
func (s *PreparedCache) Of(ctx context.Context, digest int64, variant int) (Prepared, error) {
	prepared, _, err := s.of(ctx, digest, variant)
	return prepared, err
}

// of returns the prepared message of one variant. Retrying does not help against a
// renderError.
func (s *PreparedCache) of(ctx context.Context, digest int64, variant int) (Prepared, shared, error) {
	key := preparedKey{digest, variant}
	s.mu.Lock()
	d := s.digests[digest]
	e := s.made[key]
	if e == nil {
		e = new(preparedEntry)
		s.made[key] = e
	}
	s.mu.Unlock()
	e.once.Do(func() {
		prepared, shared, err := s.make(ctx, d, variant)
		s.mu.Lock()
		defer s.mu.Unlock()
		e.prepared, e.shared, e.err = prepared, shared, err
		switch {
		case s.made[key] != e: // dropped meanwhile
		case err != nil:
			delete(s.made, key) // the next call tries again
		default:
			s.size += prepared.Size()
			s.makeRoom(e)
		}
	})
	return e.prepared, e.shared, e.err
}

// makeRoom drops entries other than the newest while they use too much memory; s.mu is
// held.
func (s *PreparedCache) makeRoom(newest *preparedEntry) {
	for key, e := range s.made {
		if s.size <= maxPreparedBytes {
			return
		}
		if e.prepared != nil && e != newest {
			s.drop(key, e)
		}
	}
}

func (s *PreparedCache) make(ctx context.Context, d Digest, number int) (Prepared, shared, error) {
	variant, err := s.variant(ctx, d, number)
	if err != nil {
		return nil, shared{}, err
	}
	body, err := s.writer.storedBody(ctx, s.store, d, variant)
	if err != nil {
		return nil, shared{}, err
	}
	message := s.writer.Message(d, number, body)
	prepared, err := s.composer.Prepare(message)
	if err != nil {
		return nil, shared{}, &renderError{fmt.Errorf("compose digest %d, variant %d: %w", d.ID, number, err)}
	}
	return prepared, shared{d.UID, bare(message.From), body.Date}, nil
}

func (s *PreparedCache) variant(ctx context.Context, d Digest, number int) (Variant, error) {
	for _, v := range d.Variants {
		if v.Number == number {
			return v, nil
		}
	}
	// It was added since, for readers who received some of their insights meanwhile.
	v, err := s.store.Variant(ctx, d.ID, number)
	if err != nil {
		return Variant{}, fmt.Errorf("read variant %d of digest %d: %w", number, d.ID, err)
	}
	return v, nil
}
