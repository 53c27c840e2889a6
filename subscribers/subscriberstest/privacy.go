package subscriberstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// privacyStories are about those who say no, and those who are asked too often.
var privacyStories = []story{
	{"who was forgotten after a bounce", forgottenBounced},
	{"a pause ends with the subscription", pausesEnd},
	{"forgotten: nothing is left but a hash", forgotten},
	{"forgotten: an id is not given again", idsAreNotReused},
	{"who was forgotten may come back, and nobody else may bring them", forgottenComesBack},
	{"who never confirms is forgotten after a week", unconfirmedAreForgotten},
	{"one address gets few emails, and is not told", limitPerAddress},
	{"limits per mailbox, however its address is written", limitPerInbox},
	{"limits of clients are told, others withhold mail in silence", limitsInAll},
	{"an unsubscription is taken back", undone},
	{"an unsubscription by the link of nobody", unknownLeaves},
	{"a fresh link is sent to whom it may be", freshLinks},
	{"histories are bounded", boundedHistories},
	{"less mail instead of none", lessInstead},
}

func (d *desk) address(email string) subscribers.Address { return address(d.T, email) }

func (d *desk) confirmed(email string) subscribers.Subscriber {
	d.Helper()
	_, err := d.Confirm(d.Context(), d.signUp(email), "")
	d.want(err, nil, "confirm")
	return d.get(email)
}

// imports a confirmed reader and says what became of it.
func (d *desk) imports(email string) subscribers.Outcome {
	d.Helper()
	row, err := d.Check(subscribers.Imported{Address: d.address(email), Status: subscribers.Confirmed, Preferences: subscribers.Preferences{Cadence: subscribers.Daily}})
	d.want(err, nil, "check")
	outcomes, err := d.Import(d.Context(), []subscribers.Imported{row}, false)
	d.want(err, nil, "import")
	return outcomes[0]
}

func forgotten(d *desk) {
	d.confirmed("ada@example.com")
	token := d.token(subscribers.FreshToken, "ada@example.com")
	d.suppress("ben@example.com", subscribers.Complained)
	d.confirmed("cleo@example.com")
	d.want(d.ForgetBy(d.Context(), token), nil, "forget")
	_, err := d.Store.ByKey(d.Context(), "ada@example.com")
	d.want(err, subscribers.ErrNotFound, "look for whom was forgotten")
	_, err = d.Lookup(d.Context(), subscribers.FreshToken, token)
	d.want(err, subscribers.ErrLapsed, "their link")
	d.want(d.ForgetBy(d.Context(), token), subscribers.ErrLapsed, "forget twice")
	d.want(d.Forget(d.Context(), d.address("ada@example.com")), subscribers.ErrNotFound, "forget twice")
	if got := d.suppressions(); got != "suppressed complaint, unsubscribed" {
		d.Errorf("suppressions %q", got)
	}
	d.wantStatus("cleo@example.com", subscribers.Confirmed)
}

func idsAreNotReused(d *desk) {
	last := d.confirmed("ada@example.com").ID
	d.want(d.Forget(d.Context(), d.address("ada@example.com")), nil, "forget")
	if id := d.confirmed("ben@example.com").ID; id <= last {
		d.Errorf("id %d was given again, as %d", last, id)
	}
}

func forgottenComesBack(d *desk) {
	d.confirmed("ada@example.com")
	d.want(d.Forget(d.Context(), d.address("ada@example.com")), nil, "forget")
	if got := d.imports("ada@example.com"); got != subscribers.Kept {
		d.Errorf("an import: %s", got)
	}
	if _, _, err := d.Add(d.Context(), d.form("ada@example.com"), true, "staff think so"); err == nil {
		d.Error("staff confirmed somebody who wanted to be forgotten")
	}
	d.signUp("ada@example.com")
	if got := d.imports("ada@example.com"); got != subscribers.Kept {
		d.Errorf("an import of one who has not confirmed: %s", got)
	}
	time.Sleep(8 * 24 * time.Hour)
	_, err := d.Tidy(d.Context())
	d.want(err, nil, "tidy")
	if _, err := d.Store.ByKey(d.Context(), "ada@example.com"); err == nil {
		d.Error("a stranger's sign-up brought back who was forgotten")
	}
	if got := d.suppressions(); got != "unsubscribed" {
		d.Errorf("suppressions %q", got)
	}
	if got := d.imports("ada@example.com"); got != subscribers.Kept {
		d.Errorf("an import: %s", got)
	}
	d.confirmed("ada@example.com")
	if got := d.suppressions(); got != "" {
		d.Errorf("suppressions %q", got)
	}
}

// forgottenBounced is who was forgotten when mail to them came back: neither a sign-up
// of others nor staff who lift that open the door to an import.
func forgottenBounced(d *desk) {
	for email, again := range map[string]func(){
		"ada@example.com": func() {
			time.Sleep(31 * 24 * time.Hour)
			d.signUp("ada@example.com")
			time.Sleep(8 * 24 * time.Hour)
			_, err := d.Tidy(d.Context())
			d.want(err, nil, "tidy")
		},
		"ben@example.com": func() {
			_, err := d.Lift(d.Context(), d.address("ben@example.com"), "staff")
			d.want(err, nil, "lift")
		},
	} {
		d.confirmed(email)
		d.suppress(email, subscribers.Bounced)
		d.want(d.Forget(d.Context(), d.address(email)), nil, "forget")
		again()
		if got := d.imports(email); got != subscribers.Kept {
			d.Errorf("an import of %s: %s", email, got)
		}
	}
}

func pausesEnd(d *desk) {
	d.confirmed("ada@example.com")
	_, err := d.Pause(d.Context(), d.token(subscribers.PreferencesToken, "ada@example.com"), time.Now().Add(90*24*time.Hour))
	d.want(err, nil, "pause")
	_, err = d.Unsubscribe(d.Context(), d.token(subscribers.UnsubscribeToken, "ada@example.com"), "link")
	d.want(err, nil, "unsubscribe")
	time.Sleep(24 * time.Hour)
	if sub := d.confirmed("ada@example.com"); !sub.PausedUntil.IsZero() {
		d.Errorf("who signs up again is paused until %s", sub.PausedUntil)
	}
}

func unconfirmedAreForgotten(d *desk) {
	d.signUp("ada@example.com")
	d.confirmed("ben@example.com")
	time.Sleep(6 * 24 * time.Hour)
	d.signUp("cleo@example.com")
	time.Sleep(25 * time.Hour)
	n, err := d.Tidy(d.Context())
	if err != nil || n != 1 {
		d.Errorf("%d forgotten, %v", n, err)
	}
	_, err = d.Store.ByKey(d.Context(), "ada@example.com")
	d.want(err, subscribers.ErrNotFound, "look for whom was forgotten")
	d.wantStatus("ben@example.com", subscribers.Confirmed)
	d.wantStatus("cleo@example.com", subscribers.Pending)
	if got := d.suppressions(); got != "" { // they never said no
		d.Errorf("suppressions %q", got)
	}
}

func limitPerAddress(d *desk) {
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3}
	first := d.signUp("ada@example.com")
	time.Sleep(14 * time.Minute)
	other := d.form("ada@example.com")
	other.Cadence = subscribers.Monthly
	d.want(d.SignUp(d.Context(), other), nil, "sign up")
	if sub := d.get("ada@example.com"); d.Token(subscribers.ConfirmToken, sub) != first || sub.Cadence != subscribers.Weekly || sub.Confirmations[0].Cadence != subscribers.Weekly {
		d.Errorf("somebody else has changed what the email says: %+v", sub)
	}
	tokens := map[string]bool{first: true}
	for range 24 * 2 {
		time.Sleep(20 * time.Minute)
		tokens[d.signUp("ada@example.com")] = true
	}
	if len(tokens) != 3 {
		d.Errorf("%d emails in less than a day", len(tokens))
	}
	time.Sleep(8 * time.Hour)
	if tokens[d.signUp("ada@example.com")] {
		d.Error("no mail a day later")
	}
}

func limitPerInbox(d *desk) {
	d.Limits = subscribers.Limits{AddressADay: 3}
	try := func(email string, taken bool) {
		d.Helper()
		d.want(d.SignUp(d.Context(), d.form(email)), nil, "sign up")
		if _, err := d.Store.ByKey(d.Context(), strings.ToLower(email)); (err == nil) != taken {
			d.Errorf("sign up %s: %v", email, err)
		}
	}
	for _, email := range []string{"ada.l+1@gmail.com", "Ada.L+2@gmail.com", "a.d.a.l@googlemail.com"} {
		try(email, true)
	}
	for i := range 20 {
		try(fmt.Sprintf("adal+%d@gmail.com", i+3), false)
	}
	try("a.da.l@gmail.com", true) // even if others were entered: it may be the owner's own
	try("adal@gmail.com", true)
	for i, email := range []string{"e.velyn@gmail.com", "ev.elyn@gmail.com", "eve.lyn@gmail.com", "evel.yn@gmail.com", "evely.n@gmail.com", "e.v.elyn@gmail.com", "e.ve.lyn@gmail.com", "e.vel.yn@gmail.com", "e.vely.n@gmail.com", "ev.e.lyn@gmail.com", "evelyn@gmail.com"} {
		try(email, i < 9) // of dots there are many, too
	}
	try("ada@gmail.com", true)
	try("adal@example.com", true)
	try("ada.l@example.com", true) // may be another's
	time.Sleep(25 * time.Hour)
	try("evelyn@gmail.com", true)
}

func limitsInAll(d *desk) {
	d.Limits = subscribers.Limits{Client: 3, Domain: 7, All: 11}
	attempt := func(client, domain string, want error, taken bool) {
		d.Helper()
		s := d.form(fmt.Sprintf("reader%d@%s", time.Now().UnixNano(), domain))
		s.Client, s.Wide = client, "around"+client
		d.want(d.SignUp(d.Context(), s), want, "sign up from "+client)
		if _, err := d.Store.ByKey(d.Context(), s.Address.Key()); (err == nil) != taken {
			d.Errorf("sign up from %s at %s: %v", client, domain, err)
		}
		time.Sleep(time.Second)
	}
	for range 3 {
		attempt("a", "one.example", nil, true)
	}
	attempt("a", "one.example", subscribers.ErrTooMany, false)
	attempt("", "one.example", nil, true) // a client that is not known is not counted
	attempt("c", "one.example", nil, false)
	attempt("c", "two.example", nil, true)
	attempt("d", "two.example", nil, true)
	attempt("e", "three.example", nil, false)
	time.Sleep(time.Hour)
	if n := d.release(); n != 2 {
		d.Errorf("%d had their turn", n)
	}
	attempt("a", "one.example", nil, true)
	// Each /64 of a /56 may ask for as much, but not all of them together.
	for i := range 20 {
		s := d.form(fmt.Sprintf("near%d@%d.example", i, i))
		s.Client, s.Wide = fmt.Sprint("near", i), "wide"
		want := error(nil)
		if i >= 12 {
			want = subscribers.ErrTooMany
		}
		d.want(d.SignUp(d.Context(), s), want, "sign up from a /56")
	}
}

func undone(d *desk) {
	d.confirmed("ada@example.com")
	token := d.token(subscribers.UnsubscribeToken, "ada@example.com")
	leave := func() (undo string) {
		d.Helper()
		_, undo, err := d.Leave(d.Context(), token)
		d.want(err, nil, "unsubscribe")
		return undo
	}
	undo := leave()
	for _, other := range []string{token, d.token(subscribers.PreferencesToken, "ada@example.com"), d.Keys.Make(subscribers.UndoToken, d.get("ada@example.com").PublicID, "")} {
		_, err := d.Undo(d.Context(), other)
		d.want(err, subscribers.ErrExpired, "undo by another link")
	}
	time.Sleep(59 * time.Minute)
	sub, err := d.Undo(d.Context(), undo)
	d.want(err, nil, "undo")
	if sub.Status != subscribers.Confirmed || !sub.UnsubscribedAt.IsZero() {
		d.Errorf("%+v", sub)
	}
	never := func(undo, when string) {
		d.Helper()
		_, err := d.Undo(d.Context(), undo)
		d.want(err, subscribers.ErrExpired, "undo "+when)
		if undo == "" {
			d.Errorf("there is nothing to undo %s", when)
		}
	}
	second := leave()
	never(undo, "by the page of another time")
	time.Sleep(time.Hour)
	never(second, "late")
	d.confirmed("ada@example.com")
	stranger := leave() // with a forwarded email, say
	if again := leave(); again != "" {
		d.Error("who had left can undo it")
	}
	never(stranger, "after somebody said so once more")
	// Anybody can sign them up, and an old mail may be anybody's.
	d.signUp("ada@example.com")
	if undo := leave(); undo != "" {
		d.Error("what was not confirmed can be undone")
	}
	d.wantStatus("ada@example.com", subscribers.Unsubscribed)
	_, err = d.Undo(d.Context(), second)
	d.want(err, subscribers.ErrExpired, "undo what was not confirmed")
	d.confirmed("ada@example.com")
	third := leave()
	_, _, err = d.StaffUnsubscribe(d.Context(), d.address("ada@example.com"))
	d.want(err, nil, "unsubscribe")
	never(third, "after staff did the same")
	d.confirmed("ada@example.com")
	fourth := leave()
	_, err = d.Unsubscribe(d.Context(), token, "complaint")
	d.want(err, nil, "unsubscribe")
	never(fourth, "after a complaint")
	d.confirmed("ada@example.com")
	fifth := leave()
	d.suppress("ada@example.com", subscribers.BlockedHere)
	_, err = d.Lift(d.Context(), d.address("ada@example.com"), "test")
	d.want(err, nil, "lift")
	never(fifth, "after a suppression")
}

// unknownLeaves is a reader of whom a restored database knows nothing, or who was erased.
func unknownLeaves(d *desk) {
	sub := d.confirmed("ada@example.com")
	d.want(d.Forget(d.Context(), sub.Address), nil, "forget")
	token := d.Token(subscribers.UnsubscribeToken, sub)
	for _, source := range []string{"one_click", "mail"} {
		got, err := d.Unsubscribe(d.Context(), token, source)
		if d.want(err, nil, "unsubscribe"); got.Status != subscribers.Unsubscribed {
			d.Errorf("%+v", got)
		}
	}
	if _, undo, err := d.Leave(d.Context(), token); err != nil || undo != "" {
		d.Errorf("%q, %v", undo, err)
	}
	_, err := d.Less(d.Context(), token, subscribers.Monthly, time.Time{})
	d.want(err, subscribers.ErrExpired, "less for nobody")
	_, err = d.Less(d.Context(), token, "", time.Now().Add(time.Hour))
	d.want(err, subscribers.ErrExpired, "a pause for nobody")
	_, err = d.Unsubscribe(d.Context(), d.Token(subscribers.PreferencesToken, sub), "link")
	d.want(err, subscribers.ErrToken, "unsubscribe nobody by another link")
	if all := collect(d.T, d.Store.List(d.Context(), subscribers.Filter{})); len(all) != 0 {
		d.Errorf("stored: %+v", all)
	}
}

func freshLinks(d *desk) {
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 30}
	ask := func(email string) {
		d.Helper()
		d.want(d.SendLink(d.Context(), d.address(email), subscribers.Asker{Client: "c"}), nil, "ask for a link")
	}
	d.confirmed("ada@example.com")
	d.signUp("pending@example.com")
	d.confirmed("left@example.com")
	_, err := d.Unsubscribe(d.Context(), d.token(subscribers.UnsubscribeToken, "left@example.com"), "link")
	d.want(err, nil, "unsubscribe")
	d.confirmed("bounced@example.com")
	d.suppress("bounced@example.com", subscribers.Bounced)
	d.suppress("nobodys@example.com", subscribers.BlockedHere)
	time.Sleep(time.Hour)
	for email, want := range map[string]int{"ada@example.com": 2, "left@example.com": 1, "pending@example.com": 0, "bounced@example.com": 0} {
		for range 10 {
			ask(strings.ToUpper(email))
			time.Sleep(10 * time.Minute)
		}
		if got := strings.Count(d.history(email), "link_asked"); got != want {
			d.Errorf("%s was sent %d links, want %d", email, got, want)
		}
		time.Sleep(2 * time.Hour)
	}
	ask("nobodys@example.com")
	ask("unknown@example.com")
	if _, err := d.Store.ByKey(d.Context(), "unknown@example.com"); err == nil {
		d.Error("who asks for a link is stored")
	}
	var last error
	for range 40 {
		if err := d.SendLink(d.Context(), d.address("unknown@example.com"), subscribers.Asker{Client: "c"}); err != nil {
			last = err
		}
	}
	d.want(last, subscribers.ErrTooMany, "ask without end")
	time.Sleep(25 * time.Hour)
	for i := range 2 {
		_, sent, err := d.SendLinkTo(d.Context(), d.token(subscribers.PreferencesToken, "ada@example.com"), subscribers.Asker{Client: "d"})
		if d.want(err, nil, "ask from the preferences"); sent != (i == 0) {
			d.Errorf("asked %d times: sent %v", i+1, sent)
		}
	}
	_, _, err = d.SendLinkTo(d.Context(), d.token(subscribers.UnsubscribeToken, "ada@example.com"), subscribers.Asker{Client: "d"})
	d.want(err, subscribers.ErrLapsed, "ask by another link")

	// Strangers who ask for links shut neither readers off nor sign-ups.
	time.Sleep(25 * time.Hour)
	d.Limits.All, d.Limits.Domain = 2, 2
	before := strings.Count(d.history("ada@example.com"), "link_asked")
	for i := range 40 {
		err := d.SendLink(d.Context(), d.address(fmt.Sprintf("s%d@example.com", i)), subscribers.Asker{Client: fmt.Sprint("n", i), Wide: fmt.Sprint("w", i)})
		d.want(err, nil, "ask for a link to nobody")
	}
	ask("ada@example.com")
	if got := strings.Count(d.history("ada@example.com"), "link_asked"); got != before+1 {
		d.Error("strangers keep a reader from a link")
	}
	d.signUp("honest@example.com")
	d.wantStatus("honest@example.com", subscribers.Pending)
}

func lessInstead(d *desk) {
	d.confirmed("ada@example.com")
	token := d.token(subscribers.UnsubscribeToken, "ada@example.com")
	sub, err := d.Less(d.Context(), token, subscribers.Monthly, time.Time{})
	if err != nil || sub.Cadence != subscribers.Monthly || sub.Status != subscribers.Confirmed {
		d.Errorf("%+v, %v", sub, err)
	}
	until := time.Now().Add(30 * 24 * time.Hour)
	sub, err = d.Less(d.Context(), token, "", until)
	if err != nil || !sub.PausedUntil.Equal(until) {
		d.Errorf("%+v, %v", sub, err)
	}
	// The holder of an old email can't bring more, or sooner.
	for _, more := range []subscribers.Cadence{subscribers.Weekly, subscribers.Monthly, subscribers.Instant} {
		if sub, err = d.Less(d.Context(), token, more, time.Time{}); err != nil || sub.Cadence != subscribers.Monthly {
			d.Errorf("%s instead of monthly: %+v, %v", more, sub, err)
		}
	}
	for _, sooner := range []time.Time{time.Now().Add(time.Hour), {}, until.Add(time.Hour)} {
		if sub, err = d.Less(d.Context(), token, "", sooner); err != nil || !sub.PausedUntil.Equal(until) {
			d.Errorf("paused until %v: %+v, %v", sooner, sub, err)
		}
	}
	own := d.token(subscribers.PreferencesToken, "ada@example.com")
	if _, err := d.Pause(d.Context(), own, time.Now().Add(400*24*time.Hour)); err == nil {
		d.Error("a pause of more than a year")
	}
	sub, err = d.Pause(d.Context(), own, time.Time{})
	if err != nil || !sub.PausedUntil.IsZero() {
		d.Errorf("%+v, %v", sub, err)
	}
	if got := d.history("ada@example.com"); got != "signed_up confirmed preferences paused resumed" {
		d.Errorf("history %q", got)
	}
}

// Nobody fills the database by an address they know, or a link they have, and no reader is
// kept from leaving meanwhile.
func boundedHistories(d *desk) {
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3}
	token := d.signUp("pending@example.com")
	for i := range 100 {
		d.want(d.SignUp(d.Context(), subscribers.SignUp{
			Address: d.address("pending@example.com"), Source: "form", Asker: subscribers.Asker{Client: fmt.Sprint("stranger ", i)},
			Preferences: subscribers.Preferences{Cadence: subscribers.Daily, Categories: d.Categories[:1]},
		}), nil, "sign up once more")
	}
	if got := strings.Count(d.history("pending@example.com"), "signed_up"); got != 10 {
		d.Errorf("%d sign-ups are recorded, want 10", got)
	}
	_, err := d.Confirm(d.Context(), token, "")
	d.want(err, nil, "confirm after all that")
	d.confirmed("ada@example.com")
	preferences, leave := d.token(subscribers.PreferencesToken, "ada@example.com"), d.token(subscribers.UnsubscribeToken, "ada@example.com")
	changes := map[string]func(i int) error{
		"preferences": func(i int) error {
			_, err := d.Prefer(d.Context(), preferences, subscribers.Preferences{Cadence: []subscribers.Cadence{subscribers.Daily, subscribers.Weekly}[i%2], Categories: d.Categories[:1]})
			return err
		},
		"pauses": func(i int) error {
			_, err := d.Pause(d.Context(), preferences, time.Now().Add(time.Duration(i+1)*time.Hour))
			return err
		},
		"unsubscribing and undoing it": func(int) error {
			_, undo, err := d.Leave(d.Context(), leave)
			if err == nil {
				_, err = d.Undo(d.Context(), undo)
			}
			return err
		},
	}
	for _, kind := range slices.Sorted(maps.Keys(changes)) {
		time.Sleep(2 * time.Hour)
		before := len(strings.Fields(d.history("ada@example.com")))
		var last error
		for i := range 100 {
			if last = changes[kind](i); last != nil {
				break
			}
		}
		d.want(last, subscribers.ErrChanges, kind)
		if kind == "preferences" { // which keeps nobody from more
			_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@example.com"), d.address("new@example.com"), subscribers.Asker{})
			d.want(err, nil, "move")
			if d.get("ada@example.com").NewAddress == (subscribers.Address{}) {
				d.Error("a link to preferences keeps a reader from moving")
			}
		}
		if got := len(strings.Fields(d.history("ada@example.com"))) - before; got > subscribers.EventsHourly+1 {
			d.Errorf("%s: %d events in an hour", kind, got)
		}
	}
	_, err = d.Unsubscribe(d.Context(), leave, "one_click")
	d.want(err, nil, "unsubscribe")
	d.wantStatus("ada@example.com", subscribers.Unsubscribed)
}
