package feeds

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/scaledbydesign/insights/content"
)

// MaxSize is how large a document should be, in bytes: JSON Feed 1.1 finds that fine, and
// so do readers of the other formats. Only a head whose newest insights take more is larger.
const MaxSize = 250_000

// minHead is how many of the newest insights are in a head, whatever they take. Most readers
// know nothing of archives: what comes between two of their visits must be in the head.
const minHead = 20

// MaxEntry is how large the HTML of an insight may be, in bytes: a larger one is in feeds
// with its summary and a link, so that it leaves room for others.
const MaxEntry = 100_000

// pageLimit bounds an archive page, in bytes of Markdown. Documents are about half as large
// again, so a head keeps two thirds of what it may hold when a page leaves it for
// the archives.
const pageLimit = 50_000

// archivePage holds the insights that come into an archive together: those of one month,
// or a part of them.
type archivePage struct {
	name     string             // "2026-03", or "2026-03-2" of the month's second part
	insights []*content.Insight // newest first
}

// archivePages divides a feed, newest insight first, into pages, newest page first. The
// parts of a month are filled from its oldest insight on, so that what is full
// stays as it is when insights are added. It looks at nothing but the insights:
// all machines and all formats divide alike.
func archivePages(insights []*content.Insight) []archivePage {
	var pages []archivePage
	month, part, size := "", 0, 0
	for _, in := range slices.Backward(insights) {
		cost := in.Size() + 1000 // names, dates and addresses
		this := in.Date.UTC().Format("2006-01")
		switch {
		case this != month:
			month, part, size = this, 1, 0
			pages = append(pages, archivePage{name: month})
		case size+cost > pageLimit:
			part, size = part+1, 0
			pages = append(pages, archivePage{name: month + "-" + strconv.Itoa(part)})
		}
		size += cost
		last := &pages[len(pages)-1]
		last.insights = append(last.insights, in)
	}
	for _, s := range pages {
		slices.Reverse(s.insights)
	}
	slices.Reverse(pages)
	return pages
}

// selection is a feed without its entries, and the insights they are made of.
type selection struct {
	feed     Feed
	insights []*content.Insight // newest first
}

// pagedFeed is a feed, divided into its head document and archives (RFC 5005). They
// don't overlap: a reader that follows the links sees each insight once.
type pagedFeed struct {
	feed     Feed // without entries
	entries  *entries
	head     []*content.Insight
	archives []archivePage // newest first
	version  string        // identifies the head document's bytes

	documents []*Document // the head documents, in the order of Formats
}

// paginate divides a feed: its head takes the newest pages that fit, and at least minHead
// insights. A page of which it takes a part is shared: its older part is an archive that
// still grows.
func (s *Set) paginate(of selection) (*pagedFeed, error) {
	d := &pagedFeed{feed: of.feed, entries: s.entries}
	d.feed.Total = len(of.insights)
	pages := archivePages(of.insights)
	fitting, err := s.fitting(of.feed, pages)
	if err != nil {
		return nil, err
	}
	left := max(fitting, min(minHead, len(of.insights)))
	d.head = of.insights[:left]
	for i, page := range pages {
		if left >= len(page.insights) {
			left -= len(page.insights)
			continue
		}
		d.archives = slices.Clone(pages[i:])
		d.archives[0].insights = page.insights[left:]
		break
	}
	d.version = d.entries.sum(d.feed, d.archiveName(0), d.head)
	return d, nil
}

// fitting returns how many insights of the newest pages fit into a head: of whole pages,
// or of a part of the first.
func (s *Set) fitting(f Feed, pages []archivePage) (fitting int, err error) {
	divided, whole, err := s.entries.headBudgets(f)
	if err != nil {
		return 0, err
	}
	for i, page := range pages {
		taken := 0
		for n, in := range page.insights {
			sizes, err := s.entries.get(in).sizes()
			if err != nil {
				return 0, err
			}
			divided.take(sizes)
			whole.take(sizes)
			last := i == len(pages)-1 && n == len(page.insights)-1
			if !divided.left() && !(last && whole.left()) {
				if i == 0 {
					fitting = taken
				}
				return fitting, nil
			}
			taken++
		}
		fitting += taken
	}
	return fitting, nil
}

// headFeed returns the feed of the head document.
func (d *pagedFeed) headFeed() Feed {
	f := d.feed
	f.Complete, f.Previous = len(d.archives) == 0, d.archiveName(0)
	f.Entries = d.entries.list(d.head)
	return f
}

// archiveFeed returns the feed of the i-th archive document, the newest being 0.
func (d *pagedFeed) archiveFeed(i int) Feed {
	f := d.feed
	f.Archive, f.Previous = d.archives[i].name, d.archiveName(i+1)
	f.Entries = d.entries.list(d.archives[i].insights)
	return f
}

// archiveName is the name of the i-th archive, or "".
func (d *pagedFeed) archiveName(i int) string {
	if i < len(d.archives) {
		return d.archives[i].name
	}
	return ""
}

// archiveNamed is the place of an archive, or -1.
func (d *pagedFeed) archiveNamed(name string) int {
	return slices.IndexFunc(d.archives, func(a archivePage) bool { return a.name == name })
}

// sum hashes what a document is made of: sums are equal when the bytes are, as
// long as the program is the same.
func (es *entries) sum(f Feed, previous string, insights []*content.Insight) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %q %q %q\n", es.setting, f.Title, f.Description, previous)
	for _, in := range insights {
		fmt.Fprintf(hash, "%q %d\n", key(in), updated(in).Unix())
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// sizes are bytes in each format, in the order of Formats.
type sizes [3]int

// budget is what a document can still take.
type budget sizes

// headBudgets returns the budgets for entries in a head document that has archives, and
// in one that is complete.
func (es *entries) headBudgets(f Feed) (divided, whole budget, err error) {
	// What a list of entries takes apart from them is seen in one that has an entry.
	f.Entries = []Entry{placeholder}
	alone, err := es.cost(placeholder)
	if err != nil {
		return divided, whole, err
	}
	room := func(previous string, complete bool) (left budget, err error) {
		f.Previous, f.Complete = previous, complete
		taken, err := measure(f)
		for i := range left {
			left[i] = MaxSize - taken[i] + alone[i]
		}
		return left, err
	}
	if divided, err = room("0000-00-00000", false); err == nil { // as long as any name
		whole, err = room("", true)
	}
	return divided, whole, err
}

func (r *budget) take(of sizes) {
	for i := range r {
		r[i] -= of[i]
	}
}

func (r budget) left() bool { return slices.Min(r[:]) >= 0 }

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

// TooLarge yields the insights that are larger than MaxEntry, with the size of each in
// bytes: feeds have their summaries.
func TooLarge(lib *content.Library, base string) iter.Seq2[*content.Insight, int] {
	return func(yield func(*content.Insight, int) bool) {
		for _, in := range lib.All() {
			if n := len(in.FullHTML(base)); n > MaxEntry && !in.Draft && !yield(in, n) {
				return
			}
		}
	}
}
