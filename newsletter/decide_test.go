package newsletter_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/newslettertest"
)

func TestDecide(t *testing.T) {
	for _, row := range newslettertest.DecisionRows(time.UnixMilli(1_800_000_000_000)) {
		if got := row.Facts.AsPlanned(); got != row.AsPlanned {
			t.Errorf("%s: as planned is %v", row.Name, got)
		}
		if diff := cmp.Diff(row.Want, newsletter.Decide(&row.Facts)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.Name, diff)
		}
	}
}

func TestDecideMessage(t *testing.T) {
	for _, row := range newslettertest.MessageRows() {
		if diff := cmp.Diff(row.Want, newsletter.DecideMessage(row.Facts)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", row.Name, diff)
		}
	}
}
