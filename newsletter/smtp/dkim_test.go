package smtp_test

import (
	"bytes"
	"crypto"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

const sha256Hash = crypto.SHA256

var madeKeys = sync.OnceValues(smtp.NewKeys)

// keys are an RSA and an Ed25519 key of insights.example.
func keys(t testing.TB) []smtp.SigningKey {
	t.Helper()
	text, err := madeKeys()
	if err != nil {
		t.Fatal(err)
	}
	signers, err := smtp.ParseKeys(text)
	if err != nil || len(signers) != 2 {
		t.Fatalf("%d keys, %v", len(signers), err)
	}
	return []smtp.SigningKey{
		{Domain: "insights.example", Selector: "insights", Key: signers[0]},
		{Domain: "insights.example", Selector: "insights-ed25519", Key: signers[1]},
	}
}

// lookup answers as DNS would, from the records of the keys.
func lookup(t testing.TB) func(name string) ([]string, error) {
	records := make(map[string]string)
	for _, k := range keys(t) {
		name, text := k.Record()
		records[name] = text
	}
	return func(name string) ([]string, error) {
		if text, ok := records[strings.TrimSuffix(name, ".")]; ok {
			return []string{text}, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
}

// verify wants so many signatures on a message, all good by another program's
// judgement.
func verify(t testing.TB, message []byte, signatures int) {
	t.Helper()
	if problem := verdict(t, message, signatures); problem != "" {
		t.Errorf("%s:\n%s", problem, message)
	}
}

func verdict(t testing.TB, message []byte, signatures int) string {
	verified, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: lookup(t)})
	if err != nil {
		return err.Error()
	}
	for _, v := range verified {
		if v.Err != nil {
			return v.Err.Error()
		}
	}
	if len(verified) != signatures {
		return "another number of signatures"
	}
	return ""
}

func TestSignaturesAreGood(t *testing.T) {
	all := keys(t)
	single := digest()
	single.Headers, single.HTML = single.Headers[5:], "" // as a confirmation has them
	for _, message := range []newsletter.Message{digest(), single} {
		message, err := smtp.Composer{Keys: all}.Compose(message)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, message, 2)
	}
	for _, c := range []newsletter.Copy{adasCopy(), {MessageID: "a@b.example", To: "дом@пример.example", ToName: "Дом", Unsubscribe: "u", Preferences: "p", Since: "3. März"}, {MessageID: "a@b.example", To: "x@y.example", ToName: strings.Repeat("Änn ", 24), Unsubscribe: "..", Preferences: ".", Since: "a  b"}} {
		verify(t, fill(t, smtp.Composer{Keys: all}, master(), c), 2)
	}
}

func TestSignaturesCoverWhatMatters(t *testing.T) {
	message := string(fill(t, smtp.Composer{Keys: keys(t)}, master(), adasCopy()))
	for name, changed := range map[string]string{
		"body":               strings.Replace(message, "Six new insights", "Six old insights", 1),
		"List-Unsubscribe":   strings.Replace(message, "List-Unsubscribe: <https://example.com", "List-Unsubscribe: <https://evil.example", 1),
		"one-click":          strings.Replace(message, "List-Unsubscribe=One-Click", "List-Unsubscribe=Never", 1),
		"a second From":      "From: evil@example.com\r\n" + message,
		"a second Subject":   "Subject: evil\r\n" + message,
		"a second List-Un…":  "List-Unsubscribe: <https://evil.example>\r\n" + message,
		"To":                 strings.Replace(message, "<ada@reader.example>", "<eve@reader.example>", 1),
		"Message-ID":         strings.Replace(message, "Message-ID: <m", "Message-ID: <n", 1),
		"the boundary":       strings.Replace(message, "multipart/alternative", "multipart/mixed", 1),
		"Feedback-ID":        strings.Replace(message, ":weekly:", ":daily:", 1),
		"an added last line": message + "more\r\n",
	} {
		if changed == message {
			t.Errorf("%s: nothing was changed", name)
		} else if verdict(t, []byte(changed), 2) == "" {
			t.Errorf("%s was changed, and the signatures are still good", name)
		}
	}
}

// TestOtherVerifiersAgree asks the programs that mail servers run. They ask DNS,
// so it is answered here, at an address of this machine that they are shown as
// the resolver's in a file system of their own.
func TestOtherVerifiersAgree(t *testing.T) {
	for _, program := range []string{"dkimverify", "opendkim-testmsg", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program)
		}
	}
	if os.Getuid() != 0 {
		missing(t, "root, to show a resolver to other programs")
	}
	serveDNS(t, "127.0.0.153:53")
	resolver := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolver, []byte("nameserver 127.0.0.153\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	check := func(program string, message []byte) error {
		cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$1" /etc/resolv.conf && exec "$2"`, "sh", resolver, program)
		cmd.Stdin = bytes.NewReader(message)
		out, err := cmd.CombinedOutput()
		t.Logf("%s: %s", program, bytes.TrimSpace(out))
		return err
	}
	for i, k := range keys(t) {
		good := fill(t, smtp.Composer{Keys: keys(t)[i : i+1]}, master(), adasCopy())
		bad := bytes.Replace(good, []byte("Six new"), []byte("Six old"), 1)
		for _, program := range []string{"dkimverify", "opendkim-testmsg"} {
			if k.Kind() == "ed25519" && program == "opendkim-testmsg" {
				continue // it knows RSA alone
			}
			if err := check(program, good); err != nil {
				t.Errorf("%s refuses the %s signature: %v", program, k.Kind(), err)
			}
			if check(program, bad) == nil {
				t.Errorf("%s takes a changed message", program)
			}
		}
	}
	both := fill(t, smtp.Composer{Keys: keys(t)}, master(), adasCopy())
	for _, program := range []string{"dkimverify", "opendkim-testmsg"} {
		if err := check(program, both); err != nil {
			t.Errorf("%s refuses a message with both signatures: %v", program, err)
		}
	}
}

// missing skips a test for want of a program; where everything is to be tested
// that is a failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s", what)
	}
	t.Skipf("this test needs %s", what)
}

// serveDNS answers questions for the records of the keys.
func serveDNS(t *testing.T, at string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		missing(t, "to listen on "+at)
	}
	records := lookup(t)
	var serving sync.WaitGroup
	t.Cleanup(func() { conn.Close(); serving.Wait() })
	serving.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := answerDNS(buf[:n], records); err == nil {
				conn.WriteTo(answer, from)
			}
		}
	})
}

func answerDNS(question []byte, records func(string) ([]string, error)) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	q := m.Questions[0]
	texts, err := records(q.Name.String())
	switch {
	case err != nil:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeTXT:
		var parts []string
		for text := texts[0]; text != ""; {
			n := min(len(text), 250)
			parts = append(parts, text[:n])
			text = text[n:]
		}
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: &dnsmessage.TXTResource{TXT: parts}}}
	}
	return m.Pack()
}

func TestKeysAreRead(t *testing.T) {
	whole, err := madeKeys()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":    "",
		"twice":      string(whole) + string(whole),
		"public":     "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"no key":     "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"rsa no key": "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	} {
		if keys, err := smtp.ParseKeys([]byte(text)); err == nil {
			t.Errorf("%s: %d keys", name, len(keys))
		}
	}
	if line := keys(t)[0].ZoneLine(); !strings.HasPrefix(line, `insights._domainkey.insights.example. IN TXT ( "v=DKIM1; k=rsa; p=`) || strings.Count(line, `"`) != 4 {
		t.Errorf("zone line %s", line)
	}
}
