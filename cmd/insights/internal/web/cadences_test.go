package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/subscribers"
)

// TestOnlyServedCadencesAreOffered goes through every place where readers choose how
// often.
func TestOnlyServedCadencesAreOffered(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) {
		c.Cadences = []subscribers.Cadence{subscribers.Instant, subscribers.Monthly}
		c.TrustedOrigins = []string{"https://www.example.com"}
	})
	synctest.Test(t, func(t *testing.T) {
		form := f.filled(t, "ada@example.com")
		if form.Get("cadence") != "instant" {
			t.Errorf("the form suggests %q", form.Get("cadence"))
		}
		page := bodyOf(t, f.get("/subscribe?cadence=weekly"))
		for cadence, offered := range map[string]bool{"instant": true, "daily": false, "weekly": false, "monthly": true} {
			if strings.Contains(page, `value="`+cadence+`"`) != offered {
				t.Errorf("%s is offered: %v", cadence, !offered)
			}
			form.Set("cadence", cadence)
			r := f.post("/subscribe", form)
			if want := map[bool]int{true: http.StatusAccepted, false: http.StatusUnprocessableEntity}[offered]; r.StatusCode != want {
				t.Errorf("%s: status %d", cadence, r.StatusCode)
			} else if body := bodyOf(t, r); !offered && !strings.Contains(body, "Choose how often: instant, monthly.") {
				t.Errorf("%s: the page does not say what can be chosen", cadence)
			}
		}
		json := `{"email": "ben@example.com", "cadence": "daily", "categories": ["engineering"], "website": ""}`
		r := f.send(httptest.NewRequest(http.MethodPost, "/subscribe", strings.NewReader(json)), "Content-Type", "application/json", "Origin", "https://www.example.com")
		wantStatus(t, r, http.StatusUnprocessableEntity)

		// Whoever has another one keeps it until they choose.
		_, unsubscribe, preferences := f.reader(t, "cyd@example.com", subscribers.Confirmed) // weekly
		unsubscribe, preferences = "/unsubscribe/"+unsubscribe, "/preferences/"+preferences
		page = bodyOf(t, f.get(preferences))
		if !strings.Contains(page, `value="weekly" checked`) || strings.Contains(page, `value="daily"`) {
			t.Error("the page of preferences offers something else")
		}
		_, fields := firstForm(t, page)
		wantStatus(t, f.post(preferences, fields), http.StatusOK)
		fields.Set("cadence", "daily")
		wantStatus(t, f.post(preferences, fields), http.StatusUnprocessableEntity)
		fields.Set("cadence", "monthly")
		wantStatus(t, f.post(preferences, fields), http.StatusOK)
		wantStatus(t, f.post(unsubscribe+"/less", url.Values{"instead": {"weekly"}}), http.StatusBadRequest)
	})
}
