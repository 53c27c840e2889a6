package newsletter

import (
	"regexp"
	"strings"
	"testing"
)

func TestMessageIDsLeadToTheirEmailAlone(t *testing.T) {
	ids, others := newMessageIDs([]byte("a key of the database")), newMessageIDs([]byte("another"))
	form := regexp.MustCompile(`^[a-z2-7]{26}$`)
	seen := make(map[string]bool)
	for _, ref := range []Ref{{Digest: 1, Subscriber: 1}, {Digest: 1, Subscriber: 2}, {Digest: 2, Subscriber: 1}, {Digest: 1<<40 - 1, Subscriber: 1<<40 - 1}, {Message: 1}, {Message: 1<<40 - 1}} {
		for _, about := range []string{"uid\x00reader", "another uid\x00reader"} { // as after a restore
			id := ids.of(ref, about)
			if !form.MatchString(id) || seen[id] || id != ids.of(ref, about) {
				t.Errorf("%+v: %q", ref, id)
			}
			seen[id] = true
			for _, written := range []string{id, id + "@example.com", strings.ToUpper(id)} {
				if got, ok := ids.email(written); !ok || got != ref {
					t.Errorf("%q is of %+v, %v, want %+v", written, got, ok, ref)
				}
			}
			if got, ok := others.email(id); ok && got == ref {
				t.Errorf("%q is of %+v with another key", id, got)
			}
			changed := "b" + id[1:]
			if id[0] == 'b' {
				changed = "c" + id[1:]
			}
			if got, ok := ids.email(changed); ok && got == ref {
				t.Errorf("%q is of %+v", changed, got)
			}
		}
	}
	for _, id := range []string{"", "@", "x", "lg5qtwjbcwd4vv7j.gk2ydvc7e2pu@example.com", strings.Repeat("a", 1<<16), "ä@example.com"} {
		if got, ok := ids.email(id); ok {
			t.Errorf("%.40q is of %+v", id, got)
		}
	}
}
