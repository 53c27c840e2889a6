package content

import (
	"crypto/sha256"
	"fmt"
	"html"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// Bounds of highlighting. Code beyond them is shown plain: a lexer is a heap of
// regular expressions that somebody's code may drive mad. The time, of all code of a
// text, is the last resort, far above what sound code takes, since it depends on the
// machine.
const (
	maxHighlighted    = 16 << 10  // bytes of one block
	maxLine           = 500       // bytes of one of its lines: what makes lexers quadratic mostly has one
	maxHighlightedAll = 128 << 10 // bytes of all blocks of a text
	maxLexing         = lexingSlower * 3 * time.Second
)

// highlighting is the work on the code of one text.
type highlighting struct {
	plain bool          // all of it is to be shown plain
	bytes int           // that were lexed
	took  time.Duration // to lex them
}

// exhausted reports whether the code took too long, so that all of it is to be shown plain.
func (h *highlighting) exhausted() bool { return h.took >= maxLexing }

// slowTexts remembers by their hash the texts whose code took too long, so that it is not
// tried again at each rendering. When there are many, it forgets some.
var slowTexts = struct {
	sync.Mutex
	hashes map[[sha256.Size]byte]bool
}{hashes: map[[sha256.Size]byte]bool{}}

const mostSlowTexts = 1000

func isSlow(text string) bool {
	slowTexts.Lock()
	defer slowTexts.Unlock()
	return len(slowTexts.hashes) > 0 && slowTexts.hashes[sha256.Sum256([]byte(text))]
}

func rememberSlow(text string) {
	slowTexts.Lock()
	defer slowTexts.Unlock()
	if len(slowTexts.hashes) >= mostSlowTexts {
		clear(slowTexts.hashes)
	}
	slowTexts.hashes[sha256.Sum256([]byte(text))] = true
}

// A role is a part that a token plays in code. Few roles keep feeds and emails
// small, where each carries its colour along.
type role struct {
	class       string // one of chroma's
	light, dark string // colours, each with a contrast of at least 4.5 on its ground
	of          []chroma.TokenType
}

// The grounds and the colour of what has no role.
const (
	lightGround, darkGround = "#f6f8fa", "#161b22"
	lightInk, darkInk       = "#1f2328", "#e6edf3"
)

// roles in order of precedence: the first that names a token's type, or its
// sub-category or category, is the token's.
var roles = []role{
	{"gd", "#82071e", "#ffa198", []chroma.TokenType{chroma.GenericDeleted, chroma.GenericError}},
	{"gi", "#116329", "#7ee787", []chroma.TokenType{chroma.GenericInserted}},
	{"gh", "#0550ae", "#79c0ff", []chroma.TokenType{chroma.GenericHeading, chroma.GenericSubheading}},
	{"cp", "#953800", "#ffa657", []chroma.TokenType{chroma.CommentPreproc, chroma.CommentPreprocFile}},
	{"c", "#59636e", "#9198a1", []chroma.TokenType{chroma.Comment}},
	{"kt", "#953800", "#ffa657", []chroma.TokenType{chroma.KeywordType, chroma.NameClass}},
	{"kc", "#0550ae", "#79c0ff", []chroma.TokenType{chroma.KeywordConstant, chroma.LiteralNumber, chroma.NameConstant, chroma.NameAttribute}},
	{"k", "#a40e26", "#ff7b72", []chroma.TokenType{chroma.Keyword, chroma.OperatorWord}},
	{"s", "#0a3069", "#a5d6ff", []chroma.TokenType{chroma.LiteralString, chroma.LiteralDate}},
	{"nf", "#6639ba", "#d2a8ff", []chroma.TokenType{chroma.NameFunction, chroma.NameFunctionMagic, chroma.NameBuiltin, chroma.NameDecorator}},
	{"nt", "#116329", "#7ee787", []chroma.TokenType{chroma.NameTag}},
}

// roleOf returns which of roles a token type has, from 1, or 0.
func roleOf(t chroma.TokenType) int {
	for _, t := range []chroma.TokenType{t, t.SubCategory(), t.Category()} {
		for i := range roles {
			if slices.Contains(roles[i].of, t) {
				return i + 1
			}
		}
	}
	return 0
}

// HighlightCSS returns the style sheet for the code in [Insight.HTML]: light, and
// dark where the reader's system asks for it. Every colour has a contrast of at
// least 4.5 to 1 (WCAG 2.2, 1.4.3) on its ground.
func HighlightCSS() string {
	var light, dark strings.Builder
	rule := func(selector, inLight, inDark string) {
		fmt.Fprintf(&light, "%s { %s }\n", selector, inLight)
		fmt.Fprintf(&dark, "\t%s { %s }\n", selector, inDark)
	}
	ground := "color: %s; background-color: %s"
	rule(".chroma", fmt.Sprintf(ground, lightInk, lightGround), fmt.Sprintf(ground, darkInk, darkGround))
	for _, r := range roles {
		rule(".chroma ."+r.class, "color: "+r.light, "color: "+r.dark)
	}
	return light.String() + "@media (prefers-color-scheme: dark) {\n" + dark.String() + "}\n"
}

// highlight returns code as HTML, with the roles of its tokens as classes, or as
// inline styles. Code in an unknown language, or that can't be lexed, comes back
// escaped only. Its text stays exactly the same.
func (h *highlighting) highlight(code, language string, inline bool) string {
	if !h.mayLex(code, language) {
		return escape(code)
	}
	lexer := lexersByName()[strings.ToLower(language)]
	if lexer == nil {
		return escape(code)
	}
	key := sha256.Sum256([]byte(lexer.Config().Name + "\x00" + code))
	runs, known := lexed.get(key)
	if known {
		h.bytes += len(code)
		return coloured(code, runs, inline)
	}
	tokens, ok := h.lex(code, lexer)
	if ok {
		runs = runsOf(tokens)
	}
	if len(code) >= leastKept && !h.exhausted() { // else the text is remembered as slow
		lexed.keep(key, runs)
	}
	return coloured(code, runs, inline)
}

// mayLex reports whether code is within the bounds.
func (h *highlighting) mayLex(code, language string) bool {
	return language != "" && len(code) <= maxHighlighted && longestLine(code) <= maxLine && !h.plain && !h.exhausted() && h.bytes+len(code) <= maxHighlightedAll
}

// lex splits code into tokens; false when the lexer fails, takes too long or would change
// the text.
//
// chroma gives each match of a regular expression a quarter of a second and takes
// one that is slower for no match. On a starved machine that would make other
// tokens of the same code, so a lexing with such a pause in it is done again.
func (h *highlighting) lex(code string, lexer chroma.Lexer) (tokens []chroma.Token, ok bool) {
	h.bytes += len(code)
	before := h.took
	for start := time.Now(); !h.exhausted(); h.took = before + time.Since(start) {
		var longest time.Duration
		if tokens, longest, ok = lexOnce(lexer, code, maxLexing-h.took); longest < matchTimeout {
			h.took = before + time.Since(start)
			return tokens, ok
		}
	}
	return tokens, ok // it is the code that is slow, not the machine
}

func longestLine(code string) (longest int) {
	for l := range strings.Lines(code) {
		longest = max(longest, len(l))
	}
	return longest
}

// matchTimeout is a little less than chroma's.
const matchTimeout = 200 * time.Millisecond

// lexOnce lexes, for so long at most, and says how long it waited for the slowest token.
func lexOnce(lexer chroma.Lexer, code string, most time.Duration) (tokens []chroma.Token, longest time.Duration, ok bool) {
	defer func() { // lexers panic on states they don't know
		if recover() != nil {
			tokens, ok = nil, false
		}
	}()
	next, err := lexer.Tokenise(&chroma.TokeniseOptions{State: "root"}, code)
	if err != nil {
		return nil, 0, false
	}
	start, rest := time.Now(), code
	last := start
	for {
		token := next()
		now := time.Now()
		longest = max(longest, now.Sub(last))
		last = now
		if token == chroma.EOF {
			return tokens, longest, rest == ""
		}
		after, same := strings.CutPrefix(rest, token.Value)
		if !same || len(tokens) > 2*len(code)+100 || now.Sub(start) > most {
			return nil, longest, false
		}
		rest = after
		tokens = append(tokens, token)
	}
}

// lexersByName finds lexers by name, alias and file name ending, in lower case.
// The registry's own search tries a thousand patterns for a name it doesn't know.
var lexersByName = sync.OnceValue(func() map[string]chroma.Lexer {
	found := map[string]chroma.Lexer{}
	for _, names := range []func(*chroma.Config) []string{
		func(c *chroma.Config) []string { return []string{c.Name} },
		func(c *chroma.Config) []string { return c.Aliases },
		func(c *chroma.Config) []string { return c.Filenames },
	} {
		for _, lexer := range lexers.GlobalLexerRegistry.Lexers {
			for _, name := range names(lexer.Config()) {
				if name = strings.ToLower(strings.TrimPrefix(name, "*.")); found[name] == nil {
					found[name] = lexer
				}
			}
		}
	}
	return found
})

func escape(s string) string { return html.EscapeString(s) }
