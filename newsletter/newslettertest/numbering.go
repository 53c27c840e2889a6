package newslettertest

import (
	"errors"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

var numberingTests = []test{
	{"the first load goes by date, then by order reversed, without grace", firstLoad},
	{"a new insight waits for its grace", grace},
	{"a back-dated insight is new", backDated},
	{"withdrawn and back keeps its number", withdrawnAndBack},
	{"withdrawn during its grace", withdrawnInGrace},
	{"numbers are never reused", neverTwice},
	{"the category is frozen with the number", frozenCategory},
	{"another library numbers nothing", otherLibrary},
	{"concurrent numbering agrees", concurrentNumbering},
	{"an insight kept out of emails keeps its number", keptOutOfMail},
}

func visible(name string, date int) newsletter.Visible {
	return newsletter.Visible{InsightID: id(name), Category: "engineering", Date: time.Unix(int64(date), 0), Email: true}
}

func (w *world) numberAll(how newsletter.Numbering, all ...newsletter.Visible) (int, time.Time) {
	w.Helper()
	n, next, err := w.store.Number(w.Context(), all, how)
	w.check(err)
	return n, next
}

func (w *world) wantSequence(want string) {
	w.Helper()
	if got := w.sequence(); got != want {
		w.Errorf("numbered %q, want %q", got, want)
	}
}

var authority = newsletter.Numbering{Authority: true}

func firstLoad(w *world) {
	how := newsletter.Numbering{Authority: true, Grace: time.Hour}
	first := visible("first", 5) // of one instant: the lowest order is shown first, so is newest
	first.Order = 1
	second := visible("second", 5)
	second.Order = 2
	n, next := w.numberAll(how, visible("new", 9), first, second, visible("old", 1))
	if n != 4 || !next.IsZero() {
		w.Errorf("numbered %d, next %v", n, next)
	}
	w.wantSequence("1=old 2=second 3=first 4=new")
	n, next = w.numberAll(how, visible("new", 9), first, second, visible("old", 1))
	if n != 0 || !next.IsZero() {
		w.Errorf("numbering again: %d, next %v", n, next)
	}
}

func grace(w *world) {
	how := newsletter.Numbering{Authority: true, Grace: 10 * time.Minute}
	w.numberAll(how, visible("a", 1))
	seen := time.Now()
	n, next := w.numberAll(how, visible("a", 1), visible("b", 2))
	if n != 0 || !next.Equal(seen.Add(10*time.Minute)) {
		w.Errorf("numbered %d, next in %v", n, next.Sub(seen))
	}
	time.Sleep(5 * time.Minute)
	n, next = w.numberAll(how, visible("a", 1), visible("b", 2), visible("c", 3))
	if n != 0 || !next.Equal(seen.Add(10*time.Minute)) {
		w.Errorf("numbered %d, next in %v", n, next.Sub(seen))
	}
	w.wantSequence("1=a")
	time.Sleep(5 * time.Minute)
	n, next = w.numberAll(how, visible("a", 1), visible("b", 2), visible("c", 3))
	if n != 1 || !next.Equal(seen.Add(15*time.Minute)) {
		w.Errorf("numbered %d, next in %v", n, next.Sub(seen))
	}
	w.wantSequence("1=a 2=b")
	// Staff who plan by hand wait for nothing.
	if n, _ = w.numberAll(newsletter.Numbering{}, visible("a", 1), visible("b", 2), visible("c", 3)); n != 1 {
		w.Errorf("numbered %d without grace", n)
	}
	w.wantSequence("1=a 2=b 3=c")
}

func backDated(w *world) {
	w.numberAll(authority, visible("a", 10), visible("b", 20))
	w.numberAll(authority, visible("a", 10), visible("b", 20), visible("old", 1), visible("older", 0))
	w.wantSequence("1=a 2=b 3=older 4=old")
	// A changed date changes nothing.
	w.numberAll(authority, visible("a", 99), visible("b", 20), visible("old", 1), visible("older", 0))
	w.wantSequence("1=a 2=b 3=older 4=old")
}

func withdrawnAndBack(w *world) {
	a, b := visible("a", 1), visible("b", 2)
	w.numberAll(authority, a, b)
	w.numberAll(authority, b)
	w.wantSequence("2=b")
	w.numberAll(authority, a, b)
	w.wantSequence("1=a 2=b")
	w.numberAll(authority)
	w.wantSequence("")
	w.numberAll(authority, a, b)
	w.wantSequence("1=a 2=b")
}

func withdrawnInGrace(w *world) {
	how := newsletter.Numbering{Authority: true, Grace: time.Minute}
	a, b := visible("a", 1), visible("b", 2)
	w.numberAll(how, a)
	w.numberAll(how, a, b)
	w.numberAll(how, a)
	time.Sleep(time.Hour)
	w.numberAll(how, a)
	w.wantSequence("1=a")
	w.numberAll(how, a, b)
	w.wantSequence("1=a 2=b")
}

func neverTwice(w *world) {
	w.numberAll(authority, visible("a", 1), visible("b", 2))
	w.numberAll(authority, visible("a", 1))
	w.numberAll(authority, visible("a", 1), visible("c", 3))
	w.wantSequence("1=a 3=c")
}

func frozenCategory(w *world) {
	how := newsletter.Numbering{Authority: true, Grace: time.Minute}
	w.numberAll(how, visible("a", 1))
	b := visible("b", 2)
	w.numberAll(how, visible("a", 1), b)
	b.Category = "leadership" // still in its grace: edits count
	time.Sleep(time.Minute)
	w.numberAll(how, visible("a", 1), b)
	a := visible("a", 1)
	a.Category, b.Category = "architecture", "architecture"
	w.numberAll(how, a, b)
	all, err := w.store.Sequence(w.Context())
	w.check(err)
	if all[0].Category != "engineering" || all[1].Category != "leadership" {
		w.Errorf("moved: %+v", all)
	}
}

func otherLibrary(w *world) {
	a, b := visible("a", 1), visible("b", 2)
	w.numberAll(authority, a, b)
	for _, library := range [][]newsletter.Visible{{a}, {visible("x", 1)}, {a, visible("x", 1)}, {}} {
		n, _, err := w.store.Number(w.Context(), library, newsletter.Numbering{})
		if n != 0 || !errors.Is(err, newsletter.ErrOtherLibrary) {
			w.Errorf("numbered %d of another library: %v", n, err)
		}
	}
	w.wantSequence("1=a 2=b")
	// A superset is the site's folder with something new; the withdrawn are not missed.
	w.numberAll(newsletter.Numbering{}, a, b, visible("c", 3))
	w.numberAll(authority, b, visible("c", 3))
	w.numberAll(newsletter.Numbering{}, b, visible("c", 3), visible("d", 4))
	w.wantSequence("2=b 3=c 4=d")
}

func concurrentNumbering(w *world) {
	w.numberAll(authority, visible("a", 1))
	var all sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 8 {
		all.Go(func() {
			n, _, err := w.store.Number(w.Context(), []newsletter.Visible{visible("a", 1), visible("b", 2), visible("c", 3)}, authority)
			if err != nil {
				w.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	all.Wait()
	if total != 2 {
		w.Errorf("2 insights were numbered %d times", total)
	}
	w.wantSequence("1=a 2=b 3=c")
}

func keptOutOfMail(w *world) {
	a, b := visible("a", 1), visible("b", 2)
	b.Email = false
	w.numberAll(authority, a, b)
	all, err := w.store.Sequence(w.Context())
	w.check(err)
	if len(all) != 2 || all[0].Withdrawal.Is() || !all[1].Withdrawal.Is() {
		w.Errorf("%+v", all)
	}
	b.Email = true
	w.numberAll(authority, a, b)
	if all, err = w.store.Sequence(w.Context()); err != nil || all[1].Withdrawal.Is() {
		w.Errorf("%+v, %v", all, err)
	}
}
