package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

const base = "https://insights.example"

// fixture is a whole site over a small library, with everything behind it real
// but the storage.
type fixture struct {
	config  web.Config
	handler http.Handler
	library *content.Library
	set     *feeds.Set
	store   *memory
	archive *archive
	inbox   *inbox
	log     *bytes.Buffer
}

// newFixture builds the site of the given files; change may alter its
// configuration before.
func newFixture(t testing.TB, files fstest.MapFS, change func(*web.Config)) *fixture {
	t.Helper()
	site := templates.DefaultSite()
	site.BaseURL = base
	library, err := content.Load(files, content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	set, err := feeds.Build(library, feedSite(site), nil)
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, site, library, set, change)
}

func feedSite(site templates.Site) feeds.Site {
	return feeds.Site{BaseURL: base, Title: site.Title, Language: site.Language, Author: site.Author, Authority: site.Authority}
}

func newSite(t testing.TB, site templates.Site, library *content.Library, set *feeds.Set, change func(*web.Config)) *fixture {
	t.Helper()
	pages, err := templates.NewPages(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := subscribers.NewKeyring(strings.Repeat("secret ", 8))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{library: library, set: set, store: &memory{byKey: make(map[string]subscribers.Subscriber)}, archive: &archive{}, inbox: &inbox{}, log: &bytes.Buffer{}}
	var slugs []string
	for _, c := range site.Categories {
		slugs = append(slugs, c.Slug)
	}
	f.config = web.Config{
		Site: site, Pages: pages, FeedSite: feedSite(site),
		Library:  func() *content.Library { return f.library },
		Feeds:    func() *feeds.Set { return f.set },
		Registry: &subscribers.Registry{Store: f.store, Keys: keys, Categories: slugs},
		Archive:  f.archive,
		Inbox:    f.inbox,
		FormKey:  []byte("form key"),
		Log:      slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&f.config)
	}
	if f.handler, err = web.New(f.config); err != nil {
		t.Fatal(err)
	}
	return f
}

// library is four insights in two categories, one of them with all that Markdown
// can hold, and a draft.
func library() fstest.MapFS {
	files := fstest.MapFS{
		"images/plan.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10"/></svg>`)},
	}
	add := func(n int, title, category, date, more, text string) {
		files[fmt.Sprintf("%s-insight-%d.md", date, n)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"---\nid: 00000000-0000-4000-8000-%012d\ntitle: %q\nsummary: %q\ncategory: %s\ndate: %s\n%s---\n\n%s\n",
			n, title, "Summary of "+title, category, date, more, text)}
	}
	add(1, "First steps", "Architecture", "2026-01-01", "", "Some words.")
	add(2, `<script>alert("1")</script> & more`, "Architecture", "2026-01-02", "tags: [a, '<b>']\n", rich)
	add(3, "The one to read", "Leadership", "2026-01-03", "featured: true\nauthor: '<i>Nobody</i>'\n", "Words about [the first](2026-01-01-insight-1.md).")
	add(4, "مقدمة 🙂", "Leadership", "2026-01-04", "", "Words.")
	add(5, "Not yet", "Leadership", "2026-01-05", "draft: true\n", "Words.")
	return files
}

const rich = `
## A heading

A note.[^1] <script>alert(2)</script> [x](javascript:alert(3))

| a | b |
|:--|--:|
| 1 | 2 |

- [ ] open
- [x] done

![A plan](images/plan.svg)

` + "```go\nfunc main() { fmt.Println(\"<b>\") }\n```" + `

## A heading

[^1]: The note.
`

// do sends a request without a body.
func (f *fixture) do(method, path string, header ...string) *http.Response {
	return f.send(httptest.NewRequest(method, path, nil), header...)
}

func (f *fixture) get(path string, header ...string) *http.Response {
	return f.do(http.MethodGet, path, header...)
}

// post sends a form as the browser of somebody on the site does.
func (f *fixture) post(path string, form url.Values, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return f.send(r, header...)
}

func (f *fixture) send(r *http.Request, header ...string) *http.Response {
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if u, err := url.Parse(f.config.Site.BaseURL); err == nil && r.Host == "example.com" { // as httptest has it
		r.Host = u.Host
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantStatus(t testing.TB, r *http.Response, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("status %d, want %d", r.StatusCode, status)
	}
}

func wantHeader(t testing.TB, r *http.Response, name, value string) {
	t.Helper()
	if got := r.Header.Get(name); got != value {
		t.Errorf("%s: %q, want %q", name, got, value)
	}
}

// elements lists the elements of a page with that name, or all for "".
func elements(t testing.TB, page, name string) []*html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var list []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) {
			list = append(list, n)
		}
	}
	return list
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// firstForm is the first form of a page that posts, with its fields as a browser
// would send them.
func firstForm(t testing.TB, page string) (action string, fields url.Values) {
	t.Helper()
	for _, form := range elements(t, page, "form") {
		if attribute(form, "method") != "post" {
			continue
		}
		fields = make(url.Values)
		for n := range form.Descendants() {
			if n.Data != "input" {
				continue
			}
			kind := attribute(n, "type")
			checked := slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
			if (kind == "checkbox" || kind == "radio") && !checked {
				continue
			}
			fields.Add(attribute(n, "name"), attribute(n, "value"))
		}
		return attribute(form, "action"), fields
	}
	t.Fatal("the page has no form that posts")
	return "", nil
}

// memory keeps subscribers for one test.
type memory struct {
	subscribers.Store // nil: the site asks for nothing else
	mu                sync.Mutex
	byKey             map[string]subscribers.Subscriber
	events            []subscribers.Event
	notices           []subscribers.Notice
	edits             int
	facts             subscribers.Facts // by which attempts are judged
	waiting, ahead    int
	asked             subscribers.Attempt
	history           func(context.Context, int64) iter.Seq2[subscribers.Event, error] // nil: none
	err               error                                                            // what Edit fails with
}

func (m *memory) Edit(_ context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (subscribers.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.edits++
	if m.err != nil {
		return subscribers.Subscriber{}, m.err
	}
	sub := m.byKey[key]
	before := sub
	sub.Confirmations = slices.Clone(sub.Confirmations)
	c, err := change(&sub)
	if err != nil {
		return subscribers.Subscriber{}, err
	}
	ends := subscribers.EndsConfirmations(before, sub, c)
	for i, c := range sub.Confirmations {
		sub.Confirmations[i].Ended = c.Ended || ends.Ends(c)
	}
	if c.Asks != nil {
		sub.Confirmations = slices.Insert(sub.Confirmations, 0, *c.Asks)
	}
	if sub.Address.Key() != "" {
		delete(m.byKey, key)
		m.byKey[sub.Address.Key()] = sub
	}
	if c.Event.What != "" {
		m.events = append(m.events, c.Event)
	}
	if c.Notice != "" {
		m.notices = append(m.notices, c.Notice)
	}
	return sub, nil
}

func (m *memory) EditAll(ctx context.Context, keys []string, _ bool, change func(int, *subscribers.Subscriber) (subscribers.Change, error)) error {
	for i, key := range keys {
		if _, err := m.Edit(ctx, key, func(s *subscribers.Subscriber) (subscribers.Change, error) { return change(i, s) }); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) ByKey(_ context.Context, key string) (subscribers.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sub, ok := m.byKey[key]; ok {
		return sub, nil
	}
	return subscribers.Subscriber{}, subscribers.ErrNotFound
}

func (m *memory) ByPublicID(_ context.Context, id string) (subscribers.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, sub := range m.byKey {
		if sub.PublicID == id {
			return sub, nil
		}
	}
	return subscribers.Subscriber{}, subscribers.ErrNotFound
}

func (m *memory) List(context.Context, subscribers.Filter) iter.Seq2[subscribers.Subscriber, error] {
	return func(func(subscribers.Subscriber, error) bool) {}
}

func (m *memory) Suppressions(context.Context) iter.Seq2[subscribers.Suppression, error] {
	return func(func(subscribers.Suppression, error) bool) {}
}

func (m *memory) Forget(_ context.Context, key string, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.edits++
	delete(m.byKey, key)
	return nil
}

func (m *memory) Tidy(context.Context, time.Time) (int, error) { return 0, nil }

func (m *memory) Ask(_ context.Context, a subscribers.Attempt, decide func(subscribers.Facts) subscribers.Decision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = a
	if d := decide(m.facts); d.Verdict != subscribers.Refuse {
		m.facts.Network, m.facts.Wide, m.facts.Around = d.Network, d.Wide, d.Around
	}
	return nil
}

func (m *memory) AskedBy(context.Context, subscribers.Asker) (subscribers.Facts, error) {
	return subscribers.Facts{Waiting: m.waiting}, nil
}

// Line is one of different domains, all of which come before who asks.
func (m *memory) Line(context.Context) iter.Seq2[subscribers.Place, error] {
	return func(yield func(subscribers.Place, error) bool) {
		for i := range m.ahead {
			if !yield(subscribers.Place{Domain: fmt.Sprint(i, ".example")}, nil) {
				return
			}
		}
	}
}

func (m *memory) History(ctx context.Context, id int64) iter.Seq2[subscribers.Event, error] {
	if m.history != nil {
		return m.history(ctx, id)
	}
	return func(func(subscribers.Event, error) bool) {}
}

// reader stores a subscriber and returns their tokens.
func (f *fixture) reader(t testing.TB, address string, status subscribers.Status) (confirm, unsubscribe, preferences string) {
	t.Helper()
	a, err := subscribers.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	sub := subscribers.Subscriber{
		PublicID: "id-" + strings.Map(letters, address), Address: a, Status: status,
		Cadence: subscribers.Weekly, Categories: []string{"architecture"},
		NonceExpires: time.Now().Add(time.Hour), ConfirmedAt: time.Now().Add(-time.Hour),
	}
	sub.Confirmations = []subscribers.Confirmation{{
		Nonce: "nonce", To: a, Preferences: subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories}, Expires: sub.NonceExpires, Ended: status != pending,
	}}
	if status == pending {
		sub.ConfirmedAt = time.Time{}
	}
	f.store.byKey[a.Key()] = sub
	token := f.config.Registry.Token
	return token(subscribers.ConfirmToken, sub), token(subscribers.UnsubscribeToken, sub), token(subscribers.PreferencesToken, sub)
}

// fresh is the token of a fresh link to what is kept of a reader.
func (f *fixture) fresh(address string) string {
	return f.config.Registry.Token(subscribers.FreshToken, f.store.byKey[address])
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

func (f *fixture) status(t testing.TB, address string) subscribers.Status {
	t.Helper()
	sub, err := f.store.ByKey(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return sub.Status
}

type archive struct{ digests []newsletter.Digest }

func (a *archive) SentDigests(_ context.Context, limit, offset int) ([]newsletter.Digest, error) {
	return a.digests[min(offset, len(a.digests)):min(offset+limit, len(a.digests))], nil
}

func (a *archive) SentDigest(_ context.Context, id int64) (newsletter.Digest, error) {
	for _, d := range a.digests {
		if d.ID == id {
			return d, nil
		}
	}
	return newsletter.Digest{}, newsletter.ErrNotFound
}

// send files a digest of everything the library shows, and of an insight that is
// gone.
func (f *fixture) sendDigest(id int64) {
	d := newsletter.Digest{
		ID: id, UID: fmt.Sprintf("uid%d", id), Cadence: subscribers.Weekly, Intro: "Hello <b>you</b>.\n\nRead on.",
		ApprovedAt: time.Date(2026, 2, int(id), 9, 0, 0, 0, time.UTC),
	}
	for i, in := range f.library.Insights() {
		d.Items = append(d.Items, newsletter.Item{
			Seq: int64(i + 1), InsightID: in.ID, Slug: in.Slug, Title: in.Title, Summary: in.Summary,
			Category: in.Category.Slug, CategoryName: in.Category.Name, Date: in.Date, Minutes: in.Minutes,
		})
	}
	d.Items = append(d.Items, newsletter.Item{InsightID: "gone", Slug: "gone", Title: "Gone by now", CategoryName: "Leadership"})
	f.archive.digests = append([]newsletter.Digest{d}, f.archive.digests...)
}

type inbox struct{ raw []string }

func (b *inbox) Messages(context.Context) ([]templates.InboxMessage, error) {
	var list []templates.InboxMessage
	for i := range b.raw {
		list = append(list, templates.InboxMessage{ID: int64(i + 1), To: "ada@example.com", Subject: fmt.Sprint("Mail ", i+1), At: time.Unix(int64(i), 0).UTC()})
	}
	slices.Reverse(list)
	return list, nil
}

func (b *inbox) Message(_ context.Context, id int64) ([]byte, error) {
	if id < 1 || int(id) > len(b.raw) {
		return nil, newsletter.ErrNotFound
	}
	return []byte(b.raw[id-1]), nil
}
