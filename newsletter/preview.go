package newsletter

import (
	"context"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// Sample returns the digest that a new reader of all categories (or of one) would get
// first: the newest n insights. Nothing is stored.
func (p *Planner) Sample(ctx context.Context, lib *content.Library, category string, n int) (Digest, error) {
	items, err := p.numbered(ctx, lib, category, true)
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
