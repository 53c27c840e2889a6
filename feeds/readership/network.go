package readership

import (
	"hash/maphash"
	"net/netip"
)

// networks are those of a client, one around the other, as hashes under the day's key: an
// IPv4 address, or a /64 of IPv6; a /56; a /24 or a /48, which is the most that anybody
// gets for the asking. They are zero where that is not known, as behind a proxy on this
// machine that does not say for whom it asks.
type networks [3]uint32

const around = 2

// Bounds of what one network counts for on a day. One client can call itself by any
// number of names.
var maxOthers = [3]int{8, 32, 256} // readers of a document
const (
	maxSources = 8  // subscriptions of a document that one /24 or /48 announces, with maxAnnounced readers in all
	maxPart    = 16 // such a network has this part of what is bounded for all
)

func (t *dayCounter) networksOf(client netip.Addr) (of networks) {
	client = client.Unmap().WithZone("")
	if !client.IsValid() || client.IsLoopback() {
		return of
	}
	bits := [3]int{64, 56, 48}
	if client.Is4() {
		bits = [3]int{32, 32, 24}
	}
	for i := range of {
		network, _ := client.Prefix(bits[i]) // fails only for more bits than it has
		of[i] = uint32(maphash.Comparable(t.seed, network)) | 1
	}
	return of
}

func (n networks) known() bool { return n != networks{} }

// mayAdd reports whether another reader from some networks counts. Where the sample is a
// part of all readers, so are theirs in it.
func (d *distinct) mayAdd(from networks) bool {
	if !from.known() {
		return true
	}
	var have [3]int
	for _, other := range d.sample {
		for i := range have {
			if other[i] == from[i] {
				have[i]++
			}
		}
	}
	for i, most := range maxOthers {
		if have[i] >= max(1, most>>d.level) {
			return false
		}
	}
	return true
}

// mayAnnounce reports whether a network may stand for so many readers of one
// subscription, beside those of a document's others that it stands for.
func mayAnnounce(services map[subscription]announcement, key subscription, readers int, from networks) bool {
	if !from.known() {
		return true
	}
	others, sources := 0, 1
	for other, a := range services {
		if other != key && a.from[around] == from[around] {
			others += a.readers
			sources++
		}
	}
	return sources <= maxSources && others+readers <= maxAnnounced
}

// room counts what is bounded for all, and what each network has of it.
type room struct {
	taken int
	of    map[uint32]int
}

// enter takes one more in, if there is room.
func (r *room) enter(from networks, most int) bool {
	if r.taken >= most || from.known() && r.of[from[around]] >= most/maxPart {
		return false
	}
	if r.of == nil {
		r.of = make(map[uint32]int)
	}
	r.taken++
	r.of[from[around]]++
	return true
}
