package subscriberstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/subscribers"
)

const secret = "a secret for tests, of 32 bytes or more"

// desk is a Registry over a store, with what a story needs.
type desk struct {
	*testing.T
	subscribers.Registry
}

type story struct {
	name string
	run  func(*desk)
}

func registry(t *testing.T, open func(t *testing.T) subscribers.Store) {
	stories := []story{
		{"sign-up and confirmation", signUpAndConfirm},
		{"each email brings what it says", ownChoices},
		{"a confirmation link expires", expiry},
		{"an old confirmation link after unsubscribing", oldLinkAfterUnsubscribe},
		{"signing up again after unsubscribing", signUpAgain},
		{"already subscribed is said once a day", alreadyOnceADay},
		{"a suppressed address gets nothing", suppressedGetsNothing},
		{"a form that breaks out is refused", hostileForms},
		{"looking changes nothing", lookingChangesNothing},
		{"each token opens one thing", tokensHaveOnePurpose},
		{"preferences", preferences},
		{"staff add", staffAdd},
	}
	for _, story := range slices.Concat(stories, suppressionStories, privacyStories, moveStories, keptStories, waitingStories) {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				keys, err := subscribers.NewKeyring(secret)
				if err != nil {
					t.Fatal(err)
				}
				story.run(&desk{t, subscribers.Registry{
					Store: open(t), Keys: keys, Categories: []string{"architecture", "engineering", "leadership"}, StartWith: 3,
				}})
			})
		})
	}
}

func (d *desk) form(email string) subscribers.SignUp {
	d.Helper()
	return subscribers.SignUp{
		Address: d.address(email), Name: "Ada", Source: "form", Asker: subscribers.Asker{Client: "hash"},
		Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"leadership", "engineering", "leadership"}},
	}
}

// signUp signs up and returns the confirmation token now in force.
func (d *desk) signUp(email string) string {
	d.Helper()
	if err := d.SignUp(d.Context(), d.form(email)); err != nil {
		d.Fatal(err)
	}
	return d.Token(subscribers.ConfirmToken, d.get(email))
}

func (d *desk) get(email string) subscribers.Subscriber {
	d.Helper()
	sub, err := d.Store.ByKey(d.Context(), strings.ToLower(email))
	if err != nil {
		d.Fatal(err)
	}
	return sub
}

// history is what happened to an address, in short.
func (d *desk) history(email string) string {
	d.Helper()
	var all []string
	for _, e := range collect(d.T, d.Store.History(d.Context(), d.get(email).ID)) {
		all = append(all, e.What)
	}
	return strings.Join(all, " ")
}

func (d *desk) token(p subscribers.Purpose, email string) string {
	return d.Token(p, d.get(email))
}

func (d *desk) want(err, want error, doing string) {
	d.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		d.Errorf("%s: got error %v, want %v", doing, err, want)
	}
}

func (d *desk) wantStatus(email string, want subscribers.Status) {
	d.Helper()
	if got := d.get(email).Status; got != want {
		d.Errorf("%s is %s, want %s", email, got, want)
	}
}

func signUpAndConfirm(d *desk) {
	token := d.signUp("Ada@Example.com")
	sub := d.get("ada@example.com")
	if sub.Address.String() != "Ada@example.com" || sub.Name != "Ada" || sub.Source != "form" || strings.Join(sub.Categories, " ") != "engineering leadership" {
		d.Errorf("stored %+v", sub)
	}
	d.wantStatus("ada@example.com", subscribers.Pending)
	for range 2 { // the second POST says "you are subscribed" as well
		sub, err := d.Confirm(d.Context(), token, "client")
		d.want(err, nil, "confirm")
		if sub.Status != subscribers.Confirmed || sub.ConfirmedAt.IsZero() {
			d.Errorf("confirmed: %+v", sub)
		}
		time.Sleep(100 * time.Hour) // a used link does not expire
	}
	if got := d.history("ada@example.com"); got != "signed_up confirmed" {
		d.Errorf("history %q", got)
	}
	events := collect(d.T, d.Store.History(d.Context(), d.get("ada@example.com").ID))
	if e := events[0]; e.Client != "hash" || e.Version == "" || e.Detail != "weekly: engineering, leadership" || e.At.IsZero() {
		d.Errorf("the evidence of consent lacks something: %+v", e)
	}
}

// ownChoices is a stranger who signs up an address that waits for its reader's click.
func ownChoices(d *desk) {
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3}
	first := d.signUp("ada@example.com")
	stranger := d.form("ADA@example.com")
	stranger.Name, stranger.Client = "Fool", "elsewhere"
	stranger.Cadence, stranger.Categories = subscribers.Instant, []string{"architecture"}
	d.want(d.SignUp(d.Context(), stranger), nil, "sign up at once")
	time.Sleep(20 * time.Minute)
	d.want(d.SignUp(d.Context(), stranger), nil, "sign up later")
	second := d.token(subscribers.ConfirmToken, "ada@example.com")
	if first == second {
		d.Fatal("there is no second email")
	}
	for token, want := range map[string]subscribers.Cadence{first: subscribers.Weekly, second: subscribers.Instant} {
		if _, c, err := d.Asked(d.Context(), subscribers.ConfirmToken, token); err != nil || c.Cadence != want {
			d.Errorf("an email for %s leads to %+v, %v", want, c, err)
		}
	}
	sub, err := d.Confirm(d.Context(), first, "")
	d.want(err, nil, "confirm by the first email")
	if sub.Address.String() != "ada@example.com" || sub.Name != "Ada" || sub.Cadence != subscribers.Weekly || strings.Join(sub.Categories, " ") != "engineering leadership" {
		d.Errorf("a stranger chose for them: %+v", sub)
	}
	_, err = d.Confirm(d.Context(), second, "")
	d.want(err, nil, "press the other button")
	if sub := d.get("ada@example.com"); sub.Cadence != subscribers.Weekly || sub.Name != "Ada" {
		d.Errorf("the other button changed what they get: %+v", sub)
	}
	if got := d.history("ada@example.com"); got != "signed_up signed_up signed_up confirmed" {
		d.Errorf("history %q", got)
	}
	events := collect(d.T, d.Store.History(d.Context(), sub.ID))
	if e := events[1]; e.Client != "elsewhere" || !strings.Contains(e.Detail, "instant: architecture") {
		d.Errorf("the stranger's request is not on record: %+v", e)
	}
	if e := events[3]; e.Detail != "weekly: engineering, leadership" {
		d.Errorf("the consent on record is another than was clicked: %+v", e)
	}
	// The second, of somebody else, whom the first email does not concern.
	d.signUp("ben@example.com")
	time.Sleep(20 * time.Minute)
	other := d.form("ben@example.com")
	other.Cadence = subscribers.Daily
	d.want(d.SignUp(d.Context(), other), nil, "sign up again")
	if sub, err := d.Confirm(d.Context(), d.token(subscribers.ConfirmToken, "ben@example.com"), ""); err != nil || sub.Cadence != subscribers.Daily {
		d.Errorf("%+v, %v", sub, err)
	}
	if all := collect(d.T, d.Store.List(d.Context(), subscribers.Filter{})); len(all) != 2 {
		d.Errorf("%d subscribers of two addresses", len(all))
	}
}

func expiry(d *desk) {
	d.ConfirmFor = time.Hour
	token := d.signUp("ada@example.com")
	time.Sleep(time.Hour + time.Millisecond)
	_, err := d.Lookup(d.Context(), subscribers.ConfirmToken, token)
	d.want(err, subscribers.ErrExpired, "look at an expired link")
	_, err = d.Confirm(d.Context(), token, "")
	d.want(err, subscribers.ErrExpired, "confirm too late")
	d.wantStatus("ada@example.com", subscribers.Pending)
	token = d.signUp("ada@example.com")
	time.Sleep(time.Hour)
	_, err = d.Confirm(d.Context(), token, "")
	d.want(err, nil, "confirm at the last moment")
}

func oldLinkAfterUnsubscribe(d *desk) {
	confirm := d.signUp("ada@example.com")
	_, err := d.Confirm(d.Context(), confirm, "")
	d.want(err, nil, "confirm")
	unsubscribe := d.token(subscribers.UnsubscribeToken, "ada@example.com")
	for range 2 {
		sub, err := d.Unsubscribe(d.Context(), unsubscribe, "one_click")
		d.want(err, nil, "unsubscribe")
		if sub.Status != subscribers.Unsubscribed || sub.UnsubscribedAt.IsZero() {
			d.Errorf("unsubscribed: %+v", sub)
		}
	}
	_, err = d.Lookup(d.Context(), subscribers.ConfirmToken, confirm)
	d.want(err, subscribers.ErrExpired, "look at the old confirmation link")
	_, err = d.Confirm(d.Context(), confirm, "")
	d.want(err, subscribers.ErrExpired, "confirm with the old link")
	_, err = d.Prefer(d.Context(), d.token(subscribers.PreferencesToken, "ada@example.com"), d.form("ada@example.com").Preferences)
	d.want(err, subscribers.ErrLapsed, "change preferences after unsubscribing")
	d.wantStatus("ada@example.com", subscribers.Unsubscribed)
	if got := d.history("ada@example.com"); got != "signed_up confirmed unsubscribed" {
		d.Errorf("history %q", got)
	}
}

func signUpAgain(d *desk) {
	_, err := d.Confirm(d.Context(), d.signUp("ada@example.com"), "")
	d.want(err, nil, "confirm")
	unsubscribe := d.token(subscribers.UnsubscribeToken, "ada@example.com")
	_, err = d.Unsubscribe(d.Context(), unsubscribe, "link")
	d.want(err, nil, "unsubscribe")
	again := d.form("ada@example.com")
	again.Cadence, again.Categories = subscribers.Daily, []string{"architecture"}
	d.want(d.SignUp(d.Context(), again), nil, "sign up again")
	d.wantStatus("ada@example.com", subscribers.Pending)
	sub, err := d.Confirm(d.Context(), d.Token(subscribers.ConfirmToken, d.get("ada@example.com")), "")
	d.want(err, nil, "confirm again")
	if sub.Cadence != subscribers.Daily || strings.Join(sub.Categories, " ") != "architecture" || !sub.UnsubscribedAt.IsZero() {
		d.Errorf("old choices are back: %+v", sub)
	}
	// A link in a mail from before still lets them out: they hold it.
	_, err = d.Unsubscribe(d.Context(), unsubscribe, "link")
	d.want(err, nil, "unsubscribe with an old link")
	if got := d.history("ada@example.com"); got != "signed_up confirmed unsubscribed signed_up confirmed unsubscribed" {
		d.Errorf("history %q", got)
	}
}

func alreadyOnceADay(d *desk) {
	_, err := d.Confirm(d.Context(), d.signUp("ada@example.com"), "")
	d.want(err, nil, "confirm")
	before := d.get("ada@example.com")
	d.signUp("ada@example.com")
	first := d.get("ada@example.com").NotifiedAt
	if first.IsZero() {
		d.Fatal("no notice was queued")
	}
	time.Sleep(24*time.Hour - time.Minute)
	d.signUp("ada@example.com")
	if at := d.get("ada@example.com").NotifiedAt; !at.Equal(first) {
		d.Errorf("told again after %v", at.Sub(first))
	}
	time.Sleep(2 * time.Minute)
	d.signUp("ada@example.com")
	if at := d.get("ada@example.com").NotifiedAt; !at.After(first) {
		d.Error("not told again after a day")
	}
	after := d.get("ada@example.com")
	after.NotifiedAt, after.Asked, after.AskedSince = before.NotifiedAt, before.Asked, before.AskedSince
	if diff := cmp.Diff(before, after, same); diff != "" {
		d.Errorf("a stranger's sign-up changed a subscriber:\n%s", diff)
	}
}

func suppressedGetsNothing(d *desk) {
	token := d.signUp("ada@example.com")
	sub := d.get("ada@example.com")
	sub.Status, sub.Reason = subscribers.Suppressed, "complained"
	put(d.T, d.Store, sub)
	d.want(d.SignUp(d.Context(), d.form("ada@example.com")), nil, "sign up: the answer gives nothing away")
	_, err := d.Confirm(d.Context(), token, "")
	d.want(err, subscribers.ErrSuppressed, "confirm")
	_, _, err = d.Add(d.Context(), d.form("ada@example.com"), true, "contract")
	d.want(err, subscribers.ErrSuppressed, "add")
	if !strings.Contains(err.Error(), "complained") {
		d.Errorf("staff are not told why: %v", err)
	}
	if diff := cmp.Diff(sub, d.get("ada@example.com"), same); diff != "" {
		d.Errorf("it was changed:\n%s", diff)
	}
}

func hostileForms(d *desk) {
	change := func(f func(*subscribers.SignUp)) subscribers.SignUp {
		s := d.form("ada@example.com")
		f(&s)
		return s
	}
	forms := map[string]subscribers.SignUp{
		"header in the name":    change(func(s *subscribers.SignUp) { s.Name = "Ada\r\nBcc: eve@example.com" }),
		"line feed in the name": change(func(s *subscribers.SignUp) { s.Name = "Ada\nX" }),
		"NUL in the name":       change(func(s *subscribers.SignUp) { s.Name = "A\x00da" }),
		"line separator":        change(func(s *subscribers.SignUp) { s.Name = "A\u2028da" }),
		"name that is no text":  change(func(s *subscribers.SignUp) { s.Name = "A\xffda" }),
		"long name":             change(func(s *subscribers.SignUp) { s.Name = strings.Repeat("é", 101) }),
		"no category":           change(func(s *subscribers.SignUp) { s.Categories = nil }),
		"an unknown category":   change(func(s *subscribers.SignUp) { s.Categories = []string{"engineering", "gossip"} }),
		"an unknown cadence":    change(func(s *subscribers.SignUp) { s.Cadence = "hourly" }),
		"no address":            change(func(s *subscribers.SignUp) { s.Address = subscribers.Address{} }),
	}
	for name, f := range forms {
		if err := d.SignUp(d.Context(), f); err == nil {
			d.Errorf("%s: accepted", name)
		}
	}
	if all := collect(d.T, d.Store.List(d.Context(), subscribers.Filter{})); len(all) != 0 {
		d.Errorf("%d subscribers were stored", len(all))
	}
	ok := d.form("ada@example.com")
	ok.Name = "  " + strings.Repeat("é", 100) + " "
	d.want(d.SignUp(d.Context(), ok), nil, "a long name of many bytes")
}

func lookingChangesNothing(d *desk) {
	confirm := d.signUp("ada@example.com")
	before := d.get("ada@example.com")
	for p, token := range map[subscribers.Purpose]string{
		subscribers.ConfirmToken:     confirm,
		subscribers.UnsubscribeToken: d.token(subscribers.UnsubscribeToken, "ada@example.com"),
		subscribers.FreshToken:       d.token(subscribers.FreshToken, "ada@example.com"),
	} {
		for range 3 {
			sub, err := d.Lookup(d.Context(), p, token)
			d.want(err, nil, "look up "+string(p))
			if sub.ID != before.ID {
				d.Errorf("%s: found subscriber %d", p, sub.ID)
			}
		}
	}
	if diff := cmp.Diff(before, d.get("ada@example.com"), same); diff != "" {
		d.Errorf("it was changed:\n%s", diff)
	}
	if got := d.history("ada@example.com"); got != "signed_up" {
		d.Errorf("history %q", got)
	}
	for _, token := range []string{"", "x", "a.b.c", d.Keys.Make(subscribers.PreferencesToken, "nobody", "")} {
		_, err := d.Lookup(d.Context(), subscribers.UnsubscribeToken, token)
		d.want(err, subscribers.ErrToken, "look up a token of nobody")
	}
}

func tokensHaveOnePurpose(d *desk) {
	confirm := d.signUp("ada@example.com")
	unsubscribe := d.token(subscribers.UnsubscribeToken, "ada@example.com")
	_, err := d.Unsubscribe(d.Context(), confirm, "link")
	d.want(err, subscribers.ErrToken, "unsubscribe with a confirmation token")
	_, err = d.Confirm(d.Context(), unsubscribe, "")
	d.want(err, subscribers.ErrToken, "confirm with an unsubscribe token")
	_, err = d.Prefer(d.Context(), unsubscribe, d.form("ada@example.com").Preferences)
	d.want(err, subscribers.ErrLapsed, "change preferences with an unsubscribe token")
	_, err = d.Lookup(d.Context(), subscribers.PreferencesToken, unsubscribe)
	d.want(err, subscribers.ErrLapsed, "open preferences with an unsubscribe token")
	d.wantStatus("ada@example.com", subscribers.Pending)
	// A token of a subscriber who was forgotten does not open the row of who has
	// their address now, not even if that happens in the same moment.
	sub := d.get("ada@example.com")
	sub.PublicID = "another"
	d.Store = &between{d.Store, func() { put(d.T, d.Store.(*between).Store, sub) }}
	for range 2 {
		_, err = d.Unsubscribe(d.Context(), unsubscribe, "link")
		d.want(err, nil, "unsubscribe with the token of somebody forgotten")
	}
	d.wantStatus("ada@example.com", subscribers.Pending)
}

// between is a store in which something happens just before each Edit.
type between struct {
	subscribers.Store
	happens func()
}

func (b *between) Edit(ctx context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (subscribers.Subscriber, error) {
	b.happens()
	return b.Store.Edit(ctx, key, change)
}

func preferences(d *desk) {
	_, err := d.Prefer(d.Context(), "x", subscribers.Preferences{Cadence: "never"})
	if err == nil {
		d.Error("an unknown cadence was accepted")
	}
	confirm := d.signUp("ada@example.com")
	wanted := subscribers.Preferences{Cadence: " Daily ", Categories: []string{"leadership", "architecture"}}
	_, err = d.Prefer(d.Context(), d.token(subscribers.PreferencesToken, "ada@example.com"), wanted)
	d.want(err, subscribers.ErrLapsed, "change preferences before confirming")
	_, err = d.Confirm(d.Context(), confirm, "")
	d.want(err, nil, "confirm")
	token := d.token(subscribers.PreferencesToken, "ada@example.com")
	for range 2 { // the second changes nothing and leaves no event
		sub, err := d.Prefer(d.Context(), token, wanted)
		d.want(err, nil, "change preferences")
		if sub.Cadence != subscribers.Daily || strings.Join(sub.Categories, " ") != "architecture leadership" {
			d.Errorf("stored %+v", sub)
		}
	}
	if got := d.history("ada@example.com"); got != "signed_up confirmed preferences" {
		d.Errorf("history %q", got)
	}
}

func staffAdd(d *desk) {
	staff := d.form("ada@example.com")
	staff.Source = "staff"
	for _, basis := range []string{"", "  "} {
		if _, _, err := d.Add(d.Context(), staff, true, basis); err == nil {
			d.Error("confirmed without a basis of consent")
		}
	}
	sub, _, err := d.Add(d.Context(), staff, false, "")
	d.want(err, nil, "add")
	if sub.Status != subscribers.Pending {
		d.Errorf("added: %+v", sub)
	}
	sub, _, err = d.Add(d.Context(), staff, true, "asked for it on paper, 3 May")
	d.want(err, nil, "add with a basis")
	if sub.Status != subscribers.Confirmed || sub.ConfirmedAt.IsZero() || sub.Source != "staff" {
		d.Errorf("added: %+v", sub)
	}
	events := collect(d.T, d.Store.History(d.Context(), sub.ID))
	if last := events[len(events)-1]; !strings.Contains(last.Detail, "on paper, 3 May") {
		d.Errorf("the basis is not on record: %+v", last)
	}
	again, added, err := d.Add(d.Context(), staff, true, "again")
	d.want(err, nil, "add twice")
	if added {
		d.Error("who is confirmed was added")
	}
	if diff := cmp.Diff(sub, again, same); diff != "" || len(collect(d.T, d.Store.History(d.Context(), sub.ID))) != len(events) {
		d.Errorf("adding twice changed something:\n%s", diff)
	}
	_, err = d.Unsubscribe(d.Context(), d.token(subscribers.UnsubscribeToken, "ada@example.com"), "link")
	d.want(err, nil, "unsubscribe")
	if _, _, err = d.Add(d.Context(), staff, true, "they did not mean it"); err == nil {
		d.Error("staff confirmed somebody who had unsubscribed")
	}
	d.wantStatus("ada@example.com", subscribers.Unsubscribed)
	_, _, err = d.Add(d.Context(), staff, false, "")
	d.want(err, nil, "ask them again")
	d.wantStatus("ada@example.com", subscribers.Pending)
	if _, _, err = d.Add(d.Context(), staff, true, "somebody signed them up again"); err == nil {
		d.Error("staff confirmed somebody who had unsubscribed and not clicked since")
	}
}
