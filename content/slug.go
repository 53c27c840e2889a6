package content

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxSlug bounds a slug so that a file name made of it, with a date before and a
// suffix behind, stays within the 255 bytes of common file systems.
const maxSlug = 200

// Slugify returns the form of a title for addresses and file names:
// lower-case ASCII letters and digits with single hyphens between them.
// "A/B Testing: It's $2M" gives "ab-testing-its-2m". An ampersand becomes "and",
// Latin, Greek and Cyrillic letters are transliterated, other letters dropped; a
// non-empty title of which nothing remains gives a name made of its hash.
func Slugify(title string) string { return slugify(title, false) }

// slugify is Slugify, and the maker of heading ids when keepLetters: letters of
// every script then stay as they are, since browsers show them in an address.
func slugify(title string, keepLetters bool) string {
	title = norm.NFC.String(strings.TrimSpace(title))
	if title == "" {
		return ""
	}
	var b strings.Builder
	gap := false
	write := func(s string) {
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteString(s)
	}
	runes := []rune(strings.ToLower(title))
	for i, r := range runes {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			write(string(r))
		case r == '&':
			gap = true
			write("and")
			gap = true
		case r == '/' && abbreviation(runes, i): // A/B, but not CI/CD
		case strings.ContainsRune(`'’‘"“”.,:;!?$€£%()[]`, r) && !between(runes, i):
		case unicode.Is(unicode.Mn, r): // an accent written apart from its letter
			if keepLetters && b.Len() > 0 {
				b.WriteRune(r)
			}
		case keepLetters && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)):
			write(string(r))
		default:
			if s := transliterate(r); s != "" {
				write(s)
			} else {
				gap = true
			}
		}
	}
	slug := b.String()
	if len(slug) > maxSlug {
		slug = strings.ToValidUTF8(slug[:maxSlug], "") // a letter cut in two
		if i := strings.LastIndexByte(slug, '-'); i > 0 {
			slug = slug[:i]
		}
	}
	if slug == "" {
		sum := sha256.Sum256([]byte(title))
		return "insight-" + hex.EncodeToString(sum[:4])
	}
	return slug
}

// abbreviation reports whether the slash at i is between two single letters.
func abbreviation(runes []rune, i int) bool {
	single := func(j, beyond int) bool {
		return j >= 0 && j < len(runes) && unicode.IsLetter(runes[j]) &&
			(beyond < 0 || beyond >= len(runes) || !unicode.IsLetter(runes[beyond]) && !unicode.IsDigit(runes[beyond]))
	}
	return single(i-1, i-2) && single(i+1, i+2)
}

// between reports whether the mark at i, other than an apostrophe, joins two
// words without a space, as in "e.g.this" or "09:30": it then parts them.
func between(runes []rune, i int) bool {
	if strings.ContainsRune(`'’‘.,`, runes[i]) { // it's, 1,000, v1.2 written as one word
		return false
	}
	word := func(j int) bool {
		return j >= 0 && j < len(runes) && (unicode.IsLetter(runes[j]) || unicode.IsDigit(runes[j]))
	}
	return word(i-1) && word(i+1)
}

// latin lists, after each ASCII spelling, the letters so spelled.
const latin = "a àáâãåāăąǎаαά ae äæ b бβ c çćĉċč ts ц ch чχ d ďđðдδ e èéêëēĕėęěеэєεέ f фφ g ĝğġģгґγ h ĥħх " +
	"i ìíîïĩīĭįıиіηήιίϊΐ yi ї j ĵй k ķкκ l ĺļľŀłлλ m мμ n ñńņňŋнν o òóôõøōŏőоοόωώ oe öœ p пπ ps ψ r ŕŗřрρ " +
	"s śŝşšșсσς ss ß sh ш shch щ t ţťŧțтτ th þθ u ùúûũūŭůűųу ue ü v в w ŵ x ξ y ýÿŷыυύϋ yo ё yu ю ya я z źżžзζ zh ж"

// transliterate returns the ASCII spelling of a lower-case letter, or "".
func transliterate(r rune) string {
	if r < 0x80 {
		return ""
	}
	spelling := ""
	for word := range strings.FieldsSeq(latin) {
		switch {
		case word[0] < 0x80:
			spelling = word
		case strings.ContainsRune(word, r):
			return spelling
		}
	}
	return ""
}
