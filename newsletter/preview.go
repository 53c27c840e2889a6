package newsletter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// ErrNothingPublished says that no insight has been numbered yet.
var ErrNothingPublished = errors.New("no insight has been published yet")

// Previewer builds emails without sending them. It stores and numbers nothing.
type Previewer struct {
	Planner   *Planner
	Writer    *Writer
	StartWith int // how many insights a new reader gets first
}

// Preview is one email of a digest, for one reader.
type Preview struct {
	Digest  Digest
	Variant Variant
	Message Message
	Copy    Copy
}

// OfDigest returns what most readers of a digest get, addressed to an example reader.
func (p *Previewer) OfDigest(d Digest) (Preview, error) {
	return p.make(d, d.Largest(), exampleReader())
}

// ForNew returns what a new reader of all categories, or of one, would get first, or
// ErrNothingPublished.
func (p *Previewer) ForNew(ctx context.Context, lib *content.Library, category string) (Preview, error) {
	d, err := p.Planner.Sample(ctx, lib, category, p.StartWith)
	if err != nil {
		return Preview{}, err
	}
	if len(d.Items) == 0 {
		return Preview{}, ErrNothingPublished
	}
	return p.OfDigest(d)
}

// For returns what a reader would get now. If that is nothing, there is no Message, and
// the Digest has a Reason and no Readers.
func (p *Previewer) For(ctx context.Context, lib *content.Library, reader subscribers.Subscriber, category string) (Preview, error) {
	d, err := p.Planner.Plan(ctx, lib, Request{Only: reader.ID, Category: category, DryRun: true})
	if err != nil || d.Readers == 0 {
		return Preview{Digest: d}, err
	}
	return p.make(d, d.Variants[0], reader)
}

func (p *Previewer) make(d Digest, v Variant, reader subscribers.Subscriber) (Preview, error) {
	body, err := p.Writer.Render(d, v)
	if err != nil {
		return Preview{}, err
	}
	stored := StoredBody{Body: body, Date: d.CreatedAt.UTC().Truncate(time.Second), BaseURL: p.Writer.Identity.BaseURL}
	return Preview{d, v, p.Writer.Message(d, v.Number, stored), p.Writer.Copy(d.ID, d.UID, reader, stored.Date)}, nil
}

// exampleReader returns a reader who does not exist.
func exampleReader() subscribers.Subscriber {
	reader := subscribers.Subscriber{PublicID: "preview", ConfirmedAt: time.Now()}
	reader.Address, _ = subscribers.ParseAddress("reader@example.com") // always valid
	return reader
}

// Largest returns the variant that most readers get, or the zero Variant.
func (d *Digest) Largest() Variant {
	var largest Variant
	for _, v := range d.Variants {
		if v.Readers > largest.Readers {
			largest = v
		}
	}
	return largest
}

// MainSubject is the subject that most readers see, without insights that emails which are
// still to be sent leave out.
func (d *Digest) MainSubject() string {
	items := d.ItemsOf(d.Largest())
	if d.State.Active() || d.State == DigestPlanned {
		left := slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return slices.Contains(d.Withdrawn, i.Seq) })
		if len(left) > 0 {
			items = left
		}
	}
	return SubjectFor(items, d.Subject)
}

// Sample returns the digest that a new reader of all categories (or of one) would get
// first: the newest n insights. Nothing is stored.
func (p *Planner) Sample(ctx context.Context, lib *content.Library, category string, n int) (Digest, error) {
	items, _, err := p.numbered(ctx, lib, Request{Category: category, DryRun: true})
	if err != nil {
		return Digest{}, err
	}
	items = items[:min(max(n, 1), len(items))]
	variant := Variant{Number: 1, Readers: 1}
	for _, item := range items {
		variant.Seqs = append(variant.Seqs, item.Seq)
	}
	return Digest{UID: "sample", Category: category, Items: items, Variants: []Variant{variant}, CreatedAt: time.Now()}, nil
}

// PreviewBody fills in a body for no reader in particular: personal links lead
// nowhere.
func PreviewBody(r Body, address string) Body {
	fill := strings.NewReplacer(PlaceholderUnsubscribe, "preview", PlaceholderPreferences, "preview", PlaceholderAddress, address, PlaceholderSince, "an example date")
	return Body{Subject: r.Subject, HTML: fill.Replace(r.HTML), Text: fill.Replace(r.Text)}
}
