package feeds

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Judge reads documents as a strict feed reader does, from their bytes alone, and
// says what is wrong with each and with all together. It shares no code with what
// writes them. It may be used by several goroutines at once.
type Judge struct {
	// BaseURL is the site's. Documents are at their paths under it.
	BaseURL string
	// Picture reports whether a picture of the site exists, by its address. Nil:
	// all do.
	Picture func(address string) bool

	mu       sync.Mutex
	paths    map[string]bool
	ids      map[string]string   // by the entry's address
	urls     map[string]string   // by the entry's id
	contents map[uint64][]string // what is wrong with an entry's HTML, which is the same in all feeds
	awaited  []Remark            // of documents that others name, which may come yet; Entry is their address
	seed     maphash.Seed
}

// Remark is something that a judge has to say of a document.
type Remark struct {
	Path    string // of the document
	Entry   string // id of the entry that is meant, as the document has it; "": the document itself
	URL     string // that entry's address
	Message string
	Note    bool // nothing is wrong, yet somebody may want to know
}

// NewJudge returns a judge of a site's documents.
func NewJudge(baseURL string, picture func(address string) bool) *Judge {
	return &Judge{
		BaseURL: baseURL, Picture: picture, seed: maphash.MakeSeed(),
		paths: map[string]bool{}, ids: map[string]string{}, urls: map[string]string{}, contents: map[uint64][]string{},
	}
}

// testimony is what a document says, whatever its format.
type testimony struct {
	title, home, self, id string
	updated               string
	neighbours            []string // addresses of other documents of this site
	entries               []claim
	faults                []string
}

// claim is what an entry says.
type claim struct {
	id, url, title, author string
	published, updated     string
	summary                string // HTML; empty in JSON, where it is plain text
	content                string // HTML
	pictures               []string
}

// Judge judges one document, of which it looks at Path, Format and Body.
func (j *Judge) Judge(d *Document) []Remark {
	var remarks []Remark
	say := func(message string, args ...any) {
		remarks = append(remarks, Remark{Path: d.Path, Message: fmt.Sprintf(message, args...)})
	}
	j.mu.Lock()
	j.paths[d.Path] = true
	j.mu.Unlock()
	said, err := hear(d)
	if err != nil {
		say("no reader can read it: %v", err)
		return remarks
	}
	for _, fault := range said.faults {
		say("%s", fault)
	}
	for name, value := range map[string]string{"title": said.title, "address of its page": said.home} {
		if strings.TrimSpace(value) == "" {
			say("it has no %s", name)
		}
	}
	j.await(d.Path, said.neighbours)
	if d.Format == "" {
		return remarks
	}
	switch {
	case said.home != "" && !absolute(said.home):
		say("the address of its page is not absolute: %q", said.home)
	case d.Format == JSON && !absolute(said.self), d.Format != JSON && said.self != j.BaseURL+d.Path:
		say("it says that its own address is %q", said.self)
	case d.Format == Atom && !isURI(said.id):
		say("its id is no URI: %q", said.id)
	}
	if _, err := parseDate(d.Format, said.updated); err != nil && d.Format != JSON {
		say("when it was updated can't be read: %q", said.updated)
	}
	remarks = append(remarks, j.judgeEntries(d, said.entries)...)
	return append(remarks, judgeSize(d, said.entries)...)
}

// await remembers which documents another one names.
func (j *Judge) await(path string, addresses []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, address := range addresses {
		j.awaited = append(j.awaited, Remark{Path: path, Entry: address})
	}
}

// Missing says which documents others have named and nobody has shown to the judge.
func (j *Judge) Missing() []Remark {
	j.mu.Lock()
	defer j.mu.Unlock()
	var remarks []Remark
	for _, a := range j.awaited {
		path, ours := strings.CutPrefix(a.Entry, j.BaseURL)
		if !ours || !j.paths[path] {
			remarks = append(remarks, Remark{Path: a.Path, Message: fmt.Sprintf("it names a document that does not exist: %s", a.Entry)})
		}
	}
	return remarks
}

// judgeSize compares the length of a document with what readers find fine.
func judgeSize(d *Document, entries []claim) []Remark {
	if len(d.Body) <= headLimit {
		return nil
	}
	largest := claim{}
	for _, e := range entries {
		if len(e.content) > len(largest.content) {
			largest = e
		}
	}
	alone := len(entries) == 1
	message := fmt.Sprintf("the document that holds it has %d bytes; readers and caches are happy with %d", len(d.Body), headLimit)
	if alone {
		message += "; it is the only insight in it, so nothing is lost but speed"
	}
	return []Remark{{Path: d.Path, Entry: largest.id, URL: largest.url, Message: message, Note: alone}}
}

func (j *Judge) judgeEntries(d *Document, entries []claim) []Remark {
	var remarks []Remark
	seen := make(map[string]bool, len(entries))
	var before time.Time
	for _, e := range entries {
		say := func(message string, args ...any) {
			remarks = append(remarks, Remark{Path: d.Path, Entry: e.id, URL: e.url, Message: fmt.Sprintf(message, args...)})
		}
		switch {
		case e.id == "":
			say("it has no id: readers drop it, or show it again and again")
		case seen[e.id]:
			say("the id %s is used twice in one document: readers show one of the two", e.id)
		case !isURI(e.id):
			say("the id %q is no URI", e.id)
		}
		seen[e.id] = true
		for name, value := range map[string]string{"title": e.title, "author": e.author, "content": e.content} {
			if strings.TrimSpace(value) == "" {
				say("it has no %s", name)
			}
		}
		if !absolute(e.url) {
			say("its address is not absolute: %q", e.url)
		}
		published, err := parseDate(d.Format, e.published)
		if err != nil {
			say("its date can't be read: %q", e.published)
		} else {
			if !before.IsZero() && published.After(before) {
				say("it stands below an older one: readers that take the first entries only miss it")
			}
			before = published
		}
		if updated, err := time.Parse(time.RFC3339, e.updated); err != nil {
			say("when it was updated can't be read: %q", e.updated)
		} else if updated.Before(published) {
			say("it was updated at %s, before it was published", e.updated)
		}
		for _, fault := range append(j.judgeHTML(e.content), j.judgeHTML(e.summary)...) {
			say("%s", fault)
		}
		for _, address := range e.pictures {
			if fault := j.judgePicture(address); fault != "" {
				say("%s", fault)
			}
		}
		if other := j.identify(e); other != "" {
			say("%s", other)
		}
	}
	return remarks
}

// identify says if an entry is known by another id, or its id is another entry's.
func (j *Judge) identify(e claim) string {
	if e.id == "" || e.url == "" {
		return ""
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if id, ok := j.ids[e.url]; ok && id != e.id {
		return fmt.Sprintf("its id is %s here and %s in another document: readers take it for two", e.id, id)
	}
	if address, ok := j.urls[e.id]; ok && address != e.url {
		return fmt.Sprintf("its id %s is also that of %s: readers show one of the two", e.id, address)
	}
	j.ids[e.url], j.urls[e.id] = e.id, e.url
	return ""
}

// judgeHTML judges each text once, in however many documents it stands.
func (j *Judge) judgeHTML(text string) []string {
	if text == "" {
		return nil
	}
	sum := maphash.String(j.seed, text)
	j.mu.Lock()
	faults, known := j.contents[sum]
	j.mu.Unlock()
	if known {
		return faults
	}
	content := readHTML(text)
	faults = content.faults
	for _, address := range content.pictures {
		if fault := j.judgePicture(address); fault != "" {
			faults = append(faults, fault)
		}
	}
	j.mu.Lock()
	j.contents[sum] = faults
	j.mu.Unlock()
	return faults
}

func (j *Judge) judgePicture(address string) string {
	if strings.HasPrefix(address, "data:") {
		return ""
	}
	if !absolute(address) {
		return fmt.Sprintf("the address of a picture is not absolute: %q", address)
	}
	if j.Picture != nil && strings.HasPrefix(address, j.BaseURL+"/") && !j.Picture(address) {
		return "the picture " + address + " does not exist"
	}
	return ""
}

// parseDate reads a date as the format writes it.
func parseDate(format Format, text string) (time.Time, error) {
	if format == RSS {
		return time.Parse(time.RFC1123Z, text)
	}
	return time.Parse(time.RFC3339, text)
}

// absolute reports whether a URL can be followed wherever it stands.
func absolute(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func isURI(id string) bool {
	u, err := url.Parse(id)
	return err == nil && u.Scheme != "" && cmp.Or(u.Opaque, u.Host, u.Path) != "" && !strings.ContainsAny(id, " \t\n")
}
