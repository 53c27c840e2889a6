package readership_test

import (
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/feeds/readership"
)

func TestAggregatorsAnnounceTheirReaders(t *testing.T) {
	const tooMany = readership.MaxAnnounced + 1
	for _, test := range []struct {
		userAgent, service, id string
		readers                int
	}{
		{"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; like FeedFetcher-Google)", "Feedly", "", 15},
		{"FeedlyBot/1.0 (http://feedly.com; 3 subscribers)", "Feedly", "", 3},
		{"Mozilla/5.0 (compatible; inoreader.com; 25 subscribers)", "Inoreader", "", 25},
		{"Inoreader/2.0 (+https://www.inoreader.com; 12 subscribers)", "Inoreader", "", 12},
		{"Mozilla/5.0 (compatible; www.inoreader.com; 1 subscribers)", "Inoreader", "", 1},
		{"Feedbin feed-id:1373711 - 142 subscribers", "Feedbin", "1373711", 142},
		{"Feedbin feed-id:1234567 - 1 subscriber", "Feedbin", "1234567", 1},
		{"Feedbin - 7 subscribers", "Feedbin", "", 7},
		{"NewsBlur Feed Fetcher - 5 subscribers - https://www.newsblur.com/site/123/example-insights (Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/14.0.1 Safari/605.1.15)", "NewsBlur", "123", 5},
		{"NewsBlur Feed Fetcher - 1 subscriber - http://www.newsblur.com", "NewsBlur", "", 1},
		{"Mozilla/5.0 (compatible; theoldreader.com; 2 subscribers; feed-id=0719795c4d27c784217b0bc0)", "The Old Reader", "0719795c4d27c784217b0bc0", 2},
		{"Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 6 subscribers)", "BazQux", "", 6},
		{"Mozilla 5.0 (compatible; BazQux/2.4 +http://bazqux.com/fetcher; 6 subscribers)", "BazQux", "", 6},
		{"Feedfetcher-Google; (+http://www.google.com/feedfetcher.html; 3 subscribers; feed-id=7675226481817637975)", "Feedfetcher-Google", "7675226481817637975", 3},
		{"Netvibes (http://www.netvibes.com/; 5 subscribers; feedId: 5404723)", "Netvibes", "5404723", 5},
		{"Bloglines/3.1 (http://www.bloglines.com; 1 subscriber)", "Bloglines", "", 1},
		{"Feed Wrangler/1.0 (1 subscriber; feed_id=17; http://feedwrangler.net)", "Feed Wrangler", "17", 1},
		{"livedoor FeedFetcher/0.01 (http://reader.livedoor.com/; 12 subscribers)", "livedoor FeedFetcher", "", 12},
		{"Zhuaxia.com 1 Subscribers", "Zhuaxia.com", "", 1},
		{"HomePage Rss Reader 1.0; (2 subscribers; feed-id=57460)", "HomePage Rss Reader", "57460", 2},
		{"Overcast/1.0 Podcast Sync (123 subscribers; feed-id=456789; +http://overcast.fm/)", "Overcast", "456789", 123},
		{"PlainFeeder v0.0.1 (+http://plainfeeder.com/about ; Subscriber Count: 45)", "PlainFeeder", "", 45},
		{"SomeReader/2.1 (1,204 subscribers)", "SomeReader", "", 1204},
		{"SomeReader/2.1 (subscribers=9)", "SomeReader", "", 9},
		{"SomeReader/2.1 (for our subscribers; 9 subscribers)", "SomeReader", "", 9},
		{"SomeReader/2.1 (0 subscribers)", "SomeReader", "", 0},

		// What can't be right, or names nobody.
		{"NewsBlur Feed Fetcher - 1000000 subscribers", "NewsBlur", "", tooMany},
		{"NewsBlur Feed Fetcher - 99999999999999999999999 subscribers", "NewsBlur", "", tooMany},
		{"Mozilla/5.0 (Windows; U; Windows NT 6.1; GTB5; 16 subscribers; feed-id=3389821348893992437)", "unnamed", "3389821348893992437", 16},
		{"others/1.0 (5 subscribers)", "unnamed", "", 5},
		{"192.0.2.1 (5 subscribers)", "unnamed", "", 5},
		{"5 subscribers", "unnamed", "", 5},
		{"joe@example.com 5 subscribers", "joe", "", 5},
		{strings.Repeat("x", 100) + "/1.0 (5 subscribers; feed-id=" + strings.Repeat("y", 100) + ")", strings.Repeat("x", 40), strings.Repeat("y", 64), 5},
	} {
		service, id, readers, ok := readership.ParseUserAgent(test.userAgent)
		if !ok || service != test.service || id != test.id || readers != test.readers {
			t.Errorf("%s\nis %q %q with %d readers, %v; want %q %q with %d", test.userAgent, service, id, readers, ok, test.service, test.id, test.readers)
		}
	}
}

func TestOthersAnnounceNothing(t *testing.T) {
	for _, userAgent := range []string{
		"",
		"Mozilla/5.0 (compatible; Miniflux/2.3.0; +https://miniflux.app)",
		"FreshRSS/1.24.0 (Linux; https://freshrss.org)",
		"NetNewsWire (RSS Reader; https://netnewswire.com/)",
		"Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)",
		"SomeReader/2.1 (many subscribers)",
		"SomeReader/2.1 (subscribers: many)",
		"ubscriber", "ubscribers 5", "subscriber", "subscribers:", ", subscribers",
	} {
		if service, _, readers, ok := readership.ParseUserAgent(userAgent); ok {
			t.Errorf("%s: %q announces %d", userAgent, service, readers)
		}
	}
}

func FuzzParseUserAgent(f *testing.F) {
	f.Add("Feedbin feed-id:1373711 - 142 subscribers")
	f.Add("Mozilla/5.0 (compatible; theoldreader.com; 2 subscribers; feed-id=0719795c4d27)")
	f.Add("NewsBlur Feed Fetcher - 5 subscribers - https://www.newsblur.com/site/123/example")
	f.Add("PlainFeeder v0.0.1 (Subscriber Count: 45)")
	f.Add("a v1 subscribers=9,9")
	f.Fuzz(func(t *testing.T, userAgent string) {
		grown := budget.Grown(userAgent)
		budget.Check(t, func() { readership.ParseUserAgent(grown) })
		service, id, readers, ok := readership.ParseUserAgent(userAgent)
		if !ok {
			return
		}
		if readers < 0 || readers > readership.MaxAnnounced+1 {
			t.Errorf("%d readers", readers)
		}
		if service == "" || len(service) > readership.MaxServiceName || service == readership.Others || strings.Trim(service, letters+"0123456789.-_ ") != "" || !strings.Contains(letters, service[:1]) {
			t.Errorf("service %q", service)
		}
		if len(id) > readership.MaxFeedID || strings.Trim(id, letters+"0123456789.-_") != "" {
			t.Errorf("id %q", id)
		}
	})
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
