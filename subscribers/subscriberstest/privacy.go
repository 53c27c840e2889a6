package subscriberstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// privacyStories are about those who say no, and those who are asked too often.
var privacyStories = []story{
	{"who must not be written to, whoever asks", suppressedByCause},
	{"who asks never to be written to", declined},
	{"who says no while nothing may be sent to them", saidNo},
	{"who was forgotten after a bounce", forgottenBounced},
	{"moves are limited as sign-ups are", movesAreLimited},
	{"moves to addresses of others", movesToAddresses},
	{"a pause ends with the subscription", pausesEnd},
	{"a suppression without a subscriber", suppressedUnknown},
	{"a graver cause stays", graverCause},
	{"a suppression is lifted", lifted},
	{"forgotten: nothing is left but a hash", forgotten},
	{"forgotten: an id is not given again", idsAreNotReused},
	{"who was forgotten may come back, and nobody else may bring them", forgottenComesBack},
	{"who never confirms is forgotten after a week", unconfirmedAreForgotten},
	{"one address gets few mails, and is not told", limitPerAddress},
	{"limits of clients are told, others withhold mail in silence", limitsInAll},
	{"an unsubscription is taken back", undone},
	{"less mail instead of none", lessInstead},
	{"a new address is confirmed before it counts", moves},
	{"a new address that is suppressed, or somebody's", movesNowhere},
}

func moves(d *desk) {
	before := d.confirmed("ada@example.com")
	token := d.token(subscribers.PreferencesToken, "ada@example.com")
	_, err := d.Move(d.Context(), token, d.address("Ada@new.example"), "")
	d.want(err, nil, "move")
	sub := d.get("ada@example.com")
	if sub.Mailbox().String() != "Ada@new.example" || sub.Address.String() != "ada@example.com" {
		d.Errorf("%+v", sub)
	}
	link := d.ConfirmURLToken(sub)
	looked, err := d.Lookup(d.Context(), subscribers.ConfirmToken, link)
	if err != nil || looked.Address != sub.Address {
		d.Errorf("looking moved them: %+v, %v", looked, err)
	}
	for range 2 {
		_, err = d.Confirm(d.Context(), link, "client")
		d.want(err, nil, "confirm")
	}
	after := d.get("ada@new.example")
	if after.ID != before.ID || after.PublicID != before.PublicID || after.Status != subscribers.Confirmed || after.Mailbox() != after.Address {
		d.Errorf("%+v", after)
	}
	_, err = d.Store.ByKey(d.Context(), "ada@example.com")
	d.want(err, subscribers.ErrNotFound, "the old address")
	if got := d.history("ada@new.example"); got != "signed_up confirmed move_asked moved" {
		d.Errorf("history %q", got)
	}
	_, err = d.Move(d.Context(), token, d.address("third@example.com"), "")
	d.want(err, nil, "move")
	late := d.ConfirmURLToken(d.get("ada@new.example"))
	time.Sleep(73 * time.Hour)
	_, err = d.Confirm(d.Context(), late, "")
	d.want(err, subscribers.ErrExpired, "confirm late")
}

func movesNowhere(d *desk) {
	d.confirmed("ada@example.com")
	d.confirmed("ben@example.com")
	d.suppress("eve@example.com", subscribers.Complained)
	token := d.token(subscribers.PreferencesToken, "ada@example.com")
	for _, to := range []string{"eve@example.com", "ADA@example.com"} {
		_, err := d.Move(d.Context(), token, d.address(to), "")
		d.want(err, nil, "move: the answer gives nothing away")
		if sub := d.get("ada@example.com"); sub.Mailbox() != sub.Address {
			d.Errorf("a mail goes to %s", sub.Mailbox())
		}
	}
	_, err := d.Move(d.Context(), token, d.address("ben@example.com"), "")
	d.want(err, nil, "move")
	_, err = d.Confirm(d.Context(), d.ConfirmURLToken(d.get("ada@example.com")), "")
	d.want(err, subscribers.ErrTaken, "confirm")
	d.wantStatus("ada@example.com", subscribers.Confirmed)
	d.wantStatus("ben@example.com", subscribers.Confirmed)
	_, err = d.Move(d.Context(), d.token(subscribers.UnsubscribeToken, "ada@example.com"), d.address("x@example.com"), "")
	d.want(err, subscribers.ErrToken, "move by another token")
}

func (d *desk) address(email string) subscribers.Address { return address(d.T, email) }

func (d *desk) confirmed(email string) subscribers.Subscriber {
	d.Helper()
	_, err := d.Confirm(d.Context(), d.signUp(email), "")
	d.want(err, nil, "confirm")
	return d.get(email)
}

// suppressions are those on record, in short.
func (d *desk) suppressions() string {
	d.Helper()
	var all []string
	for _, s := range collect(d.T, d.Store.Suppressions(d.Context())) {
		all = append(all, strings.TrimSpace(fmt.Sprint(s.Email, " ", s.Status, " ", s.Cause)))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (d *desk) suppress(email string, cause subscribers.Cause) {
	d.Helper()
	_, err := d.Suppress(d.Context(), d.address(email), cause, "said so", "test")
	d.want(err, nil, "suppress")
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

func suppressedByCause(d *desk) {
	for _, cause := range subscribers.Causes {
		email := string(cause) + "@example.com"
		d.confirmed(email)
		d.suppress(email, cause)
		d.wantStatus(email, subscribers.Suppressed)
		time.Sleep(29 * 24 * time.Hour)
		d.want(d.SignUp(d.Context(), form(email)), nil, "sign up: the answer gives nothing away")
		d.wantStatus(email, subscribers.Suppressed)
		if got := d.imports(email); got != subscribers.Kept {
			d.Errorf("%s: an import: %s", cause, got)
		}
		time.Sleep(2 * 24 * time.Hour)
		d.want(d.SignUp(d.Context(), form(email)), nil, "sign up")
		want := subscribers.Suppressed
		if cause == subscribers.Bounced { // mailboxes are mended
			want = subscribers.Pending
		}
		d.wantStatus(email, want)
	}
	if got := d.suppressions(); got != "complaint@example.com suppressed complaint, owner@example.com suppressed owner, staff@example.com suppressed staff" {
		d.Errorf("suppressions %q", got)
	}
}

// declined is who never confirmed, and wants no more mails that ask whether they did.
func declined(d *desk) {
	const email = "ada@example.com"
	d.want(d.SignUp(d.Context(), form(email)), nil, "sign up")
	confirm, unsubscribe := d.ConfirmURLToken(d.get(email)), d.token(subscribers.UnsubscribeToken, email)
	for range 2 {
		sub, err := d.Decline(d.Context(), unsubscribe)
		d.want(err, nil, "decline")
		if sub.Status != subscribers.Suppressed || sub.Cause != subscribers.Declined || sub.UnsubscribedAt.IsZero() {
			d.Errorf("%+v", sub)
		}
	}
	_, err := d.Confirm(d.Context(), confirm, "")
	d.want(err, subscribers.ErrSuppressed, "confirm")
	_, err = d.Decline(d.Context(), confirm)
	d.want(err, subscribers.ErrToken, "decline by another token")
	time.Sleep(90 * 24 * time.Hour)
	d.want(d.SignUp(d.Context(), form(email)), nil, "sign up again")
	d.wantStatus(email, subscribers.Suppressed)
	d.want(d.Forget(d.Context(), d.address(email)), nil, "forget")
	d.want(d.SignUp(d.Context(), form(email)), nil, "sign up when forgotten")
	if _, err := d.Store.ByKey(d.Context(), email); err == nil {
		d.Error("whoever enters it makes a subscriber of one who said never")
	}
}

func suppressedUnknown(d *desk) {
	d.suppress("Nobody@example.com", subscribers.BlockedHere)
	if _, err := d.Store.ByKey(d.Context(), "nobody@example.com"); err == nil {
		d.Error("a subscriber was made")
	}
	if got := d.suppressions(); got != "suppressed staff" {
		d.Errorf("suppressions %q", got)
	}
	changed, err := d.Suppress(d.Context(), d.address("nobody@example.com"), subscribers.BlockedHere, "again", "test")
	if err != nil || changed {
		d.Errorf("suppressed twice: %v, %v", changed, err)
	}
	d.want(d.SignUp(d.Context(), form("nobody@example.com")), nil, "sign up")
	_, err = d.Add(d.Context(), form("nobody@example.com"), true, "they said so")
	d.want(err, subscribers.ErrSuppressed, "add")
	if got := d.imports("nobody@example.com"); got != subscribers.Kept {
		d.Errorf("an import: %s", got)
	}
	if _, err := d.Store.ByKey(d.Context(), "nobody@example.com"); err == nil {
		d.Error("they became a subscriber")
	}
	_, err = d.Lift(d.Context(), d.address("nobody@example.com"), "test")
	d.want(err, nil, "lift")
	if got := d.suppressions(); got != "" {
		d.Errorf("suppressions %q", got)
	}
	d.confirmed("nobody@example.com")
}

func graverCause(d *desk) {
	d.confirmed("ada@example.com")
	d.suppress("ada@example.com", subscribers.Bounced)
	d.suppress("ada@example.com", subscribers.Complained)
	d.suppress("ada@example.com", subscribers.Bounced)
	if got := d.suppressions(); got != "ada@example.com suppressed complaint" {
		d.Errorf("suppressions %q", got)
	}
}

func lifted(d *desk) {
	for email, want := range map[string]subscribers.Status{"bounce": subscribers.Confirmed, "complaint": subscribers.Unsubscribed, "left": subscribers.Unsubscribed, "pending": subscribers.Pending} {
		email += "@example.com"
		if want == subscribers.Pending {
			d.signUp(email)
		} else {
			d.confirmed(email)
		}
		cause := subscribers.Bounced
		switch email {
		case "complaint@example.com":
			cause = subscribers.Complained
		case "left@example.com":
			_, err := d.Unsubscribe(d.Context(), d.token(subscribers.UnsubscribeToken, email), "link")
			d.want(err, nil, "unsubscribe")
		}
		d.suppress(email, cause)
		d.wantStatus(email, subscribers.Suppressed)
		sub, err := d.Lift(d.Context(), d.address(email), "staff")
		d.want(err, nil, "lift")
		if sub.Status != want || sub.Reason != "" || sub.Cause != "" {
			d.Errorf("%s: %+v", email, sub)
		}
		_, err = d.Lift(d.Context(), d.address(email), "staff")
		d.want(err, subscribers.ErrNotFound, "lift twice")
	}
	if got := d.suppressions(); got != "" {
		d.Errorf("suppressions %q", got)
	}
}

func forgotten(d *desk) {
	d.confirmed("ada@example.com")
	token := d.token(subscribers.PreferencesToken, "ada@example.com")
	d.suppress("ben@example.com", subscribers.Complained)
	d.confirmed("cleo@example.com")
	d.want(d.ForgetBy(d.Context(), token), nil, "forget")
	_, err := d.Store.ByKey(d.Context(), "ada@example.com")
	d.want(err, subscribers.ErrNotFound, "look for whom was forgotten")
	_, err = d.Lookup(d.Context(), subscribers.PreferencesToken, token)
	d.want(err, subscribers.ErrToken, "their link")
	d.want(d.ForgetBy(d.Context(), token), subscribers.ErrToken, "forget twice")
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
	if _, err := d.Add(d.Context(), form("ada@example.com"), true, "staff think so"); err == nil {
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

// saidNo are those who unsubscribe, or are reported, while nothing may be sent to
// them: they stay unsubscribed when that is lifted.
func saidNo(d *desk) {
	row := func(email string, status subscribers.Status, cause subscribers.Cause) {
		d.Helper()
		in, err := d.Check(subscribers.Imported{Address: d.address(email), Status: status, Cause: cause, Preferences: subscribers.Preferences{Cadence: subscribers.Daily}})
		d.want(err, nil, "check")
		for _, want := range []subscribers.Outcome{subscribers.Changed, subscribers.Unchanged} {
			outcomes, err := d.Import(d.Context(), []subscribers.Imported{in}, false)
			d.want(err, nil, "import")
			if outcomes[0] != want && !(want == subscribers.Unchanged && outcomes[0] == subscribers.Kept) {
				d.Errorf("%s: an import is %s, want %s", email, outcomes[0], want)
			}
		}
	}
	for email, no := range map[string]func(string){
		"link@example.com": func(email string) {
			_, err := d.Unsubscribe(d.Context(), d.token(subscribers.UnsubscribeToken, email), "one_click")
			d.want(err, nil, "unsubscribe")
		},
		"staff@example.com": func(email string) {
			_, changed, err := d.StaffUnsubscribe(d.Context(), d.address(email))
			if d.want(err, nil, "unsubscribe"); !changed {
				d.Error("to unsubscribe who is suppressed changes nothing")
			}
		},
		"complaint@example.com": func(email string) { d.suppress(email, subscribers.Complained) },
		"import@example.com":    func(email string) { row(email, subscribers.Unsubscribed, "") },
		"reported@example.com":  func(email string) { row(email, subscribers.Suppressed, subscribers.Complained) },
	} {
		for _, cause := range []subscribers.Cause{subscribers.Bounced, subscribers.BlockedHere} {
			email := string(cause) + "." + email
			d.confirmed(email)
			d.suppress(email, cause)
			no(email)
			d.wantStatus(email, subscribers.Suppressed)
			_, err := d.Lift(d.Context(), d.address(email), "staff")
			d.want(err, nil, "lift")
			d.wantStatus(email, subscribers.Unsubscribed)
		}
	}
}

func movesAreLimited(d *desk) {
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 12}
	asked := 0
	ask := func(from, client string, want error) {
		d.Helper()
		_, err := d.Move(d.Context(), d.token(subscribers.PreferencesToken, from), d.address("stranger@example.com"), client)
		d.want(err, want, "move")
		if d.get(from).NewAddress != (subscribers.Address{}) {
			asked++
		}
	}
	var movers []string
	limits := d.Limits
	d.Limits = subscribers.Limits{}
	for i := range 10 {
		movers = append(movers, fmt.Sprintf("ada+%d@example.com", i))
		d.confirmed(movers[i])
	}
	d.Limits = limits
	for _, from := range movers {
		ask(from, "a", nil)
	}
	if asked != 1 {
		d.Errorf("a stranger was asked %d times within a moment", asked)
	}
	for range 30 {
		time.Sleep(16 * time.Minute)
		for _, from := range movers[1:] {
			if d.get(from).NewAddress == (subscribers.Address{}) {
				ask(from, "", nil)
				break
			}
		}
	}
	if asked != 3 {
		d.Errorf("a stranger was asked %d times in a day", asked)
	}
}

func movesToAddresses(d *desk) {
	moving := func(from, to string) string {
		d.Helper()
		d.confirmed(from)
		_, err := d.Move(d.Context(), d.token(subscribers.PreferencesToken, from), d.address(to), "")
		d.want(err, nil, "move")
		return d.ConfirmURLToken(d.get(from))
	}
	blocked := moving("ada@example.com", "blocked@example.com")
	d.suppress("blocked@example.com", subscribers.BlockedHere)
	_, err := d.Confirm(d.Context(), blocked, "")
	d.want(err, subscribers.ErrSuppressed, "move to an address that was blocked meanwhile")
	d.wantStatus("ada@example.com", subscribers.Confirmed)
	if got := d.suppressions(); got != "suppressed staff" {
		d.Errorf("suppressions %q", got)
	}

	pending := moving("ben@example.com", "pending@example.com")
	d.signUp("pending@example.com")
	_, err = d.Confirm(d.Context(), pending, "")
	d.want(err, nil, "move to an address that somebody signed up")
	d.wantStatus("pending@example.com", subscribers.Confirmed)
	if sub := d.get("pending@example.com"); sub.Status != subscribers.Confirmed {
		d.Errorf("%+v", sub)
	}
	if got := d.imports("ben@example.com"); got != subscribers.Kept {
		d.Errorf("an old list with the address that was left: %s", got)
	}
	if got := d.history("pending@example.com"); !strings.HasSuffix(got, "move_asked moved") {
		d.Errorf("history %q", got)
	}

	moving("cal@example.com", "nobody@example.com")
	moving("dot@example.com", "Erased@example.com")
	d.want(d.Forget(d.Context(), d.address("erased@example.com")), subscribers.ErrNotFound, "forget")
	if to := d.get("dot@example.com").NewAddress; to != (subscribers.Address{}) {
		d.Errorf("%s is still kept", to)
	}
	time.Sleep(8 * 24 * time.Hour)
	_, err = d.Tidy(d.Context())
	d.want(err, nil, "tidy")
	if to := d.get("cal@example.com").NewAddress; to != (subscribers.Address{}) {
		d.Errorf("%s is kept for ever", to)
	}
	d.wantStatus("cal@example.com", subscribers.Confirmed)
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
	other := form("ada@example.com")
	other.Cadence = subscribers.Monthly
	d.want(d.SignUp(d.Context(), other), nil, "sign up")
	if sub := d.get("ada@example.com"); d.ConfirmURLToken(sub) != first || sub.Cadence != subscribers.Monthly {
		d.Errorf("the mail that is there does not lead to what was chosen last: %+v", sub)
	}
	tokens := map[string]bool{first: true}
	for range 24 * 2 {
		time.Sleep(20 * time.Minute)
		tokens[d.signUp("ada@example.com")] = true
	}
	if len(tokens) != 3 {
		d.Errorf("%d mails in less than a day", len(tokens))
	}
	time.Sleep(8 * time.Hour)
	if tokens[d.signUp("ada@example.com")] {
		d.Error("no mail a day later")
	}
}

func limitsInAll(d *desk) {
	d.Limits = subscribers.Limits{Client: 3, Domain: 5, All: 7}
	attempt := func(client, domain string, want error, taken bool) {
		d.Helper()
		s := form(fmt.Sprintf("reader%d@%s", time.Now().UnixNano(), domain))
		s.Client = client
		d.want(d.SignUp(d.Context(), s), want, "sign up from "+client)
		if _, err := d.Store.ByKey(d.Context(), s.Address); (err == nil) != taken {
			d.Errorf("sign up from %s at %s: %v", client, domain, err)
		}
		time.Sleep(time.Second)
	}
	for range 3 {
		attempt("a", "one.example", nil, true)
	}
	attempt("a", "one.example", subscribers.ErrTooMany, false)
	attempt("b", "one.example", nil, true)
	attempt("", "one.example", nil, true) // a client that is not known is not counted
	attempt("c", "one.example", nil, false)
	attempt("c", "two.example", nil, true)
	attempt("d", "two.example", nil, true)
	attempt("e", "three.example", nil, false)
	time.Sleep(time.Hour)
	attempt("a", "one.example", nil, true)
}

func undone(d *desk) {
	d.confirmed("ada@example.com")
	token := d.token(subscribers.UnsubscribeToken, "ada@example.com")
	_, err := d.Undo(d.Context(), token)
	d.want(err, nil, "undo what was not done")
	_, err = d.Unsubscribe(d.Context(), token, "link")
	d.want(err, nil, "unsubscribe")
	time.Sleep(23 * time.Hour)
	sub, err := d.Undo(d.Context(), token)
	d.want(err, nil, "undo")
	if sub.Status != subscribers.Confirmed || !sub.UnsubscribedAt.IsZero() {
		d.Errorf("%+v", sub)
	}
	_, err = d.Unsubscribe(d.Context(), token, "link")
	d.want(err, nil, "unsubscribe")
	time.Sleep(25 * time.Hour)
	_, err = d.Undo(d.Context(), token)
	d.want(err, subscribers.ErrExpired, "undo late")
	d.signUp("ben@example.com")
	_, err = d.Unsubscribe(d.Context(), d.token(subscribers.UnsubscribeToken, "ben@example.com"), "link")
	d.want(err, nil, "unsubscribe")
	_, err = d.Undo(d.Context(), d.token(subscribers.UnsubscribeToken, "ben@example.com"))
	d.want(err, subscribers.ErrExpired, "undo by one who never confirmed")
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
