package newsletter

import (
	"context"
	"fmt"
	"sync"
)

// Stencils makes the stencils of digests and keeps them, in bounded memory. The
// words of a variant are stored when they are first made, so that every copy of it
// says the same. It is safe for concurrent use.
type Stencils struct {
	store    OutboxStore
	writer   *Writer
	composer Composer

	mu      sync.Mutex
	digests map[int64]Digest // those begun and not ended
	made    map[stencilKey]*stencilEntry
	size    int
}

type stencilKey struct {
	digest  int64
	variant int
}

// stencilEntry is made by whoever needs it first; others wait for it.
type stencilEntry struct {
	once    sync.Once
	stencil Stencil
	from    string // the envelope's, bare
	err     error
}

// mostStencils bounds the bytes of stencils in memory. Mails are claimed by
// variant, so few are needed at a time.
const mostStencils = 24 << 20

// NewStencils returns none yet.
func NewStencils(store OutboxStore, writer *Writer, composer Composer) *Stencils {
	return &Stencils{store: store, writer: writer, composer: composer, digests: make(map[int64]Digest), made: make(map[stencilKey]*stencilEntry)}
}

// Begin makes a digest's stencils available.
func (s *Stencils) Begin(d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digests[d.ID] = d
}

// End lets go of a digest.
func (s *Stencils) End(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.digests, id)
	for key, e := range s.made {
		if key.digest == id {
			s.drop(key, e)
		}
	}
}

func (s *Stencils) drop(key stencilKey, e *stencilEntry) {
	delete(s.made, key)
	if e.stencil != nil {
		s.size -= e.stencil.Size()
	}
}

// Of is the stencil of one variant of a digest that was begun.
func (s *Stencils) Of(ctx context.Context, digest int64, variant int) (Stencil, error) {
	stencil, _, _, err := s.of(ctx, digest, variant)
	return stencil, err
}

// of is the stencil of one variant, with the address that stands as its sender and
// the digest's UID. A renderError will not go away by trying again.
func (s *Stencils) of(ctx context.Context, digest int64, variant int) (stencil Stencil, from, uid string, err error) {
	key := stencilKey{digest, variant}
	s.mu.Lock()
	d := s.digests[digest]
	e := s.made[key]
	if e == nil {
		e = new(stencilEntry)
		s.made[key] = e
	}
	s.mu.Unlock()
	e.once.Do(func() {
		stencil, from, err := s.make(ctx, d, variant)
		s.mu.Lock()
		defer s.mu.Unlock()
		e.stencil, e.from, e.err = stencil, from, err
		switch {
		case s.made[key] != e: // the digest has ended meanwhile
		case err != nil:
			delete(s.made, key) // the next who asks tries again
		default:
			s.size += stencil.Size()
			s.makeRoom(e)
		}
	})
	return e.stencil, e.from, d.UID, e.err
}

// makeRoom drops others than the newest while there are too many; s.mu is held.
func (s *Stencils) makeRoom(newest *stencilEntry) {
	for key, e := range s.made {
		if s.size <= mostStencils {
			return
		}
		if e.stencil != nil && e != newest {
			s.drop(key, e)
		}
	}
}

func (s *Stencils) make(ctx context.Context, d Digest, number int) (Stencil, string, error) {
	variant, err := s.variant(ctx, d, number)
	if err != nil {
		return nil, "", err
	}
	rendition, err := s.writer.rendition(ctx, s.store, d, variant)
	if err != nil {
		return nil, "", err
	}
	letter := s.writer.Master(d, number, rendition)
	stencil, err := s.composer.Stencil(letter)
	if err != nil {
		return nil, "", &renderError{fmt.Errorf("compose digest %d, variant %d: %w", d.ID, number, err)}
	}
	return stencil, bare(letter.From), nil
}

func (s *Stencils) variant(ctx context.Context, d Digest, number int) (Variant, error) {
	for _, v := range d.Variants {
		if v.Number == number {
			return v, nil
		}
	}
	// One that was added since: a reader received some of it meanwhile.
	v, err := s.store.Variant(ctx, d.ID, number)
	if err != nil {
		return Variant{}, fmt.Errorf("read variant %d of digest %d: %w", number, d.ID, err)
	}
	return v, nil
}
