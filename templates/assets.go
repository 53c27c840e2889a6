package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/content"
)

// Asset is a file that pages need: style sheet, icon.
type Asset struct {
	Body        []byte
	ContentType string
	// Immutable says that the address holds a hash of the body, so that it may be
	// kept for ever.
	Immutable bool
}

// Asset returns the file at a path of the site, such as /assets/site.0a1b2c3d.css.
// Every asset is also found without its hash, for those who link from outside.
func (p *Pages) Asset(path string) (Asset, bool) {
	a, ok := p.assets[path]
	return a, ok
}

// AssetURL is the path of an asset by its name: "site.css" →
// "/assets/site.0a1b2c3d.css". It is empty for an unknown one.
func (p *Pages) AssetURL(name string) string { return p.urls[name] }

// AssetPaths lists the paths of all assets, with and without their hash.
func (p *Pages) AssetPaths() []string { return slices.Sorted(maps.Keys(p.assets)) }

func (p *Pages) loadAssets(src source) error {
	p.assets, p.urls = make(map[string]Asset), make(map[string]string)
	names, err := src.names("assets")
	if err != nil {
		return err
	}
	for _, file := range names {
		body, err := src.read(file)
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		name := path.Base(file)
		contentType := assetTypes[path.Ext(name)]
		if contentType == "" {
			continue // an editor's backup, a note
		}
		if name == "site.css" {
			body = append(append(body, '\n'), content.HighlightCSS()...)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(name)
		hashed := "/assets/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:4]) + ext
		p.assets["/assets/"+name] = Asset{body, contentType, false}
		p.assets[hashed] = Asset{body, contentType, true}
		p.urls[name] = hashed
	}
	return nil
}

var assetTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".ico":   "image/x-icon",
	".png":   "image/png",
	".jpg":   "image/jpeg",
	".webp":  "image/webp",
	".woff2": "font/woff2",
}
