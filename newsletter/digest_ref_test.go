package newsletter_test

import (
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
)

func TestRefsAreReadAsTheyAreWritten(t *testing.T) {
	for _, ref := range []newsletter.Ref{{Digest: 12, Subscriber: 345}, {Message: 7}} {
		if got, err := newsletter.ParseRef(ref.String()); err != nil || got != ref {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
	for _, s := range []string{"", "m", "m0", "m-7", "m+7", "7", "12.", ".345", "0.1", "1.0", "-1.2", "1.-2", "1.2.3", "m1.2", "12 .3", "99999999999999999999.1"} {
		if got, err := newsletter.ParseRef(s); err == nil {
			t.Errorf("%q is %+v", s, got)
		}
	}
}
