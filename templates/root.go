package templates

import (
	"bytes"
	"cmp"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Root is the path that the site's addresses begin with: "" for a site that has a host to
// itself, "/news" for https://example.com/news. Views, configuration and templates name
// paths of the site without it: pages get it when they are rendered.
func (s *Site) Root() string {
	if s == nil {
		return ""
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.EscapedPath(), "/")
}

// addressed are the attributes that hold an address.
var addressed = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "poster": true, "data": true, "cite": true}

// places says where the addresses are to which a page leads.
type places struct {
	root   string
	static bool   // the page is a file
	server string // where what is no file is served; "" = nowhere
}

// resolve makes each path of the site in a page the address that it has. What nothing
// serves is no link any more; its words stay.
func (p places) resolve(page []byte) []byte {
	if p.root == "" && !p.static {
		return page
	}
	var out bytes.Buffer
	out.Grow(len(page) + len(page)/16)
	z := html.NewTokenizer(bytes.NewReader(page))
	plain := false // inside a link that leads nowhere
	for {
		kind := z.Next()
		raw := z.Raw()
		switch {
		case kind == html.ErrorToken:
			out.Write(raw)
			return out.Bytes()
		case kind == html.EndTagToken && plain && isLink(raw[2:]):
			plain = false
		case kind != html.StartTagToken && kind != html.SelfClosingTagToken:
			out.Write(raw)
		default:
			written := out.Len()
			if nowhere := p.write(&out, raw); nowhere && isLink(raw[1:]) {
				out.Truncate(written)
				plain = true
			}
		}
	}
}

// isLink reports the name of an <a>, at the beginning of the rest of its tag.
func isLink(tag []byte) bool {
	return len(tag) > 1 && (tag[0] == 'a' || tag[0] == 'A') && strings.IndexByte(" \t\n\f\r/>", tag[1]) >= 0
}

// address returns the address of a path of the site; false when nothing serves it.
func (p places) address(path string) (string, bool) {
	if !p.static || !needsServer(path) {
		return p.root + path, true
	}
	return p.server + path, p.server != ""
}

// needsServer reports a path at which there is a program, never a file.
func needsServer(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	if strings.HasPrefix(path, "/digests.") || path == "/feeds/combine" {
		return true
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "subscribe", "digests", "preferences", "unsubscribe", "confirm", "decline", "moved", "undo", "link", "yours", "hub", "bounces":
		return true
	}
	return false
}

// isPath reports a path of this site, not one of another host.
func isPath(address string) bool {
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
}

// write writes a tag with the address of each path that is the value of an attribute, and
// reports whether there was one that nothing serves.
func (p places) write(out *bytes.Buffer, tag []byte) (nowhere bool) {
	const space = " \t\n\f\r"
	i := bytes.IndexAny(tag, space)
	if i < 0 {
		out.Write(tag)
		return false
	}
	out.Write(tag[:i])
	for i < len(tag) {
		begin := i
		i += len(tag[i:]) - len(bytes.TrimLeft(tag[i:], space+"/"))
		name := tag[i:]
		if end := bytes.IndexAny(name, space+"=/>"); end >= 0 {
			name = name[:end]
		}
		i += len(name)
		if equals := bytes.TrimLeft(tag[i:], space); len(name) > 0 && bytes.HasPrefix(equals, []byte("=")) {
			i = len(tag) - len(equals)
		}
		if i >= len(tag) || tag[i] != '=' {
			if len(name) == 0 && i < len(tag) { // the end of the tag, or a mistake
				i++
			}
			out.Write(tag[begin:i])
			continue
		}
		i++
		i += len(tag[i:]) - len(bytes.TrimLeft(tag[i:], space))
		quote := ""
		if i < len(tag) && (tag[i] == '"' || tag[i] == '\'') {
			quote = string(tag[i])
			i++
		}
		out.Write(tag[begin:i])
		end := bytes.IndexAny(tag[i:], cmp.Or(quote, space+">"))
		if end < 0 {
			end = len(tag) - i
		}
		value := tag[i : i+end]
		if addressed[strings.ToLower(string(name))] && isPath(string(value)) {
			// Paths are escaped as the page has them, and nothing is put behind them.
			address, served := p.address(string(value))
			out.WriteString(html.EscapeString(strings.TrimSuffix(address, string(value))))
			nowhere = nowhere || !served
		}
		out.Write(value)
		i += end
		if i < len(tag) && quote != "" {
			out.WriteString(quote)
			i++
		}
	}
	return nowhere
}
