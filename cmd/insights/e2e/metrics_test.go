package e2e

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape asks for the metrics and reads them as Prometheus does.
func scrape(t testing.TB, addr string) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// sample is the value with that one label value, or without labels for "";
// not a number if there is none. Of a histogram it is the count.
func sample(families map[string]*dto.MetricFamily, name, label string) float64 {
	for _, m := range families[name].GetMetric() {
		found := label == ""
		for _, l := range m.GetLabel() {
			found = found || l.GetValue() == label
		}
		if found {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return math.NaN()
}

func TestMetricsSayHowThingsStand(t *testing.T) {
	slow(t)
	t.Parallel()
	metrics := freeAddress(t)
	s := newSite(t, map[string]string{
		"METRICS_LISTEN": metrics, "CONTENT_DIR": "content", "CONTENT_EDIT_GRACE": "0s",
		"DIGESTS_SCHEDULES": `[{name: leap, cadence: weekly, cron: "0 0 29 2 *"}]`,
	})
	s.insights("init")
	insight := filepath.Join(s.dir, "content", "2026-03-16-first.md")
	const front = "---\nid: 0b8b3b5e-5c5c-4d43-9a3a-6a1f2f0f7c11\ntitle: First\nsummary: It is.\ncategory: Leadership\ndate: 2026-03-16\n---\n\nText.\n"
	if err := os.WriteFile(insight, []byte(front), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("dev")
	s.insights("subscriber", "add", "reader@example.com", "--cadence", "weekly", "--confirmed", "--basis", "test")
	s.signUp("other@example.com", "", "weekly", "leadership")
	s.get("/unsubscribe/a-token-of-somebody")
	s.get("/nowhere/secret-path")
	for range 3 {
		s.get("/feeds/all.atom")
	}
	var families map[string]*dto.MetricFamily
	lacks := "" // what the last look missed
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(lacks)
		}
	})
	is := func(want map[string]float64) bool {
		families = scrape(t, metrics)
		for what, value := range want {
			name, label, _ := strings.Cut(what, " ")
			if sample(families, name, label) != value {
				lacks = fmt.Sprintf("%s is %v, not yet %v", what, sample(families, name, label), value)
				return false
			}
		}
		return true
	}
	until(t, 20*time.Second, "the metrics", func() bool {
		return is(map[string]float64{
			"insights_build_info ":                                       1,
			"insights_database_up ":                                      1,
			"insights_library_insights ":                                 1,
			"insights_library_last_reload_successful ":                   1,
			"insights_subscribers confirmed":                             1,
			"insights_subscribers pending":                               1,
			"insights_subscribers unsubscribed":                          0,
			"insights_outbox_deliveries sent":                            1,
			"insights_outbox_deliveries uncertain":                       0,
			"insights_outbox_oldest_due_age_seconds ":                    0,
			"insights_http_requests_total GET /feeds/all.atom":           3,
			"insights_http_request_duration_seconds GET /feeds/all.atom": 3,
			"insights_http_requests_total GET /unsubscribe/{token}":      1,
			"insights_http_requests_total /":                             1,
		})
	})
	if at := sample(families, "insights_next_slot_timestamp_seconds", "leap"); at < float64(time.Now().Unix()) {
		t.Errorf("the next slot is at %v", at)
	}
	if at := sample(families, "insights_library_last_reload_success_timestamp_seconds", ""); time.Since(time.Unix(int64(at), 0)) > 5*time.Minute {
		t.Errorf("the last good reload was at %v", at)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "insights_http_request_duration_seconds"} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for name, family := range families {
		if text := family.String(); strings.Contains(text, "secret-path") || strings.Contains(text, "somebody") || strings.Contains(text, "127.0.0.1") || strings.Contains(text, "example.com") {
			t.Errorf("%s tells of a visitor: %s", name, text)
		}
	}

	if err := os.WriteFile(insight, []byte(strings.Replace(front, "title:", "titel:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, 20*time.Second, "the metrics of a broken insight", func() bool {
		return is(map[string]float64{"insights_library_last_reload_successful ": 0, "insights_library_insights ": 1, "insights_library_faulty_files ": 1})
	})
}
