package subscriberstest

import (
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// moveStories are about readers who change their address.
var moveStories = []story{
	{"a new address is confirmed before it counts", moves},
	{"a new address that is suppressed, or somebody's", movesNowhere},
	{"moves are limited as sign-ups are", movesAreLimited},
	{"moves to addresses of others", movesToAddresses},
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
