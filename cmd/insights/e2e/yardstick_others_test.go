package e2e

import (
	"bytes"
	"crypto"
	"fmt"
	htmltemplate "html/template"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/scaledbydesign/insights/newsletter"
)

func smtpSource(t *testing.T, port, n int) time.Duration {
	t.Helper()
	began := time.Now()
	out, err := exec.Command("smtp-source", "-d", "-s", "20", "-l", "20000", "-m", strconv.Itoa(n), "-f", "a@insights.example", "-t", "b@reader.example", fmt.Sprintf("inet:127.0.0.1:%d", port)).CombinedOutput()
	if err != nil {
		t.Fatalf("smtp-source: %v: %s", err, out)
	}
	return time.Since(began)
}

// plainLoop is what a program does that renders a template for each reader and
// hands it to go-mail, over connections that are kept.
func plainLoop(t *testing.T, port, n, connections int) time.Duration {
	t.Helper()
	rendered, _ := plainWords{}.Digest(newsletter.DigestContent{Subject: "One", UnsubscribeURL: "https://insights.example/unsubscribe/{{.Token}}", PreferencesURL: "https://insights.example/preferences/{{.Token}}", Address: "{{.To}}", Since: "{{.Since}}"})
	page := htmltemplate.Must(htmltemplate.New("html").Parse(rendered.HTML))
	text := htmltemplate.Must(htmltemplate.New("text").Parse(rendered.Text))
	began := time.Now()
	var loops sync.WaitGroup
	fail := make(chan error, connections)
	for c := range connections {
		loops.Go(func() {
			client, err := gomail.NewClient("127.0.0.1", gomail.WithPort(port), gomail.WithTLSPortPolicy(gomail.NoTLS), gomail.WithHELO("insights.example"), gomail.WithPort(port))
			if err == nil {
				err = client.DialWithContext(t.Context())
			}
			for i := c; err == nil && i < n; i += connections {
				reader := map[string]string{"To": fmt.Sprintf("reader%d@d%d.example", i, i%50), "Token": "a1b2c3.abcdefghijklmnopqrst.ABCDEFGHIJKLMNOPQRSTUVWX", "Since": "March 3, 2026"}
				var html, plain bytes.Buffer
				m := gomail.NewMsg()
				for _, step := range []func() error{
					func() error { return m.From("news@insights.example") }, func() error { return m.To(reader["To"]) },
					func() error { return page.Execute(&html, reader) }, func() error { return text.Execute(&plain, reader) },
				} {
					if err == nil {
						err = step()
					}
				}
				m.Subject("One")
				m.SetGenHeader("List-Unsubscribe", "<https://insights.example/unsubscribe/"+reader["Token"]+">")
				m.SetBodyString(gomail.TypeTextPlain, plain.String())
				m.AddAlternativeString(gomail.TypeTextHTML, html.String())
				if err == nil {
					err = client.Send(m)
				}
			}
			if err == nil {
				err = client.Close()
			}
			fail <- err
		})
	}
	loops.Wait()
	took := time.Since(began)
	for range connections {
		if err := <-fail; err != nil {
			t.Fatalf("go-mail: %v", err)
		}
	}
	return took
}

// bareKey makes n signatures on every core and nothing else.
func bareKey(t *testing.T, key crypto.Signer, n int) time.Duration {
	t.Helper()
	digest := bytes.Repeat([]byte{1}, 32)
	cores := runtime.GOMAXPROCS(0)
	began := time.Now()
	var signing sync.WaitGroup
	for c := range cores {
		signing.Go(func() {
			for i := c; i < n; i += cores {
				if _, err := key.Sign(nil, digest, crypto.SHA256); err != nil {
					t.Error(err)
				}
			}
		})
	}
	signing.Wait()
	return time.Since(began)
}
