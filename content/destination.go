package content

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark/util"
	"golang.org/x/text/unicode/norm"
)

// imagesFolder is the folder beside the Markdown files that holds the pictures.
const imagesFolder = "images"

// A kind tells where a link or a picture of a body points to.
type kind int

const (
	nowhere   kind = iota // nothing a reader may be sent to, such as javascript:
	elsewhere             // an absolute URL
	onSite                // a path of the site, beginning with /
	onPage                // a place in the same insight: empty, ?query or #fragment
	toInsight             // another file of the folder
	toImage               // a file of the images folder
)

// destination is a classified link target.
type destination struct {
	kind kind
	file string // for toInsight and toImage: the name in the folder, composed (NFC)
	url  string // for the others: an escaped URL; for files: ?query and #fragment
}

// mention is a file of the folder that a document points to.
type mention struct {
	kind kind // toInsight or toImage
	file string
	line int
}

// schemes are the ones a link may have. Whatever runs a script or reaches into the
// reader's machine stays out, because only these are let in.
var schemes = map[string]bool{"http": true, "https": true, "mailto": true, "tel": true}

// classify says where a destination, as written in Markdown, points to. Relative
// paths other than files of the folder are taken from the insight's page.
func classify(raw []byte, picture bool) destination {
	escaped := string(util.URLEscape(raw, true))
	if scheme, rest, ok := cutScheme(escaped); ok {
		if picture && scheme == "data" && isPictureData(rest) || schemes[scheme] && !(picture && scheme != "http" && scheme != "https") {
			return destination{kind: elsewhere, url: escaped}
		}
		return destination{}
	}
	if strings.HasPrefix(escaped, "//") {
		return destination{kind: elsewhere, url: "https:" + escaped}
	}
	escaped = string(util.URLEscape(norm.NFC.Bytes(raw), true)) // the names of our own files and headings are
	place := escaped
	suffix := ""
	if i := strings.IndexAny(escaped, "?#"); i >= 0 {
		place, suffix = escaped[:i], escaped[i:]
	}
	if place == "" {
		if picture || suffix == "" {
			return destination{}
		}
		return destination{kind: onPage, url: suffix}
	}
	name, err := url.PathUnescape(place)
	if err != nil {
		name = place
	}
	name = norm.NFC.String(name)
	if inside, ok := strings.CutPrefix(name, imagesPath); ok {
		return destination{toImage, imagesFolder + "/" + inside, suffix}
	}
	if strings.HasPrefix(place, "/") {
		return destination{kind: onSite, url: escaped}
	}
	name = path.Clean(name)
	switch {
	case picture, strings.HasPrefix(name, imagesFolder+"/"):
		return destination{toImage, name, suffix}
	case isMarkdown(name):
		return destination{toInsight, name, suffix}
	}
	return destination{kind: onSite, url: path.Join(insightsPath, place) + suffix}
}

// leftOut says why a link or an image that leads nowhere is only shown as its words.
func leftOut(what string, written []byte) string {
	to := shorten(oneLine(clean(string(written))))
	scheme, _, ok := cutScheme(string(written))
	switch {
	case to == "":
		return what + " without an address: only its words are shown; write the address, such as https://example.com/page"
	case !ok:
		return what + " " + to + " leads to no file: only its words are shown"
	case what == "image":
		return what + " " + to + " is left out, and only its words are shown: its address may not begin with " + shorten(scheme) + ":; put the picture into the folder images/"
	}
	return what + " " + to + " is left out, and only its words are shown: its address may not begin with " + shorten(scheme) + ":; write http:, https:, mailto: or tel:"
}

// leadsSomewhere reports whether an absolute URL can be followed: it parses, and has a
// host if its scheme needs one.
func leadsSomewhere(absolute string) bool {
	u, err := url.Parse(absolute)
	return err == nil && (u.Host != "" || u.Opaque != "")
}

// cutScheme splits "scheme:rest"; the scheme comes back in lower case.
func cutScheme(s string) (scheme, rest string, ok bool) {
	if i := strings.IndexAny(s, ":/?#"); i >= 0 && s[i] == ':' {
		return strings.ToLower(s[:i]), s[i+1:], true
	}
	return "", s, false
}

// isPictureData reports the rest of a data: URL that holds a picture without script.
func isPictureData(rest string) bool {
	mediaType, data, found := strings.Cut(strings.ToLower(rest), ";")
	return found && data != "" && slices.Contains([]string{"image/png", "image/gif", "image/jpeg", "image/webp", "image/avif"}, mediaType)
}
