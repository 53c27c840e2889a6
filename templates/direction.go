package templates

import "strings"

// Languages that are written from right to left, and scripts for those that are written in
// several (BCP 47).
var (
	rightToLeft        = set("ar arc arz ckb dv fa he iw ji ks lrc mzn nqo pnb ps sd syr ug ur yi ydd azb bal glk khw lki luz")
	rightToLeftScripts = set("adlm arab aran hebr mand mend nkoo rohg samr syrc thaa")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}

// direction is that in which a language is written: ltr or rtl.
func direction(language string) string {
	tags := strings.FieldsFunc(strings.ToLower(language), func(r rune) bool { return r == '-' || r == '_' })
	if len(tags) == 0 {
		return "ltr"
	}
	right := rightToLeft[tags[0]]
	for _, tag := range tags[1:] {
		if len(tag) == 1 { // private use or an extension
			break
		}
		if len(tag) == 4 && tag[0] > '9' {
			right = rightToLeftScripts[tag]
			break
		}
	}
	if right {
		return "rtl"
	}
	return "ltr"
}
