package templates_test

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/templates"
)

// TestIconsAreWhatFeedsPromise checks the pictures that feed readers fetch: JSON
// Feed asks for a large and a small square, Atom for a square and for one twice as
// wide as high. Their addresses stand in documents for years.
func TestIconsAreWhatFeedsPromise(t *testing.T) {
	pages := newPages(t, nil)
	for name, want := range map[string]struct {
		width, height int
		rounded       bool // its corners let the ground through
	}{
		"icon.png":    {512, 512, false},
		"favicon.png": {64, 64, true},
		"logo.png":    {512, 256, false},
	} {
		asset, ok := pages.Asset("/assets/" + name)
		if !ok || asset.Immutable || asset.ContentType != "image/png" {
			t.Errorf("%s: found %v, immutable %v, type %q", name, ok, asset.Immutable, asset.ContentType)
			continue
		}
		if len(asset.Body) >= 6<<10 {
			t.Errorf("%s has %d bytes", name, len(asset.Body))
		}
		picture, err := png.Decode(bytes.NewReader(asset.Body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		bounds := picture.Bounds()
		if bounds.Dx() != want.width || bounds.Dy() != want.height {
			t.Errorf("%s is %d by %d; want %d by %d", name, bounds.Dx(), bounds.Dy(), want.width, want.height)
		}
		for _, x := range []int{0, bounds.Dx() - 1} {
			for _, y := range []int{0, bounds.Dy() - 1} {
				if _, _, _, alpha := picture.At(x, y).RGBA(); (alpha == 0) != want.rounded || alpha != 0 && alpha != 0xffff {
					t.Errorf("%s: the corner %d,%d has alpha %d", name, x, y, alpha)
				}
			}
		}
	}
	site := templates.DefaultSite()
	page, err := pages.Render(noticePage(&site, "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), `<link rel="apple-touch-icon" href="`+pages.AssetURL("icon.png")+`">`) {
		t.Error("pages name no icon for a home screen")
	}
}
