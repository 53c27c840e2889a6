package templates_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestColoursCanBeRead checks the pairs of text and ground that the style sheet
// uses, in both schemes, against WCAG 2.2's 4.5 to 1.
func TestColoursCanBeRead(t *testing.T) {
	css, err := os.ReadFile("assets/site.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	dark, _, _ = strings.Cut(dark, "\n}")
	colour := regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)
	for scheme, source := range map[string]string{"light": light, "dark": dark} {
		colours := make(map[string]string)
		for _, m := range colour.FindAllStringSubmatch(source, -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []string{
			"ink paper", "ink soft", "ink code", "muted paper", "muted soft", "muted code", "accent paper", "accent soft",
			"accent-strong paper", "on-accent accent", "on-accent accent-strong", "paper ink", "on-band band", "on-band-muted band",
			"on-band-button band-button", "on-band-button on-band-muted", "bad paper", "bad bad-soft", "ink bad-soft", "good good-soft", "ink mark",
		} {
			text, ground, _ := strings.Cut(pair, " ")
			if colours[text] == "" || colours[ground] == "" {
				t.Errorf("%s: %s: not found", scheme, pair)
				continue
			}
			a, b := luminance(t, colours[text]), luminance(t, colours[ground])
			if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < 4.5 {
				t.Errorf("%s: %s: %.2f", scheme, pair, ratio)
			}
		}
	}
}

// luminance is the relative luminance of an sRGB colour.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
