package subscriberstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// suppressionStories are about addresses that must not be written to.
var suppressionStories = []story{
	{"who must not be written to, whoever asks", suppressedByCause},
	{"who asks never to be written to", declined},
	{"who says no while nothing may be sent to them", saidNo},
	{"a suppression without a subscriber", suppressedUnknown},
	{"a graver cause stays", graverCause},
	{"a suppression is lifted", lifted},
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

func suppressedByCause(d *desk) {
	for _, cause := range subscribers.Causes {
		email := string(cause) + "@example.com"
		d.confirmed(email)
		d.suppress(email, cause)
		d.wantStatus(email, subscribers.Suppressed)
		time.Sleep(29 * 24 * time.Hour)
		d.want(d.SignUp(d.Context(), d.form(email)), nil, "sign up: the answer gives nothing away")
		d.wantStatus(email, subscribers.Suppressed)
		if got := d.imports(email); got != subscribers.Kept {
			d.Errorf("%s: an import: %s", cause, got)
		}
		time.Sleep(2 * 24 * time.Hour)
		d.want(d.SignUp(d.Context(), d.form(email)), nil, "sign up")
		want := subscribers.Suppressed
		if cause == subscribers.Bounced { // mailboxes are mended
			want = subscribers.Pending
		}
		d.wantStatus(email, want)
	}
	if got := d.imports("bounce@example.com"); got != subscribers.Kept {
		d.Errorf("who was signed up by whoever: an import: %s", got)
	}
	if got := d.suppressions(); got != "bounce@example.com suppressed bounce, complaint@example.com suppressed complaint, owner@example.com suppressed owner, staff@example.com suppressed staff" {
		d.Errorf("suppressions %q", got)
	}
	_, _, err := d.Add(d.Context(), d.form("bounce@example.com"), true, "staff think so")
	d.want(err, subscribers.ErrSuppressed, "add")
	again := d.signUp("bounce@example.com")
	_, err = d.Confirm(d.Context(), again, "")
	d.want(err, nil, "confirm")
	if got := d.suppressions(); strings.Contains(got, "bounce") {
		d.Errorf("suppressions %q of who confirmed", got)
	}
}

// declined is who never confirmed, and wants no more emails that ask whether they did.
func declined(d *desk) {
	const email = "ada@example.com"
	d.want(d.SignUp(d.Context(), d.form(email)), nil, "sign up")
	confirm, decline := d.Token(subscribers.ConfirmToken, d.get(email)), d.token(subscribers.DeclineToken, email)
	for range 2 {
		sub, _, err := d.Decline(d.Context(), decline)
		d.want(err, nil, "decline")
		if sub.Status != subscribers.Suppressed || sub.Cause != subscribers.Declined || sub.UnsubscribedAt.IsZero() {
			d.Errorf("%+v", sub)
		}
	}
	_, err := d.Confirm(d.Context(), confirm, "")
	d.want(err, subscribers.ErrSuppressed, "confirm")
	_, _, err = d.Decline(d.Context(), confirm)
	d.want(err, subscribers.ErrToken, "decline by another token")
	_, _, err = d.Decline(d.Context(), d.token(subscribers.UnsubscribeToken, email))
	d.want(err, subscribers.ErrToken, "decline by the link of any mail")
	d.signUp("ben@example.com")
	theirs := d.token(subscribers.DeclineToken, "ben@example.com")
	time.Sleep(80 * time.Hour)
	_, err = d.Lookup(d.Context(), subscribers.DeclineToken, theirs)
	d.want(err, nil, "decline later than one can confirm")
	d.confirmed("ben@example.com")
	_, _, err = d.Decline(d.Context(), theirs)
	d.want(err, nil, "decline by an earlier email, when another was confirmed")
	d.wantStatus("ben@example.com", subscribers.Unsubscribed)
	// The holder of that email, who signs them up again, can't say never for them.
	time.Sleep(time.Hour)
	d.signUp("ben@example.com")
	_, _, err = d.Decline(d.Context(), theirs)
	d.want(err, nil, "decline by an email from before they left")
	d.wantStatus("ben@example.com", subscribers.Pending)
	_, _, err = d.Decline(d.Context(), d.token(subscribers.DeclineToken, "ben@example.com"))
	d.want(err, nil, "decline by the newest email")
	d.wantStatus("ben@example.com", subscribers.Suppressed)
	time.Sleep(90 * 24 * time.Hour)
	d.want(d.SignUp(d.Context(), d.form(email)), nil, "sign up again")
	d.wantStatus(email, subscribers.Suppressed)
	d.want(d.Forget(d.Context(), d.address(email)), nil, "forget")
	d.want(d.SignUp(d.Context(), d.form(email)), nil, "sign up when forgotten")
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
	d.want(d.SignUp(d.Context(), d.form("nobody@example.com")), nil, "sign up")
	_, _, err = d.Add(d.Context(), d.form("nobody@example.com"), true, "they said so")
	d.want(err, subscribers.ErrSuppressed, "add")
	if got := d.imports("nobody@example.com"); got != subscribers.Kept {
		d.Errorf("an import: %s", got)
	}
	if _, err := d.Store.ByKey(d.Context(), "nobody@example.com"); err == nil {
		d.Error("they became a subscriber")
	}
	complaint, err := d.Check(subscribers.Imported{Address: d.address("nobody@example.com"), Status: subscribers.Suppressed, Cause: subscribers.Complained, Preferences: subscribers.Preferences{Cadence: subscribers.Daily}})
	d.want(err, nil, "check")
	for _, want := range []subscribers.Outcome{subscribers.Changed, subscribers.Unchanged} {
		outcomes, err := d.Import(d.Context(), []subscribers.Imported{complaint}, false)
		d.want(err, nil, "import")
		if outcomes[0] != want || d.suppressions() != "suppressed complaint" {
			d.Errorf("a complaint is %s, want %s: %s", outcomes[0], want, d.suppressions())
		}
	}
	_, err = d.Lift(d.Context(), d.address("nobody@example.com"), "test")
	d.want(err, nil, "lift")
	if got := d.suppressions(); got != "unsubscribed" {
		d.Errorf("suppressions %q; who complained comes back by themselves alone", got)
	}
	d.confirmed("nobody@example.com")
	if got := d.suppressions(); got != "" {
		d.Errorf("suppressions %q", got)
	}

	// Whatever staff do with an address that was forgotten, it stays so.
	d.want(d.Forget(d.Context(), d.address("nobody@example.com")), nil, "forget")
	d.suppress("nobody@example.com", subscribers.BlockedHere)
	_, err = d.Lift(d.Context(), d.address("nobody@example.com"), "test")
	d.want(err, nil, "lift")
	if got := d.imports("nobody@example.com"); got != subscribers.Kept {
		d.Errorf("an import of one who was forgotten, blocked and lifted: %s", got)
	}
	d.suppress("other@example.com", subscribers.BlockedHere)
	_, err = d.Lift(d.Context(), d.address("other@example.com"), "test")
	d.want(err, nil, "lift")
	if got := d.imports("other@example.com"); got != subscribers.Added {
		d.Errorf("an import of one who never said no: %s", got)
	}
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
