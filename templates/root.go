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

// rooted puts the root before each path of the site in a page.
func rooted(page []byte, root string) []byte {
	if root == "" {
		return page
	}
	var out bytes.Buffer
	out.Grow(len(page) + len(page)/16)
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		kind := z.Next()
		raw := z.Raw()
		if kind == html.ErrorToken {
			out.Write(raw)
			return out.Bytes()
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		writeRooted(&out, raw, root)
	}
}

// isPath reports a path of this site, not one of another host.
func isPath(address string) bool {
	return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
}

// writeRooted writes a tag with the root before each path that is the value of an attribute.
func writeRooted(out *bytes.Buffer, tag []byte, root string) {
	const space = " \t\n\f\r"
	i := bytes.IndexAny(tag, space)
	if i < 0 {
		out.Write(tag)
		return
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
			out.WriteString(html.EscapeString(root))
		}
		out.Write(value)
		i += end
		if i < len(tag) && quote != "" {
			out.WriteString(quote)
			i++
		}
	}
}
