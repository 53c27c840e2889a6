package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/scaledbydesign/insights/cmd/insights/internal/outbound"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// TestMain names a proxy that is not there, for all tests: net/http reads the
// environment once.
func TestMain(m *testing.M) {
	os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	os.Unsetenv("NO_PROXY")
	os.Exit(m.Run())
}

// server is one on loopback that nobody may reach, and counts who does.
func server(t *testing.T, handler http.HandlerFunc) (s *httptest.Server, reached *atomic.Int32) {
	reached = new(atomic.Int32)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler != nil {
			handler(w, r)
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			reached.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, reached
}

func portOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// resolver answers every question with the addresses of a name, over UDP on
// loopback as a real one would.
func resolver(t *testing.T, names map[string][]netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			for _, a := range names[strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))] {
				header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}
				switch {
				case q.Type == dnsmessage.TypeA && a.Is4():
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: a.As4()}})
				case q.Type == dnsmessage.TypeAAAA && !a.Is4():
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
				}
			}
			if packed, err := m.Pack(); err == nil {
				conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func call(t *testing.T, c *outbound.Client, address string) (int, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	status, body, err := c.Get(ctx, address, 100)
	return status, string(body), err
}

func TestNoSpellingOfAPrivateAddressIsCalled(t *testing.T) {
	s, reached := server(t, nil)
	port := portOf(t, s)
	c := outbound.New("Insights", outbound.Options{})
	for _, host := range []string{
		"127.0.0.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
		"169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[0:0:0:0:0:0:0:1]",
		"[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[ff0e::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[4000::1]",
		"[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:c0a8:1::1]", "[2002:a00:1::1]", "[2001:0:7f00:1::1]", "[2001:10::1]",
		"localhost", "LOCALHOST", "localhost.", "a.localhost", "a.LocalHost..", "127.0.0.1.",
		// What inet_aton would take, and a resolver of the system might.
		"2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "127.0.0.1.nip.invalid", "①②⑦.0.0.1", "%31%32%37.0.0.1", "127。0。0。1",
		"user@127.0.0.1", "user:pass@localhost", "example.com@127.0.0.1", "127.0.0.1@127.0.0.1", "127.0.0.1%00.example.com", "127.0.0.1\\@example.com",
	} {
		for _, address := range []string{"http://" + host + ":" + port + "/", "https://" + host + ":" + port + "/"} {
			if status, _, err := call(t, c, address); err == nil {
				t.Errorf("%s: called, answered %d", address, status)
			}
		}
	}
	for _, address := range []string{"file:///etc/passwd", "gopher://127.0.0.1:" + port, "//127.0.0.1:" + port, "http:127.0.0.1:" + port, "http://", "unix:///run/x", "http://user@8.8.8.8/", ""} {
		if _, _, err := call(t, c, address); !errors.Is(err, websub.ErrForbidden) {
			t.Errorf("%q: %v", address, err)
		}
		if err := c.Check(address); !errors.Is(err, websub.ErrForbidden) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	for _, address := range []string{"http://reader.example.com/", "https://8.8.8.8:8443/", "http://[::ffff:8.8.8.8]/", "http://[2606:4700::1]/", "https://[64:ff9b::808:808]/", "https://[2002:808:808::1]/"} {
		if err := c.Check(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestANameThatLeadsInsideIsNotCalled(t *testing.T) {
	s, reached := server(t, nil)
	port := portOf(t, s)
	names := make(map[string][]netip.Addr)
	var all []string
	for i, a := range []string{
		"127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "fd00::1", "fe80::1", "192.168.1.1",
	} {
		name := fmt.Sprintf("inside%d.example.com", i)
		names[name] = []netip.Addr{netip.MustParseAddr(a)}
		all = append(all, name)
	}
	names["several.example.com"] = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}
	all = append(all, "several.example.com", "SEVERAL.example.com.")
	resolve := resolver(t, names)
	c := outbound.New("Insights", outbound.Options{Resolver: resolve})
	for _, name := range all {
		_, _, err := call(t, c, "http://"+name+":"+port+"/secret?key=1")
		if !errors.Is(err, websub.ErrForbidden) {
			t.Errorf("%s: %v; want ErrForbidden", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error holds the address: %v", name, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	// The names do lead there, for who may go.
	if status, _, err := call(t, outbound.New("Insights", outbound.Options{Private: true, Resolver: resolve}), "http://several.example.com:"+port+"/"); err != nil || status != 200 {
		t.Errorf("with private networks: %d, %v", status, err)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	inside, reached := server(t, nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		outside, _ := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, status) })
		c := outbound.New("Insights", outbound.Options{Private: true}) // even where it might go there
		if got, _, err := call(t, c, outside.URL); err != nil || got != status {
			t.Errorf("GET: %d, %v; want %d", got, err, status)
		}
		if got, err := c.Post(t.Context(), outside.URL, nil, []byte("body")); err != nil || got != status {
			t.Errorf("POST: %d, %v; want %d", got, err, status)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestNoProxyAndNoCookie(t *testing.T) {
	var cookies []string
	s, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		if r.Header.Get("User-Agent") != "Insights/1" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("header %v", r.Header)
		}
	})
	resolve := resolver(t, map[string][]netip.Addr{"reader.example.com": {netip.MustParseAddr("127.0.0.1")}})
	c := outbound.New("Insights/1", outbound.Options{Private: true, Resolver: resolve})
	for range 2 {
		if _, _, err := call(t, c, "http://reader.example.com:"+portOf(t, s)); err != nil {
			t.Error(err)
		}
	}
	if len(cookies) != 2 || cookies[1] != "" {
		t.Errorf("cookies %q", cookies)
	}
}

func TestAnswersAreReadWithinBounds(t *testing.T) {
	endless, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
				return
			}
		}
	})
	c := outbound.New("Insights", outbound.Options{Private: true})
	if status, body, err := call(t, c, endless.URL); err != nil || status != 200 || body != strings.Repeat("x", 100) {
		t.Errorf("%d, %d bytes, %v", status, len(body), err)
	}
	if status, err := c.Post(t.Context(), endless.URL, nil, nil); err != nil || status != 200 {
		t.Errorf("POST: %d, %v", status, err)
	}
	large, _ := server(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Large", strings.Repeat("x", 64<<10)) })
	if _, _, err := call(t, c, large.URL); err == nil {
		t.Error("a header of 64 KB was read")
	}
	silent, _ := server(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.Get(ctx, silent.URL+"/secret", 10); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestAPostIsSentAsItIs(t *testing.T) {
	got := make(chan string, 1)
	s, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- fmt.Sprintf("%s %s %q %q %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Values("Link"), body)
		w.WriteHeader(410)
	})
	status, err := outbound.New("Insights", outbound.Options{Private: true}).Post(t.Context(), s.URL+"/a%20b?c=%2F",
		map[string][]string{"Content-Type": {"application/atom+xml"}, "Link": {"<a>", "<b>"}}, []byte("<feed/>"))
	if want := `POST /a%20b?c=%2F "application/atom+xml" ["<a>" "<b>"] <feed/>`; err != nil || status != 410 || <-got != want {
		t.Errorf("%d, %v", status, err)
	}
}

func TestPingSaysWhatTheHubAnswered(t *testing.T) {
	status, said := 204, ""
	var got url.Values
	s, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		got = r.PostForm
		w.WriteHeader(status)
		io.WriteString(w, said)
	})
	c := outbound.New("Insights", outbound.Options{Private: true})
	const topic = "https://insights.example.com/feeds/a+b.atom"
	if err := c.Ping(t.Context(), s.URL, topic); err != nil || got.Get("hub.mode") != "publish" || got.Get("hub.url") != topic || got.Get("hub.topic") != topic {
		t.Errorf("%v, %v", got, err)
	}
	for _, answer := range []struct {
		status     int
		said, want string
	}{
		{403, "not\nyours\x1b[2J", "the hub answered 403: not yours [2J"},
		{500, "<html>…", "the hub answered 500"},
		{302, "", "the hub answered 302"},
	} {
		status, said = answer.status, answer.said
		err := c.Ping(t.Context(), s.URL, topic)
		if refused, ok := errors.AsType[*websub.StatusError](err); !ok || refused.Status != answer.status || err.Error() != answer.want {
			t.Errorf("%v; want %s", err, answer.want)
		}
	}
	s.Close()
	if _, refused := errors.AsType[*websub.StatusError](c.Ping(t.Context(), s.URL, topic)); refused {
		t.Error("a hub that is not there answered")
	}
}

// strangersClient calls what strangers name, on any port of callbacks' servers.
func strangersClient(o outbound.Options) *outbound.Client {
	o.Strangers = true
	return outbound.New("Insights", o)
}

func TestStrangersHaveNeitherThisMachineNorOtherPortsCalled(t *testing.T) {
	names := map[string][]netip.Addr{
		"insights.example.com": {netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("2606:4700::4")},
		"reader.example.com":   {netip.MustParseAddr("8.8.4.4")}, // somebody's name for the site's address
		"wrapped.example.com":  {netip.MustParseAddr("64:ff9b::808:404")},
		"six.example.com":      {netip.MustParseAddr("2606:4700::4")},
	}
	o := outbound.Options{Ports: []int{8443}, Site: "Insights.Example.com.", Resolver: resolver(t, names)}
	c := strangersClient(o)
	for _, address := range []string{
		"http://insights.example.com/", "https://INSIGHTS.example.com./hub", "http://reader.example.com/", "https://wrapped.example.com:8443/", "http://six.example.com/",
		"http://8.8.4.4/", "http://[::ffff:8.8.4.4]/", "https://[64:ff9b::808:404]/", "http://[2002:808:404::1]/", "http://[2606:4700::4]/",
	} {
		if _, _, err := call(t, c, address); !errors.Is(err, websub.ErrForbidden) || !strings.Contains(err.Error(), "of this site") {
			t.Errorf("%s: %v; want it to be refused as the site's own", address, err)
		}
	}
	for _, port := range []string{"22", "25", "81", "442", "3306", "5432", "6379", "8080", "11211", "65535"} {
		for _, host := range []string{"reader.example.org", "1.1.1.1", "[2606:4700::1111]"} {
			if err := c.Check("http://" + host + ":" + port + "/"); !errors.Is(err, websub.ErrForbidden) {
				t.Errorf("%s:%s: %v", host, port, err)
			}
		}
	}
	for _, address := range []string{"http://reader.example.org/", "https://reader.example.org/", "http://1.1.1.1:80/", "https://1.1.1.1:8443/", "http://[2606:4700::1111]:443/"} {
		if err := c.Check(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	// A hub that the owner names is where they say.
	if err := outbound.New("Insights", outbound.Options{Site: "insights.example.com"}).Check("https://insights.example.com:8080/"); err != nil {
		t.Error(err)
	}
}

func TestStrangersDontReachThisMachinesOwnAddresses(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	c := strangersClient(outbound.Options{})
	for _, addr := range addrs {
		host := addr.(*net.IPNet).IP.String()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if err := c.Check("http://" + host + "/"); !errors.Is(err, websub.ErrForbidden) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// With private callbacks, people try it on one machine, on any port. In the networks around
// it ports are as limited as elsewhere.
func TestPrivateCallbacksAreLimitedToPortsButOnThisMachine(t *testing.T) {
	s, reached := server(t, nil)
	port := portOf(t, s)
	resolve := resolver(t, map[string][]netip.Addr{"here.example.com": {netip.MustParseAddr("127.0.0.1")}, "near.example.com": {netip.MustParseAddr("10.0.0.1")}})
	c := strangersClient(outbound.Options{Private: true, Resolver: resolve})
	for _, host := range []string{"127.0.0.1", "here.example.com"} {
		if status, _, err := call(t, c, "http://"+host+":"+port+"/"); err != nil || status != 200 {
			t.Errorf("%s: %d, %v", host, status, err)
		}
	}
	if n := reached.Load(); n == 0 {
		t.Error("nothing was called")
	}
	for _, address := range []string{"http://10.0.0.1:6379/", "http://192.168.1.1:22/", "http://near.example.com:6379/", "http://[fd00::1]:5432/"} {
		if _, _, err := call(t, c, address); !errors.Is(err, websub.ErrForbidden) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := c.Check("http://10.0.0.1/push"); err != nil {
		t.Error(err)
	}
}

// A name may lead to one server for the question, and to another for what is posted.
func TestPostIfPostsToWhoAnswered(t *testing.T) {
	asked := make(chan string, 10)
	answering := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked <- name + " " + r.Method
			w.Header().Set("Connection", "close") // each request calls again
			io.WriteString(w, "yes")
		}
	}
	first, _ := server(t, answering("first"))
	port := portOf(t, first)
	listener, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("this system has one loopback address: %v", err)
	}
	second := httptest.NewUnstartedServer(answering("second"))
	second.Listener.Close()
	second.Listener = listener
	second.Start()
	t.Cleanup(second.Close)
	leadsTo := func(address string) *net.Resolver {
		return resolver(t, map[string][]netip.Addr{"moving.example.com": {netip.MustParseAddr(address)}})
	}
	var now atomic.Pointer[net.Resolver]
	now.Store(leadsTo("127.0.0.1"))
	later := leadsTo("127.0.0.2")
	c := outbound.New("Insights", outbound.Options{Private: true, Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return now.Load().Dial(ctx, network, address)
	}}})
	to := "http://moving.example.com:" + port + "/"
	status, err := c.PostIf(t.Context(), to+"?q", 10, func(status int, answer []byte) error {
		now.Store(later)
		if string(answer) != "yes" {
			return errors.New("no")
		}
		return nil
	}, to, nil, []byte("content"))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	if a, b := <-asked, <-asked; a != "first GET" || b != "first POST" {
		t.Errorf("%s, then %s", a, b)
	}
	refused := errors.New("refused")
	if _, err := c.PostIf(t.Context(), to, 10, func(int, []byte) error { return refused }, to, nil, nil); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if got := <-asked; got != "second GET" || len(asked) > 0 {
		t.Errorf("%s, and %d more", got, len(asked))
	}
}
