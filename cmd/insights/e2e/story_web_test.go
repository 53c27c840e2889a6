package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/html"
)

// fetch asks the story's site; target is a path or an address of that site.
func fetch(ts *testscript.TestScript, method, target string, form url.Values) (answer, error) {
	if strings.HasPrefix(target, "/") {
		target = ts.Getenv("SITE") + target
	}
	contentType := ""
	if form != nil {
		contentType = formType
	}
	return exchange(http.DefaultTransport.RoundTrip, method, target, contentType, form.Encode()) // no redirects
}

// request: get|post [-status N] PATH [FIELD=VALUE...]. Without -status it must
// succeed. stdout is the body, stderr the status line and headers.
func request(ts *testscript.TestScript, method string, args []string) {
	want, args := wantedStatus(ts, args)
	var form url.Values
	if method == http.MethodPost {
		form = fields(ts, args[1:])
	}
	a, err := fetch(ts, method, args[0], form)
	ts.Check(err)
	show(ts, a, want)
}

func get(ts *testscript.TestScript, neg bool, args []string)  { request(ts, http.MethodGet, args) }
func post(ts *testscript.TestScript, neg bool, args []string) { request(ts, http.MethodPost, args) }

func wantedStatus(ts *testscript.TestScript, args []string) (int, []string) {
	if args[0] != "-status" {
		return 0, args
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	return want, args[2:]
}

func show(ts *testscript.TestScript, a answer, want int) {
	fmt.Fprint(ts.Stdout(), a.Body)
	fmt.Fprintf(ts.Stderr(), "%d\n", a.Status)
	for name, values := range a.Header {
		fmt.Fprintf(ts.Stderr(), "%s: %s\n", name, strings.Join(values, ", "))
	}
	if a.Status != want && want != 0 || want == 0 && a.Status >= 300 {
		ts.Fatalf("status %d", a.Status)
	}
}

func fields(ts *testscript.TestScript, args []string) url.Values {
	form := make(url.Values)
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%q is no FIELD=VALUE", arg)
		}
		value = strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(value)
		form.Add(name, value)
	}
	return form
}

// form is one that the script's person has opened.
type form struct {
	action string
	values url.Values
	opened time.Time
}

// submit: submit [-status N] PATH FIELD=VALUE... opens a page, fills in its first
// form and sends it, a sign-up when a person would have. FIELD= alone empties a
// field. A sign-up form stays open and can be sent again.
func submit(ts *testscript.TestScript, neg bool, args []string) {
	want, args := wantedStatus(ts, args)
	f := openForm(ts, args[0])
	values := maps.Clone(f.values)
	for name, given := range fields(ts, args[1:]) {
		values[name] = slices.DeleteFunc(given, func(v string) bool { return v == "" })
	}
	if values.Has("stamp") {
		time.Sleep(time.Until(f.opened.Add(formAge)))
	}
	a, err := fetch(ts, http.MethodPost, f.action, values)
	ts.Check(err)
	show(ts, a, want)
}

func openForm(ts *testscript.TestScript, path string) form {
	open := storyOf(ts).forms
	if f, ok := open[path]; ok {
		return f
	}
	page, err := fetch(ts, http.MethodGet, path, nil)
	ts.Check(err)
	if page.Status != http.StatusOK {
		ts.Fatalf("GET %s: status %d\n%s", path, page.Status, page.Body)
	}
	action, values, err := firstForm(page.Body)
	ts.Check(err)
	f := form{action, values, time.Now()}
	if values.Has("stamp") {
		open[path] = f
	}
	return f
}

// firstForm returns the action and the values of the first form that posts.
func firstForm(page string) (action string, form url.Values, err error) {
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		attr := make(map[string]string)
		for _, a := range t.Attr {
			attr[a.Key] = a.Val
		}
		_, checked := attr["checked"]
		switch {
		case t.Type == html.StartTagToken && t.Data == "form" && strings.EqualFold(attr["method"], "post"):
			action, form = attr["action"], make(url.Values)
		case form == nil:
		case t.Type == html.EndTagToken && t.Data == "form":
			return action, form, nil
		case t.Data == "input" && (checked || attr["type"] != "checkbox" && attr["type"] != "radio"):
			form.Add(attr["name"], attr["value"])
		}
	}
	return "", nil, errors.New("the page has no form that posts")
}

var (
	inboxMail = regexp.MustCompile(`href="(/_inbox/\d+)"`)
	markup    = regexp.MustCompile(`<[^>]*>`)
)

// readMail: mail N waits until the inbox of dev holds N emails, and prints the
// newest: its words, then where its links lead.
func readMail(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var found [][]string
	until(ts, patience, args[0]+" emails", func() bool {
		list, err := fetch(ts, http.MethodGet, "/_inbox", nil)
		ts.Check(err)
		found = inboxMail.FindAllStringSubmatch(list.Body, -1)
		return len(found) >= want
	})
	if len(found) > want {
		ts.Fatalf("the inbox holds %d emails", len(found))
	}
	page, err := fetch(ts, http.MethodGet, found[0][1], nil)
	ts.Check(err)
	_, body, _ := strings.Cut(page.Body, "<main")
	fmt.Fprint(ts.Stdout(), html.UnescapeString(markup.ReplaceAllString(body, "")))
}

// link: link VAR PREFIX takes from the last output the first address whose path
// begins so, and keeps that path.
func link(ts *testscript.TestScript, neg bool, args []string) {
	for _, found := range webAddress.FindAllString(ts.ReadFile("stdout"), -1) {
		u, err := url.Parse(found)
		if err == nil && strings.HasPrefix(u.Path, args[1]) {
			ts.Setenv(args[0], u.Path)
			return
		}
	}
	ts.Fatalf("no address with %s", args[1])
}

// altered: altered PATH changes the token at its end in each place in turn: no
// such address may exist, nor take a form.
func altered(ts *testscript.TestScript, neg bool, args []string) {
	path := args[0]
	for i := strings.LastIndexByte(path, '/') + 1; i < len(path); i++ {
		other := byte('A')
		if path[i] == other {
			other = 'B'
		}
		changed := path[:i] + string(other) + path[i+1:]
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			a, err := fetch(ts, method, changed, nil)
			ts.Check(err)
			if a.Status != http.StatusNotFound {
				ts.Fatalf("%s %s, altered in place %d: status %d", method, changed, i, a.Status)
			}
		}
	}
}
