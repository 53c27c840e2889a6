package templates

import "testing"

func TestDirection(t *testing.T) {
	for language, want := range map[string]string{
		"en": "ltr", "de-CH": "ltr", "": "ltr", "zh-Hant-TW": "ltr", "ru": "ltr",
		"ar": "rtl", "ar-EG": "rtl", "AR": "rtl", "he-IL": "rtl", "iw": "rtl", "fa_IR": "rtl", "ur": "rtl", "yi": "rtl",
		"pa-Arab-PK": "rtl", "az-Arab": "rtl", "ku-Arab-IQ": "rtl", "ar-Latn": "ltr", "de-1996": "ltr", "en-x-arab": "ltr",
	} {
		if got := direction(language); got != want {
			t.Errorf("%q: %s, want %s", language, got, want)
		}
	}
}
