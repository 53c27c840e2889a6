package subscribers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/idna"
)

// Domains is a set of domains of email addresses, such as those of disposable mailboxes.
// Each includes the domains below it.
type Domains map[string]struct{}

// ErrDomain says that no address at a domain can sign up.
var ErrDomain = errors.New("we don't send email to addresses at that domain: please use another address")

// ParseDomains reads one domain per line; what follows a # is a comment. Its error names
// the line.
func ParseDomains(r io.Reader) (Domains, error) {
	domains := Domains{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		word, _, _ := strings.Cut(lines.Text(), "#")
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		ascii, err := idna.Lookup.ToASCII(word)
		if err != nil || !validDomain(ascii) {
			return nil, fmt.Errorf("line %d: %q is not a domain: write one per line, such as example.com", n, word)
		}
		domains[ascii] = struct{}{}
	}
	return domains, lines.Err()
}

// Has reports whether a domain, as A-labels, is in the set or below one that is.
func (d Domains) Has(domain string) bool {
	for rest, more := domain, len(d) > 0; more; _, rest, more = strings.Cut(rest, ".") {
		if _, ok := d[rest]; ok {
			return true
		}
	}
	return false
}
