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
		if got := string(rooted([]byte(page), "/news")); got != want {
			t.Errorf("%s\n got %s\nwant %s", page, got, want)
		}
		if got := string(rooted([]byte(page), "")); got != page {
			t.Errorf("%s without a root: %s", page, got)
		}
	}
	for base, want := range map[string]string{"https://example.com": "", "https://example.com/": "", "https://example.com/a/b/": "/a/b", "https://example.com/%C3%BC": "/%C3%BC", "": ""} {
		if got := (&Site{BaseURL: base}).Root(); got != want {
			t.Errorf("root of %s: %q, want %q", base, got, want)
		}
	}
}
