package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/readership"
)

// readershipJSON is how a document's number of readers comes about.
type readershipJSON struct {
	Announced int           `json:"announced"`
	Others    int           `json:"others"`
	Services  []serviceJSON `json:"services"`
	Day       *string       `json:"day"` // the last on which anybody asked
}

type serviceJSON struct {
	Name    string `json:"name"`
	Readers int    `json:"readers"`
}

// estimateReaders is the present estimate, by document; nil when nobody has asked
// for a feed for a week, or nobody has counted.
func estimateReaders(ctx context.Context, db *database.DB) (map[string]readership.Estimate, error) {
	counts, err := db.Readership(ctx, readership.Today()-readership.WindowDays+1)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	return readership.Estimates(counts), nil
}

// feedReaders is the estimate of the configured database. Feeds are there without
// a database, so what is wrong with it is only noted.
func (p *program) feedReaders(ctx context.Context, c *Config) map[string]readership.Estimate {
	db, err := c.openDatabase(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var estimate map[string]readership.Estimate
	if err == nil {
		defer db.Close()
		estimate, err = estimateReaders(ctx, db)
	}
	if err != nil {
		p.out.note("the readers are not known: %v", err)
	}
	return estimate
}

// readersOf is a document's readers for people and for programs: "-" and null where
// they are not known, or for a list of feeds, which nobody follows.
func readersOf(estimate map[string]readership.Estimate, d *feeds.Document) (cell string, total *int, how *readershipJSON) {
	if estimate == nil || d.Format == "" {
		return "-", nil, nil
	}
	r := estimate[d.Path]
	how = &readershipJSON{Announced: r.Announced, Others: r.Others, Services: []serviceJSON{}}
	for _, s := range r.Services {
		how.Services = append(how.Services, serviceJSON(s))
	}
	if r.Day != 0 {
		how.Day = new(r.Day.String())
	}
	return thousands(r.Total()), new(r.Total()), how
}

// followed are the documents of a set, and behind them those of several
// categories that have readers.
func followed(set *feeds.Set, estimate map[string]readership.Estimate) ([]*feeds.Document, error) {
	documents := set.Documents()
	for _, path := range slices.Sorted(maps.Keys(estimate)) {
		if _, ok := set.Document(path); ok {
			continue
		}
		d, err := set.Render(path)
		if errors.Is(err, feeds.ErrNotFound) {
			continue // of digests, which are not made of insights; or of a category that is no more
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return documents, nil
}
