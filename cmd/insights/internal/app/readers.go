package app

import (
	"context"
	"errors"
	"io/fs"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/feeds/readership"
)

// FeedReaders is the present estimate of who follows the feeds, by document; nil when
// nobody has asked for a feed for a week, or nobody has counted.
func (p *Publication) FeedReaders(ctx context.Context) (map[string]readership.Estimate, error) {
	db, err := openDatabase(ctx, &p.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return estimateReaders(ctx, db)
}

func estimateReaders(ctx context.Context, db *database.DB) (map[string]readership.Estimate, error) {
	counts, err := db.Readership(ctx, readership.Today()-readership.WindowDays+1)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	return readership.Estimates(counts), nil
}

// KnownIDs are the ids of the insights that the database knows, by slug. Its error wraps
// fs.ErrNotExist where there is no database.
func (p *Publication) KnownIDs(ctx context.Context) (map[string][]string, error) {
	db, err := openDatabase(ctx, &p.Config)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.InsightIDs(ctx)
}
