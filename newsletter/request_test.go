package newsletter_test

import (
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
)

func TestSubjectsOfStaffAreOneLine(t *testing.T) {
	for subject, ok := range map[string]bool{
		"": true, " News ": true, "Zwölf Stücke": true, strings.Repeat("x", 250): true,
		strings.Repeat("x", 251): false, "a\nb": false, "a\tb": false, "a\u202eb": false, "a\u2028b": false, "a\xffb": false,
	} {
		var r newsletter.Request
		if err := r.SetSubject(subject); (err == nil) != ok || ok && r.Subject != strings.TrimSpace(subject) {
			t.Errorf("%q: %q, %v", subject, r.Subject, err)
		}
	}
}

func TestIntrosAreText(t *testing.T) {
	for intro, ok := range map[string]bool{
		"": true, "One.\n\nTwo.\n": true, strings.Repeat("x", 16<<10): true,
		strings.Repeat("x", 16<<10+1): false, "a\x00b": false, "a\xffb": false,
	} {
		var r newsletter.Request
		if err := r.SetIntro([]byte(intro)); (err == nil) != ok || ok && r.Intro != strings.TrimSpace(intro) {
			t.Errorf("%.20q: %v", intro, err)
		}
	}
}
