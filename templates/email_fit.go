package templates

import (
	"fmt"
	"slices"
	"sort"

	"github.com/scaledbydesign/insights/newsletter"
)

// Gmail cuts an email off at about 100 KB of HTML, and with it the link that ends
// the subscription. A digest stays under 90 KB; what is kept free is for the
// reader's address and tokens, which are longer than the marks they replace.
const (
	maxEmailHTML   = 90_000
	readersOwnHTML = 2_000
)

// alwaysInFull is how many insights keep their summaries while there are titles
// that can go instead: an email of nothing but titles is not worth reading.
const alwaysInFull = 3

// fit renders as much of a digest as its HTML part may hold, and returns the view
// that the text part is to show too.
func (m *Emails) fit(v digestView) (markup string, shown digestView, err error) {
	t := m.templates[newsletter.DigestEmail]
	render := func(cuts int) bool {
		if err != nil {
			return true
		}
		shown = v.cut(cuts)
		markup, err = t.html(shown)
		return err != nil || len(markup) <= maxEmailHTML-readersOwnHTML
	}
	if render(0) {
		return markup, shown, err
	}
	most := len(v.Items) + v.Count
	cuts := 1 + sort.Search(most-1, func(i int) bool { return render(i + 1) })
	if fits := render(cuts); err == nil && !fits {
		err = fmt.Errorf("templates: email/digest.html.tmpl: %d bytes of HTML without any insight, and email programs cut an email off after %d; shorten the edition text", len(markup), maxEmailHTML)
	}
	return markup, shown, err
}

// cut takes a number of steps back, each making the email shorter: first the last
// summary goes, and so on up; then the last title; at the end what is left.
func (v digestView) cut(steps int) digestView {
	full := len(v.Items)
	step := func(limit int) int {
		n := min(steps, max(limit, 0))
		steps -= n
		return n
	}
	full -= step(full - alwaysInFull)
	titles := v.Count - full
	titles -= step(titles)
	if n := step(full); n > 0 {
		// Without its summary one of the first is a title.
		full -= n
		titles += n
	}
	titles -= step(titles)

	all := slices.Concat(v.Items, v.More)
	v.Items, v.More = all[:full], all[full:full+titles]
	v.Left = v.Count - full - titles
	return v
}
