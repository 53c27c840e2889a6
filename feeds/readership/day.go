package readership

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
)

// Bounds of what a day keeps in memory.
const (
	maxDocuments     = 256
	maxCombined      = 128  // feeds of several categories, beside maxDocuments: visitors choose which there are
	maxAnnouncements = 4096 // of all documents together
	maxUserAgent     = 512  // bytes that are looked at
)

// dayCounter counts one day.
type dayCounter struct {
	day Day
	// seed is the key under which clients are hashed. It exists in this memory
	// alone, as do the hashes, and nobody outside can try addresses against them.
	seed maphash.Seed

	mu        sync.Mutex
	documents map[string]*readers
	combined  room // documents that combine categories
	announced room // announcements, of all documents
	changed   bool // since counts was last asked
}

// readers is who asked for one document.
type readers struct {
	services map[subscription]announcement
	others   distinct
	// settled are the aggregators and robots, as they wrote themselves, that a
	// second look would find nothing new in; as many as fit.
	settled map[uint64]struct{}
}

// subscription is one place where an aggregator keeps a document. It may know one
// document by several ids, each with readers of its own.
type subscription struct{ service, id string }

// announcement is the most that was announced of a subscription, and from where.
type announcement struct {
	readers int
	from    networks
}

// Seen counts a request that was answered with a document, whole or as unchanged.
// It keeps neither the User-Agent nor the client's address. For a client that was
// seen before it allocates nothing.
func (r *Counter) Seen(document, userAgent string, client netip.Addr) {
	userAgent = userAgent[:min(len(userAgent), maxUserAgent)]
	t := r.day()
	hash := t.hash(userAgent, client)
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.documents[document]
	if d == nil {
		if strings.Contains(document, "+") {
			if !t.combined.enter(t.networksOf(client), maxCombined) {
				return
			}
		} else if len(t.documents)-t.combined.taken >= maxDocuments {
			return
		}
		d = &readers{services: make(map[subscription]announcement), settled: make(map[uint64]struct{})}
		t.documents[strings.Clone(document)] = d
	}
	if _, settled := d.settled[hash]; settled || d.others.has(hash) {
		return
	}
	a, announces := parseUserAgent(userAgent)
	switch {
	case announces:
		t.announce(d, a, t.networksOf(client))
	case !d.others.wants(hash):
		return
	case !isRobot(userAgent):
		if d.others.add(hash, t.networksOf(client)) {
			t.changed = true
		}
		return
	}
	if len(d.settled) < sampleSize {
		d.settled[hash] = struct{}{}
	}
}

func (t *dayCounter) announce(d *readers, a aggregator, from networks) {
	key := subscription{a.service, a.id}
	before, known := d.services[key]
	if a.readers > maxAnnounced || known && a.readers <= before.readers || !mayAnnounce(d.services, key, a.readers, from) {
		return
	}
	if !known {
		if !t.announced.enter(from, maxAnnouncements) {
			return
		}
		key = subscription{strings.Clone(a.service), strings.Clone(a.id)} // the rest of the User-Agent is not kept
	}
	d.services[key] = announcement{a.readers, from}
	t.changed = true
}

// hash identifies a client. The addresses of one IPv6 /64, usually one household's
// whose machines change theirs daily, are one.
func (t *dayCounter) hash(userAgent string, client netip.Addr) uint64 {
	client = client.Unmap()
	address := client.As16()
	if client.Is6() {
		clear(address[8:])
	}
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.Write(address[:])
	h.WriteString(userAgent)
	return h.Sum64()
}

// counts returns the day's numbers so far, and whether any has changed since the
// last call.
func (t *dayCounter) counts() (counts []Count, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for document, d := range t.documents {
		bySource := make(map[string]int)
		for s, a := range d.services {
			bySource[s.service] += a.readers
		}
		bySource[Others] = d.others.count()
		for source, n := range bySource {
			if n > 0 {
				counts = append(counts, Count{t.day, document, source, n})
			}
		}
	}
	changed, t.changed = t.changed, false
	return counts, changed
}

// distinct counts different hashes in bounded memory: exactly, up to sampleSize of
// them; more by a sample of those that end in level zero bits, of which there
// are 2^level times as many (P. Flajolet, On Adaptive Sampling, 1990). Then its
// standard error is about 1.2/√sampleSize, under 3 %.
type distinct struct {
	level  uint
	sample map[uint64]networks // where each came from
}

const sampleSize = 2048

func (d *distinct) has(hash uint64) bool {
	_, ok := d.sample[hash]
	return ok
}

// wants reports whether a hash belongs to the sample.
func (d *distinct) wants(hash uint64) bool { return hash&(1<<d.level-1) == 0 }

// add takes a hash that is wanted, unless its networks have given what they may.
func (d *distinct) add(hash uint64, from networks) bool {
	if !d.mayAdd(from) {
		return false
	}
	if d.sample == nil {
		d.sample = make(map[uint64]networks)
	}
	d.sample[hash] = from
	for len(d.sample) > sampleSize {
		d.level++
		for h := range d.sample {
			if !d.wants(h) {
				delete(d.sample, h)
			}
		}
	}
	return true
}

func (d *distinct) count() int { return len(d.sample) << d.level }
