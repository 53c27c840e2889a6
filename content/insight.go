// Package content owns the insights: it reads a folder of Markdown files with
// YAML front matter into an immutable [Library], keeps the current one in a
// [Live], and renders an insight for its page and for feeds. It knows nothing of
// HTTP, SQL or email.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Category is one of the site's subjects. The set of categories and their order
// are configuration; files only name them.
type Category struct {
	Slug        string `yaml:"slug" json:"slug" doc:"The last part of its address: lower-case letters, digits and hyphens. Never change it without formerly."`
	Name        string `yaml:"name" json:"name" doc:"Name of the category, as people read it."`
	Description string `yaml:"description" json:"description" doc:"One sentence about it."`

	// Formerly are slugs that the category had before, the first one first: files may
	// go on naming it by them, and their addresses lead to the present one.
	Formerly []string `yaml:"formerly" json:"-" doc:"Slugs that it had before, the first one first: their addresses lead to the present one."`
}

// Insight is one article. Values are immutable once their Library exists and may
// be read by any number of goroutines.
type Insight struct {
	ID       string // permanent: a lower-case UUID or a tag URI, from the front matter
	Slug     string // the last part of its address
	Title    string // plain text
	Summary  string // plain text, one paragraph; may be empty in a draft only
	Category Category
	Date     time.Time // when it is published, to the second; it is invisible before
	Updated  time.Time // last significant change; equal to Date when the file names none or an earlier one
	// UpdatedDay says that Updated is a day, not a time: 00:00 in the site's zone.
	UpdatedDay bool

	Formerly  []string // slugs that it had before
	Order     int      // among insights of one Date, lowest first
	Author    string   // empty: the site's
	Tags      []string
	Featured  bool
	Draft     bool   // never visible
	Email     bool   // false keeps it out of digests
	Image     string // "", an absolute URL, or a file of the images folder such as "images/x.svg"
	Canonical string // "" or the absolute URL of the original
	Words     int    // of the prose, code left out
	Minutes   int    // reading time, at least 1
	File      string // the file's name in its folder, for messages

	body   string            // Markdown, lines ending in \n
	links  map[string]string // the insights the body links to: file name → slug
	shown  map[string]image  // the pictures the body and the front matter name: name in the images folder → what is known of it
	digest [sha256.Size]byte // of everything above but File: what a reader can see
}

// Version returns 16 hexadecimal digits that identify everything a reader can see
// of the insight, on every machine.
func (in *Insight) Version() string { return hex.EncodeToString(in.digest[:8]) }

// Markdown returns the text as it was written, without the front matter; lines end in
// \n.
func (in *Insight) Markdown() string { return in.body }

// Size returns the length of the Markdown, in bytes.
func (in *Insight) Size() int { return len(in.body) }

// Path returns the address of the insight's page under the site's base URL, such
// as "/insights/some-slug".
func (in *Insight) Path() string { return insightsPath + in.Slug }

// Addresses of the site, as interface.md fixes them.
const (
	insightsPath = "/insights/"
	imagesPath   = "/insights/images/"
)
