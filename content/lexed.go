package content

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/alecthomas/chroma/v2"
)

// lexed keeps how code was lexed, by its hash: the same is shown on a page, in feeds and in
// archives, again and again. When there is much, it forgets the oldest.
var lexed = kept{runs: map[[sha256.Size]byte][]byte{}}

// kept is safe for concurrent use.
type kept struct {
	sync.Mutex
	runs  map[[sha256.Size]byte][]byte
	order [][sha256.Size]byte // oldest first
	bytes int
}

const (
	mostKept  = 16 << 20 // bytes
	perKept   = 100      // what an entry takes beside its runs
	leastKept = 200      // bytes of code: less is lexed as fast as it is found, and many pieces would crowd out others
)

func (k *kept) get(key [sha256.Size]byte) (runs []byte, ok bool) {
	k.Lock()
	defer k.Unlock()
	runs, ok = k.runs[key]
	return runs, ok
}

func (k *kept) keep(key [sha256.Size]byte, runs []byte) {
	k.Lock()
	defer k.Unlock()
	if _, known := k.runs[key]; known {
		return
	}
	k.runs[key], k.order = runs, append(k.order, key)
	for k.bytes += len(runs) + perKept; k.bytes > mostKept; k.order = k.order[1:] {
		k.bytes -= len(k.runs[k.order[0]]) + perKept
		delete(k.runs, k.order[0])
	}
}

// runsOf packs tokens: for each run of neighbours with one role, which that is, from 1, or 0
// for none, and its length, as varints. What follows the last run has none.
func runsOf(tokens []chroma.Token) (runs []byte) {
	open, length := 0, 0
	end := func() {
		if length > 0 {
			runs = binary.AppendUvarint(binary.AppendUvarint(runs, uint64(open)), uint64(length))
		}
	}
	for _, token := range tokens {
		r := roleOf(token.Type)
		if strings.TrimSpace(token.Value) == "" {
			r = open // blanks have no colour of their own
		}
		if r != open {
			end()
			open, length = r, 0
		}
		length += len(token.Value)
	}
	end()
	return runs
}

// coloured is code as HTML, given its runs.
func coloured(code string, runs []byte, inline bool) string {
	var b strings.Builder
	for len(runs) > 0 {
		of, n := binary.Uvarint(runs)
		length, m := binary.Uvarint(runs[n:])
		runs = runs[n+m:]
		text := escape(code[:length])
		code = code[length:]
		switch {
		case of == 0:
			b.WriteString(text)
		case inline:
			fmt.Fprintf(&b, `<span style="color:%s">%s</span>`, roles[of-1].light, text)
		default:
			fmt.Fprintf(&b, `<span class="%s">%s</span>`, roles[of-1].class, text)
		}
	}
	b.WriteString(escape(code))
	return b.String()
}
