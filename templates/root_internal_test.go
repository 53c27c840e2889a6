package templates

import "testing"

func TestPathsGetTheRoot(t *testing.T) {
	for page, want := range map[string]string{
		`<a href="/">x</a>`:                                  `<a href="/news/">x</a>`,
		`<a class=x href='/x?a=b'>/x</a>`:                    `<a class=x href='/news/x?a=b'>/x</a>`,
		`<a href=/x>`:                                        `<a href=/news/x>`,
		`<a href=/x/>`:                                       `<a href=/news/x/>`,
		`<img src="/x.png" alt="see href=/x">`:               `<img src="/news/x.png" alt="see href=/x">`,
		`<form action="/x" method="post"><input value="/x">`: `<form action="/news/x" method="post"><input value="/x">`,
		`<a href="//example.com/">`:                          `<a href="//example.com/">`,
		`<a href="https://example.com/">`:                    `<a href="https://example.com/">`,
		`<a href="#x">`:                                      `<a href="#x">`,
		`<a data-href="/x" href="/y">`:                       `<a data-href="/x" href="/news/y">`,
		`<script>let s = '<a href="/x">';</script>`:          `<script>let s = '<a href="/x">';</script>`,
		`<!-- <a href="/x"> --><p>a < b <a href="/x">`:       `<!-- <a href="/x"> --><p>a < b <a href="/news/x">`,
		`<A HREF="/x">`:                                      `<A HREF="/news/x">`,
		`<br><br/><p hidden>`:                                `<br><br/><p hidden>`,
		`<a href = "/x" title=">" src="/y">`:                 `<a href = "/news/x" title=">" src="/news/y">`,
		`<a href="/x`:                                        `<a href="/x`,
		`<a =/x / / href="/x">`:                              `<a =/x / / href="/news/x">`,
	} {
		if got := string(places{root: "/news"}.resolve([]byte(page))); got != want {
			t.Errorf("%s\n got %s\nwant %s", page, got, want)
		}
		if got := string(places{}.resolve([]byte(page))); got != page {
			t.Errorf("%s without a root: %s", page, got)
		}
	}
	for base, want := range map[string]string{"https://example.com": "", "https://example.com/": "", "https://example.com/a/b/": "/a/b", "https://example.com/%C3%BC": "/%C3%BC", "": ""} {
		if got := (&Site{BaseURL: base}).Root(); got != want {
			t.Errorf("root of %s: %q, want %q", base, got, want)
		}
	}
}

func TestAFileLeadsOnlyToWhatIsServed(t *testing.T) {
	for page, want := range map[string][2]string{ // with a server, and without
		`<a href="/feeds">x</a>`:                                   {`<a href="/news/feeds">x</a>`, `<a href="/news/feeds">x</a>`},
		`<a class="b" href="/subscribe?category=a"><b>x</b></a> y`: {`<a class="b" href="https://s.example/i/subscribe?category=a"><b>x</b></a> y`, `<b>x</b> y`},
		`<a href="/digests/7#x">x</a><a href="/digestsof">y</a>`:   {`<a href="https://s.example/i/digests/7#x">x</a><a href="/news/digestsof">y</a>`, `x<a href="/news/digestsof">y</a>`},
		`<a href="/digests.atom">x</a>`:                            {`<a href="https://s.example/i/digests.atom">x</a>`, `x`},
		`<form action="/feeds/combine"><abbr title="/x">y</abbr>`:  {`<form action="https://s.example/i/feeds/combine"><abbr title="/x">y</abbr>`, `<form action="/feeds/combine"><abbr title="/x">y</abbr>`},
	} {
		for i, server := range []string{"https://s.example/i", ""} {
			if got := string(places{"/news", true, server}.resolve([]byte(page))); got != want[i] {
				t.Errorf("%s, server %q\n got %s\nwant %s", page, server, got, want[i])
			}
		}
	}
}
