package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/subscribers"
)

// checkSums checks that the counts of a digest add up: to its readers, and state by
// state to the emails that are listed. It returns them.
func (s *site) checkSums(id string, readers int) map[string]int {
	s.t.Helper()
	counts, listed := s.sums(id, readers)
	for range 20 { // a daemon at work may have moved some between the two looks
		if maps.Equal(listed, counts) {
			return counts
		}
		counts, listed = s.sums(id, readers)
	}
	s.t.Errorf("digest %s: counts %v, but the list has %v", id, counts, listed)
	return counts
}

// sums are the counts of a digest, and those of the emails that are listed.
func (s *site) sums(id string, readers int) (counts, listed map[string]int) {
	s.t.Helper()
	var d digestJSON
	s.read(&d, "digest", "show", id)
	sum := 0
	for _, n := range d.Counts {
		sum += n
	}
	if d.Readers != readers || sum != readers {
		s.t.Errorf("digest %s: %d readers, counts %v add up to %d; want %d", id, d.Readers, d.Counts, sum, readers)
	}
	listed = make(map[string]int)
	seen := make(map[string]bool)
	for _, delivery := range s.deliveries("--digest", id) {
		listed[delivery.State]++
		if seen[delivery.Email] && delivery.Email != "" {
			s.t.Errorf("digest %s lists %s twice", id, delivery.Email)
		}
		seen[delivery.Email] = true
	}
	maps.DeleteFunc(d.Counts, func(_ string, n int) bool { return n == 0 })
	return d.Counts, listed
}

// sinkSite is an installation that sends to a sink, with a crowd of readers.
type sinkSite struct {
	*site
	sink    *sink
	content string
	crowd   []string
	written int // insights
	random  *rand.Rand
}

// sinkCrowd is a database with a crowd, made once and copied for every site.
type sinkCrowd struct {
	file    string
	content string
	crowd   []string
	written int
}

// newSinkCrowd makes a database whose n readers have chosen categories in every
// combination and have nothing unread.
func newSinkCrowd(t *testing.T, n int) *sinkCrowd {
	t.Helper()
	s := &sinkSite{site: newServe(t, "127.0.0.1:1", nil), content: t.TempDir()}
	s.set(map[string]string{"CONTENT_DIR": s.content})
	s.publish()
	s.start("serve")
	until(t, 20*time.Second, "the insights are numbered", func() bool {
		var d digestJSON
		s.read(&d, "digest", "plan", "--dry-run")
		return d.State == "skipped"
	})
	s.daemon.stop(t)
	c := &sinkCrowd{file: filepath.Join(s.dir, "insights.db"), content: s.content, written: s.written}
	for _, reader := range addReaders(t, "sqlite:"+c.file, n, 0) {
		c.crowd = append(c.crowd, reader.email)
	}
	return c
}

// addReaders adds n confirmed readers to a database, one after the other in each of the
// combinations of categories, with so many insights unread.
func addReaders(t testing.TB, url string, n, unread int) (crowd []crowdReader) {
	t.Helper()
	db, err := database.Open(url, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keys, err := subscribers.NewKeyring(secret)
	if err != nil {
		t.Fatal(err)
	}
	registry := &subscribers.Registry{Store: db, Keys: keys, Categories: allCategories(), StartWith: unread}
	for i := range n {
		mask := uint(i%127 + 1)
		reader := crowdReader{email: fmt.Sprintf("reader-%05d@example.com", i)}
		for bit, slug := range allCategories() {
			if mask&(1<<bit) != 0 {
				reader.categories = append(reader.categories, slug)
			}
		}
		address, err := subscribers.ParseAddress(reader.email)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = registry.Add(t.Context(), subscribers.SignUp{
			Address: address, Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: reader.categories}, Source: "staff",
		}, true, "test")
		if err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, reader)
	}
	return crowd
}

// site is a copy of the crowd's database in a folder of its own.
func (c *sinkCrowd) site(t testing.TB, random *rand.Rand, to *sink, settings map[string]string) *sinkSite {
	t.Helper()
	s := &sinkSite{site: newServe(t, to.addr, settings), sink: to, content: t.TempDir(), crowd: c.crowd, written: c.written, random: random}
	s.set(map[string]string{"CONTENT_DIR": s.content})
	if err := os.CopyFS(s.content, os.DirFS(c.content)); err != nil {
		t.Fatal(err)
	}
	copyFile(t, c.file, filepath.Join(s.dir, "insights.db"))
	return s
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// publish writes an insight in each category.
func (s *sinkSite) publish() {
	s.t.Helper()
	for _, category := range allCategories() {
		s.written++
		in := insight{
			ID: insightID(s.written), Slug: fmt.Sprintf("insight-%04d", s.written), Title: fmt.Sprintf("Insight %d on %s", s.written, category),
			Category: category, Date: time.Now().AddDate(-2, 0, 0).Add(time.Duration(s.written) * time.Minute),
		}
		in.write(s.t, s.content)
	}
}

// next plans a digest of new insights for the whole crowd and lets it go.
func (s *sinkSite) next() (id string) {
	s.t.Helper()
	s.publish()
	id, d := s.plan("--cadence", "weekly")
	if d.Readers != len(s.crowd) {
		s.t.Fatalf("planned for %d readers; want %d", d.Readers, len(s.crowd))
	}
	s.insights("digest", "send", id, "--yes")
	return id
}

// known are the addresses that are listed in a state, sorted.
func (s *site) known(id, state string) (addresses []string) {
	s.t.Helper()
	for _, d := range s.deliveries("--digest", id, "--state", state) {
		addresses = append(addresses, d.Email)
	}
	slices.Sort(addresses)
	return addresses
}

// without are those of a that are not in b.
func without(a, b []string) (rest []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			rest = append(rest, x)
		}
	}
	return rest
}
