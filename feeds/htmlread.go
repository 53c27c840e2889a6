package feeds

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

// fragment is what a judge finds in an entry's HTML.
type fragment struct {
	pictures []string
	faults   []string
}

// unwelcome are elements that readers take out, or that have no meaning outside
// their page.
var unwelcome = map[string]bool{
	"script": true, "style": true, "form": true, "input": true, "button": true, "select": true, "textarea": true,
	"iframe": true, "frame": true, "object": true, "embed": true, "applet": true, "base": true, "link": true, "meta": true,
}

// addresses are the attributes that hold a URL, and whether of a picture.
var addresses = map[string]bool{
	"href": false, "cite": false, "action": false, "formaction": false, "data": false, "longdesc": false, "ping": false, "xlink:href": false,
	"src": true, "poster": true, "background": true, "srcset": true, "imagesrcset": true,
}

// readHTML reads an entry's HTML as a browser's tokenizer does.
func readHTML(text string) fragment {
	var f fragment
	say := func(format string, args ...any) { f.faults = append(f.faults, fmt.Sprintf(format, args...)) }
	z := html.NewTokenizer(strings.NewReader(text))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		tag, more := z.TagName()
		name := string(tag)
		if unwelcome[name] {
			say("its content has a <%s>, which no reader keeps", name)
		}
		for more {
			var key, value []byte
			key, value, more = z.TagAttr()
			f.judgeAttribute(name, string(key), string(value), say)
		}
	}
	return f
}

func (f *fragment) judgeAttribute(tag, key, value string, say func(string, ...any)) {
	if strings.HasPrefix(key, "on") {
		say("its content has an event handler, <%s %s>, which no reader keeps", tag, key)
		return
	}
	picture, ok := addresses[key]
	if !ok {
		return
	}
	list := []string{strings.TrimSpace(value)}
	if strings.HasSuffix(key, "srcset") {
		list = candidates(value)
	}
	for _, address := range list {
		scheme, rest, _ := strings.Cut(strings.ToLower(address), ":")
		switch {
		case absolute(address):
		case picture && scheme == "data" && strings.HasPrefix(rest, "image/"):
		case !picture && (scheme == "mailto" || scheme == "tel") && rest != "":
		default:
			say("its content has an address that is not absolute, <%s %s=%q>: away from its page it leads nowhere", tag, key, address)
			continue
		}
		if picture && tag != "audio" && tag != "video" && tag != "source" && tag != "track" || strings.HasSuffix(key, "srcset") || key == "poster" {
			f.pictures = append(f.pictures, address)
		}
	}
}

// candidates are the addresses of a srcset, each with or without a width: URLs
// may hold commas, but not at their end.
func candidates(srcset string) []string {
	var list []string
	for rest := strings.TrimLeft(srcset, " \t\n,"); rest != ""; rest = strings.TrimLeft(rest, " \t\n,") {
		end := strings.IndexAny(rest, " \t\n")
		if end < 0 {
			end = len(rest)
		}
		address := rest[:end]
		rest = rest[end:]
		if bare := strings.TrimRight(address, ","); bare != address {
			address = bare // no width follows
		} else if comma := strings.IndexByte(rest, ','); comma >= 0 {
			rest = rest[comma:]
		} else {
			rest = ""
		}
		list = append(list, address)
	}
	return list
}
