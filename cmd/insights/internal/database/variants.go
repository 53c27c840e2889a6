package database

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/scaledbydesign/insights/newsletter"
)

func addVariantsTo(ctx context.Context, q querier, d *newsletter.Digest) error {
	d.Variants = nil
	err := each(ctx, q, func(rows *sql.Rows) error {
		v, err := scanVariant(rows.Scan)
		d.Variants = append(d.Variants, v)
		return err
	}, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 ORDER BY number", d.ID)
	return explain(err)
}

func scanVariant(scan func(...any) error) (newsletter.Variant, error) {
	var v newsletter.Variant
	var seqs string
	if err := scan(&v.Number, &seqs, &v.Readers); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(seqs), &v.Seqs)
}

func addVariants(ctx context.Context, tx *sql.Tx, d newsletter.Digest) error {
	readers := make(map[int]int)
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var variant, n int
		err := rows.Scan(&variant, &n)
		readers[variant] = n
		return err
	}, "SELECT variant, count(*) FROM deliveries WHERE digest_id = ?1 GROUP BY variant", d.ID)
	if err != nil {
		return err
	}
	for _, v := range d.Variants {
		if readers[v.Number] == 0 {
			continue
		}
		v.Readers = readers[v.Number]
		if err := addVariant(ctx, tx, d.ID, v); err != nil {
			return err
		}
	}
	return nil
}

func addVariant(ctx context.Context, tx *sql.Tx, digest int64, v newsletter.Variant) error {
	seqs, err := json.Marshal(v.Seqs)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO variants (digest_id, number, seqs, readers) VALUES (?1, ?2, ?3, ?4)", digest, v.Number, string(seqs), v.Readers)
	return err
}

// Variant implements newsletter.OutboxStore.
func (db *DB) Variant(ctx context.Context, digest int64, number int) (newsletter.Variant, error) {
	v, err := scanVariant(db.reader.QueryRowContext(ctx, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 AND number = ?2", digest, number).Scan)
	return v, explain(err)
}

const bodyColumns = "subject, html, text, base_url, rendered_at"

func scanBody(scan func(...any) error) (r newsletter.StoredBody, ok bool, err error) {
	var at int64
	err = scan(&r.Subject, &r.HTML, &r.Text, &r.BaseURL, &at)
	r.Date = fromMillis(at)
	return r, at != 0, err
}

// Body implements newsletter.OutboxStore.
func (db *DB) Body(ctx context.Context, digest int64, variant int) (newsletter.StoredBody, bool, error) {
	r, ok, err := scanBody(db.reader.QueryRowContext(ctx, "SELECT "+bodyColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
	return r, ok, explain(err)
}

// SaveBody implements newsletter.OutboxStore.
func (db *DB) SaveBody(ctx context.Context, digest int64, variant int, r newsletter.StoredBody) (kept newsletter.StoredBody, err error) {
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE variants SET subject = ?3, html = ?4, text = ?5, base_url = ?6, rendered_at = ?7
			WHERE digest_id = ?1 AND number = ?2 AND rendered_at = 0`, digest, variant, r.Subject, r.HTML, r.Text, r.BaseURL, millis(r.Date))
		if err != nil {
			return err
		}
		kept, _, err = scanBody(tx.QueryRowContext(ctx, "SELECT "+bodyColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
		return err
	})
	return kept, err
}
