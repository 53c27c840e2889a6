package feeds

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/scaledbydesign/insights/content"
)

// headLimit is how large a head document may be, in bytes: JSON Feed 1.1 finds that
// fine, and so do readers of the other formats.
const headLimit = 250_000

// spanLimit bounds a span, in bytes of Markdown. Documents are about half as large
// again, so a head keeps two thirds of what it may hold when a span leaves it
// for the archives.
const spanLimit = 50_000

// span is a run of insights that come into an archive together: those of one month,
// or a part of them.
type span struct {
	name     string             // "2026-03", or "2026-03-2" of the month's second part
	insights []*content.Insight // newest first
}

// divide cuts a feed, newest insight first, into spans, newest span first. The
// parts of a month are filled from its oldest insight on, so that what is full
// stays as it is when insights are added. It looks at nothing but the insights:
// all machines and all formats divide alike.
func divide(insights []*content.Insight) []span {
	var spans []span
	month, part, size := "", 0, 0
	for _, in := range slices.Backward(insights) {
		cost := in.Size() + 1000 // names, dates and addresses
		this := in.Date.UTC().Format("2006-01")
		switch {
		case this != month:
			month, part, size = this, 1, 0
			spans = append(spans, span{name: month})
		case size+cost > spanLimit:
			part, size = part+1, 0
			spans = append(spans, span{name: month + "-" + strconv.Itoa(part)})
		}
		size += cost
		last := &spans[len(spans)-1]
		last.insights = append(last.insights, in)
	}
	for _, s := range spans {
		slices.Reverse(s.insights)
	}
	slices.Reverse(spans)
	return spans
}

// selection is a feed without its entries, and the insights they are made of.
type selection struct {
	feed     Feed
	insights []*content.Insight // newest first
}

// division is a feed, divided into its head document and archives (RFC 5005). They
// don't overlap: whoever follows the links sees each insight once.
type division struct {
	feed     Feed // without entries
	entries  *entries
	head     []*content.Insight
	archives []span // newest first
	version  string // stands for the head document's bytes

	documents []*Document // the head documents, in the order of Formats
}

// divide divides a feed: its head takes the newest spans that fit, and at least one.
func (s *Set) divide(of selection) (*division, error) {
	d := &division{feed: of.feed, entries: s.entries}
	d.feed.Total = len(of.insights)
	spans := divide(of.insights)
	room, err := headRoom(of.feed)
	if err != nil {
		return nil, err
	}
	for i, span := range spans {
		for _, in := range span.insights {
			e, err := s.entries.get(in)
			if err != nil {
				return nil, err
			}
			room.take(e.sizes)
		}
		if !room.left() && i > 0 {
			d.archives = spans[i:]
			break
		}
		d.head = append(d.head, span.insights...)
	}
	d.version = d.sum(s.site)
	return d, nil
}

// headFeed returns the feed of the head document.
func (d *division) headFeed() Feed {
	f := d.feed
	f.Complete = len(d.archives) == 0
	if !f.Complete {
		f.Previous = d.archives[0].name
	}
	f.Entries = d.entries.list(d.head)
	return f
}

// archiveFeed returns the feed of the i-th archive document, the newest being 0.
func (d *division) archiveFeed(i int) Feed {
	f := d.feed
	f.Archive = d.archives[i].name
	if i+1 < len(d.archives) {
		f.Previous = d.archives[i+1].name
	}
	f.Entries = d.entries.list(d.archives[i].insights)
	return f
}

// sum hashes what the head document is made of.
func (d *division) sum(site Site) string {
	previous := ""
	if len(d.archives) > 0 {
		previous = d.archives[0].name
	}
	return d.entries.sum(site, d.feed, previous, d.head)
}

// sums of a document's ingredients are equal when its bytes are, as long as the
// program is the same.
func (es *entries) sum(site Site, f Feed, previous string, insights []*content.Insight) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q %q\n", fmt.Sprint(site), f.Title, f.Description, previous)
	for _, in := range insights {
		fmt.Fprintf(hash, "%s %d\n", in.Version(), es.updated(in).Unix())
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// sizes are bytes in each format, in the order of Formats.
type sizes [3]int

// room is what a head document can still take.
type room sizes

// headRoom returns the room of a head document without entries.
func headRoom(f Feed) (room, error) {
	f.Previous = "0000-00-000" // as long as any
	empty, err := measure(f)
	if err != nil {
		return room{}, err
	}
	var r room
	for i := range r {
		r[i] = headLimit - empty[i]
	}
	return r, nil
}

func (r *room) take(of sizes) {
	for i := range r {
		r[i] -= of[i]
	}
}

func (r room) left() bool { return slices.Min(r[:]) >= 0 }

// measure returns the length of a feed's documents.
func measure(f Feed) (sizes, error) {
	var of sizes
	for i, format := range Formats() {
		body, err := Render(f, format)
		if err != nil {
			return of, err
		}
		of[i] = len(body)
	}
	return of, nil
}
