package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// Nobody learns from an answer to a sign-up, or from how long it takes, whether an
// address is known. It is judged by how often an answer about one kind of address is
// slower than one about an unknown one, over all pairs of tries: half the time if
// they can't be told apart (the statistic of Mann and Whitney). Its deviation is
// allowed to be as large as chance makes it once in some 10,000 times.
// INSIGHTS_TEST_TRIES=1000 tries each kind a thousand times.
func TestSignUpsTellNothingOfAnAddress(t *testing.T) {
	slow(t)
	t.Parallel()
	tries := scale(t, "INSIGHTS_TEST_TRIES", 40)
	relay := newMailServer(t, nil)
	s := newServe(t, relay.addr, map[string]string{"LIMITS_TOTAL_HOURLY": "0", "LIMITS_DOMAIN_HOURLY": "0"})
	s.start("serve")
	s.insights("subscriber", "add", "known@example.com", "--confirmed", "--basis", "test")
	s.insights("subscriber", "add", "gone@example.com", "--confirmed", "--basis", "test")
	s.insights("subscriber", "unsubscribe", "gone@example.com")
	s.insights("suppress", "add", "blocked@example.com", "--reason", "test")
	s.signUp("pending@example.com", "", "weekly", "leadership")
	kinds := map[string]func(n int) string{
		"unknown":       func(n int) string { return fmt.Sprintf("reader%d@example.com", n) },
		"unknown again": func(n int) string { return fmt.Sprintf("person%d@example.com", n) },
		"known":         func(int) string { return "known@example.com" },
		"pending":       func(int) string { return "pending@example.com" },
		"unsubscribed":  func(int) string { return "gone@example.com" },
		"suppressed":    func(int) string { return "blocked@example.com" },
	}
	type try struct {
		kind string
		n    int
	}
	var all []try
	for kind := range kinds {
		for n := range tries {
			all = append(all, try{kind, n})
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var mu sync.Mutex
	took := make(map[string][]time.Duration)
	bodies := make(map[string]int)
	work := make(chan try)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for w := range work {
				form := url.Values{"email": {kinds[w.kind](w.n)}, "cadence": {"weekly"}, "category": {"leadership"}, "stamp": {s.stamp}, "website": {""}}
				began := time.Now()
				response, err := http.PostForm("http://"+s.addr+"/subscribe", form)
				d := time.Since(began)
				if err != nil {
					t.Error(err)
					continue
				}
				body := make([]byte, 64<<10)
				n := 0
				for err == nil && n < len(body) {
					var more int
					more, err = response.Body.Read(body[n:])
					n += more
				}
				response.Body.Close()
				mu.Lock()
				took[w.kind] = append(took[w.kind], d)
				bodies[fmt.Sprint(response.StatusCode, string(body[:n]))]++
				mu.Unlock()
			}
		})
	}
	for _, w := range all {
		work <- w
	}
	close(work)
	clients.Wait()
	if len(bodies) != 1 {
		t.Errorf("there are %d different answers", len(bodies))
	}
	for kind, times := range took {
		if kind == "unknown" {
			continue
		}
		slower := slowerThan(times, took["unknown"])
		n := float64(len(times))
		chance := 4 * math.Sqrt((2*n+1)/(12*n*n))
		slices.Sort(times)
		t.Logf("%-14s median %v, slower than unknown in %.1f %% of pairs (50 ± %.1f by chance)", kind, times[len(times)/2].Round(10*time.Microsecond), 100*slower, 100*chance)
		if math.Abs(slower-.5) > chance {
			t.Errorf("%s addresses can be told from unknown ones: slower in %.1f %% of pairs", kind, 100*slower)
		}
	}
}

// slowerThan is the share of pairs in which the one of a is slower; ties count half.
func slowerThan(a, b []time.Duration) float64 {
	b = slices.Sorted(slices.Values(b))
	sum := 0.0
	for _, d := range a {
		below, same := slices.BinarySearch(b, d)
		sum += float64(below)
		for i := below; same && i < len(b) && b[i] == d; i++ {
			sum += .5
		}
	}
	return sum / float64(len(a)*len(b))
}
