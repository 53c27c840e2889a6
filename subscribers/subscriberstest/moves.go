package subscriberstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// moveStories are about readers who change their address.
var moveStories = []story{
	{"a new address is confirmed before it counts", moves},
	{"a new address that is suppressed, or somebody's", movesNowhere},
	{"one who asks again and again", movesOften},
	{"moves are limited as sign-ups are", movesAreLimited},
	{"moves that bring no email count for who asks", movesWithheld},
	{"who is told to come back has not asked", movesRefused},
	{"many readers of a few networks stop no other's moves", movesOfMany},
	{"when one's own email comes tells nothing of others", ownTurn},
	{"moves to addresses of others", movesToAddresses},
	{"a mailbox whose owner wants no moves to it", moveDeclined},
	{"links in a mailbox that was left", mailboxThatWasLeft},
	{"who moves while they ask to be erased", movesWhileErased},
}

func moves(d *desk) {
	before := d.confirmed("ada@example.com")
	if signUp := d.Token(subscribers.ConfirmToken, before); d.Moves(before, signUp) {
		d.Errorf("a sign-up counts as a move: %+v", before.Confirmations)
	}
	time.Sleep(time.Hour)
	token := d.token(subscribers.FreshToken, "ada@example.com")
	_, err := d.Move(d.Context(), token, d.address("Ada@new.example"), subscribers.Asker{})
	d.want(err, nil, "move")
	sub := d.get("ada@example.com")
	if sub.Mailbox().String() != "Ada@new.example" || sub.Address.String() != "ada@example.com" {
		d.Errorf("%+v", sub)
	}
	link := d.Token(subscribers.ConfirmToken, sub)
	looked, err := d.Lookup(d.Context(), subscribers.ConfirmToken, link)
	if err != nil || looked.Address != sub.Address {
		d.Errorf("looking moved them: %+v, %v", looked, err)
	}
	for range 2 {
		if _, asked, err := d.Asked(d.Context(), subscribers.ConfirmToken, link); err != nil || !asked.Asked.Equal(time.Now()) {
			d.Errorf("asked: %+v, %v", asked, err)
		}
		moved, err := d.Confirm(d.Context(), link, "client")
		d.want(err, nil, "confirm")
		if !d.Moves(moved, link) {
			d.Errorf("a move is not known as one: %+v", moved.Confirmations)
		}
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
	_, err = d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@new.example"), d.address("third@example.com"), subscribers.Asker{})
	d.want(err, nil, "move")
	late := d.Token(subscribers.ConfirmToken, d.get("ada@new.example"))
	time.Sleep(73 * time.Hour)
	_, err = d.Confirm(d.Context(), late, "")
	d.want(err, subscribers.ErrExpired, "confirm late")
}

// movesOften: who asks again and again takes nothing from what all who move share.
func movesOften(d *desk) {
	d.confirmed("ada@example.com")
	d.confirmed("ben@example.com")
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, All: 10, Domain: 10, Waiting: 10}
	for i := range 100 {
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@example.com"), d.address(fmt.Sprintf("new%d@new.example", i)), subscribers.Asker{})
		d.want(err, nil, "move")
	}
	_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ben@example.com"), d.address("ben@new.example"), subscribers.Asker{})
	d.want(err, nil, "move")
	if d.get("ben@example.com").NewAddress.String() != "ben@new.example" {
		d.Error("one reader keeps others from moving")
	}
}

func movesNowhere(d *desk) {
	d.confirmed("ada@example.com")
	d.confirmed("ben@example.com")
	d.suppress("eve@example.com", subscribers.Complained)
	posted := d.post()
	token := d.token(subscribers.FreshToken, "ada@example.com")
	for to, want := range map[string]error{"eve@example.com": nil, "ADA@example.com": subscribers.ErrOwnAddress} { // nothing is given away of others
		_, err := d.Move(d.Context(), token, d.address(to), subscribers.Asker{})
		d.want(err, want, "move to "+to)
	}
	if len(posted.to) != 0 {
		d.Errorf("emails go to %q", posted.to)
	}
	// To the person who asks it looks as if one did.
	if sub := d.get("ada@example.com"); sub.NewAddress.String() != "eve@example.com" || d.history("ada@example.com") != "signed_up confirmed move_asked" {
		d.Errorf("moves to %q, history %q", sub.NewAddress, d.history("ada@example.com"))
	}
	time.Sleep(20 * time.Minute)
	_, err := d.Move(d.Context(), token, d.address("ben@example.com"), subscribers.Asker{})
	d.want(err, nil, "move")
	_, err = d.Confirm(d.Context(), d.Token(subscribers.ConfirmToken, d.get("ada@example.com")), "")
	d.want(err, subscribers.ErrTaken, "confirm")
	d.wantStatus("ada@example.com", subscribers.Confirmed)
	d.wantStatus("ben@example.com", subscribers.Confirmed)
	_, err = d.Move(d.Context(), d.token(subscribers.UnsubscribeToken, "ada@example.com"), d.address("x@example.com"), subscribers.Asker{})
	d.want(err, subscribers.ErrLapsed, "move by another token")
}

// moveDeclined: the mailbox is spared from then on, and nothing changes for who wanted to
// move there, nor for who has left it.
func moveDeclined(d *desk) {
	for _, from := range []string{"ada@example.com", "ben@example.com", "cyd@example.com"} {
		d.confirmed(from)
	}
	ask := func(from, to string) (decline string) {
		d.Helper()
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, from), d.address(to), subscribers.Asker{})
		d.want(err, nil, "move")
		return d.token(subscribers.DeclineToken, from)
	}
	decline := ask("ada@example.com", "stranger@example.com")
	confirm := d.token(subscribers.ConfirmToken, "ada@example.com")
	for range 2 {
		kept, asked, err := d.Decline(d.Context(), decline)
		d.want(err, nil, "decline")
		if kept.Status != subscribers.Suppressed || kept.Cause != subscribers.Declined || asked.To.String() != "stranger@example.com" {
			d.Errorf("%+v, asked at %s", kept, asked.To)
		}
	}
	d.wantStatus("ada@example.com", subscribers.Confirmed)
	if got := d.history("ada@example.com"); got != "signed_up confirmed move_asked move_declined" {
		d.Errorf("history %q", got)
	}
	_, err := d.Confirm(d.Context(), confirm, "")
	d.want(err, subscribers.ErrExpired, "confirm what was declined")
	posted := d.post()
	ask("cyd@example.com", "stranger@example.com")
	d.want(d.SignUp(d.Context(), d.form("stranger@example.com")), nil, "sign up")
	if len(posted.to) != 0 {
		d.Errorf("emails go to %q, which want none", posted.to)
	}
	if _, err := d.Store.ByKey(d.Context(), "stranger@example.com"); err == nil {
		d.Error("who said never is signed up")
	}

	// Of somebody who is subscribed there: what they get ends.
	decline = ask("ben@example.com", "cyd@example.com")
	_, _, err = d.Decline(d.Context(), decline)
	d.want(err, nil, "decline where somebody is subscribed")
	d.wantStatus("cyd@example.com", subscribers.Unsubscribed)
	d.wantStatus("ben@example.com", subscribers.Confirmed)

	// By the first email of one who has moved since: it may have been forwarded, and the old
	// mailbox can take them back.
	d.signUp("dan@example.com")
	first := d.token(subscribers.DeclineToken, "dan@example.com")
	d.confirmed("dan@example.com")
	time.Sleep(time.Hour)
	ask("dan@example.com", "dan@new.example")
	_, err = d.Confirm(d.Context(), d.token(subscribers.ConfirmToken, "dan@example.com"), "")
	d.want(err, nil, "confirm")
	kept, _, err := d.Decline(d.Context(), first)
	d.want(err, nil, "decline at the address that was left")
	d.wantStatus("dan@new.example", subscribers.Confirmed)
	if kept.Status != subscribers.Unsubscribed {
		d.Errorf("the mailbox that was left is %s", kept.Status)
	}
}

func movesAreLimited(d *desk) {
	var movers []string
	for i := range 10 {
		movers = append(movers, fmt.Sprintf("ada+%d@example.com", i))
		d.confirmed(movers[i])
	}
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 12}
	posted := d.post()
	ask := func(from, client string) {
		d.Helper()
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, from), d.address("stranger@example.com"), subscribers.Asker{Client: client})
		d.want(err, nil, "move")
	}
	for _, from := range movers {
		ask(from, "a")
	}
	if n := len(posted.to); n != 1 {
		d.Errorf("a stranger was asked %d times within a moment", n)
	}
	for i := range 30 {
		time.Sleep(16 * time.Minute)
		ask(movers[i%10], "")
	}
	if n := len(posted.to); n != 3 {
		d.Errorf("a stranger was asked %d times in a day", n)
	}
}

// movesWithheld: one reader's moves to a mailbox that has had its emails, or may have none,
// leave others what all share.
func movesWithheld(d *desk) {
	d.confirmed("ada@example.com")
	d.confirmed("ben@example.com")
	d.suppress("gone@new.example", subscribers.Complained)
	d.Limits = subscribers.Limits{AddressEvery: time.Minute, AddressADay: 3, Domain: 8}
	for i := range 20 {
		to := "gone@new.example"
		if i%2 == 0 {
			to = "full@new.example"
		}
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@example.com"), d.address(to), subscribers.Asker{Client: fmt.Sprint(i)})
		d.want(err, nil, "move")
	}
	_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ben@example.com"), d.address("ben@new.example"), subscribers.Asker{})
	d.want(err, nil, "move of another")
	if to := d.get("ben@example.com").NewAddress.String(); to != "ben@new.example" {
		d.Errorf("the other moves to %q", to)
	}
}

func movesRefused(d *desk) {
	d.confirmed("ada@example.com")
	d.confirmed("ben@example.com")
	d.Limits = subscribers.Limits{AddressADay: 3, Domain: 1}
	_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ben@example.com"), d.address("ben@new.example"), subscribers.Asker{})
	d.want(err, nil, "move of another")
	for range 5 {
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@example.com"), d.address("ada@new.example"), subscribers.Asker{})
		d.want(err, subscribers.ErrBusy, "move beyond what all share")
	}
	time.Sleep(time.Hour)
	_, err = d.Move(d.Context(), d.token(subscribers.FreshToken, "ada@example.com"), d.address("ada@new.example"), subscribers.Asker{})
	d.want(err, nil, "move later")
	if to := d.get("ada@example.com").NewAddress.String(); to != "ada@new.example" {
		d.Errorf("they move to %q", to)
	}
}

// movesOfMany: readers are cheap, and their moves can't wait.
func movesOfMany(d *desk) {
	d.Limits = subscribers.Limits{}
	for i := range 40 {
		d.confirmed(fmt.Sprintf("reader%d@many.example", i))
	}
	d.confirmed("ben@example.com")
	d.Limits = subscribers.Limits{AddressADay: 3, Client: 30, Domain: 26}
	busy := 0
	for i := range 40 {
		network := fmt.Sprint("network", i%2)
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, fmt.Sprintf("reader%d@many.example", i)), d.address(fmt.Sprintf("new%d@big.example", i)), subscribers.Asker{Client: fmt.Sprint(network, i), Around: network})
		if errors.Is(err, subscribers.ErrBusy) {
			busy++
		}
	}
	if busy == 0 {
		d.Error("they used up nothing")
	}
	for i := range 2 {
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, "ben@example.com"), d.address(fmt.Sprintf("ben%d@big.example", i)), subscribers.Asker{Client: "home"})
		d.want(err, nil, "move of another")
	}
}

// ownTurn: a request that brings no email takes a turn, as one that does.
func ownTurn(d *desk) {
	for _, reader := range []string{"ada@example.com", "ben@example.com", "cyd@example.com"} {
		d.confirmed(reader)
	}
	d.suppress("eve@example.com", subscribers.Complained)
	d.Turns = subscribers.Turns{Every: time.Second, EveryAt: 2 * time.Second, MostAhead: time.Minute}
	posted := d.post()
	for _, between := range []string{"nobody@example.com", "cyd@example.com", "eve@example.com"} {
		time.Sleep(25 * time.Hour)
		posted.after = nil
		for _, to := range []string{"ada@example.com", between, "ben@example.com"} {
			d.want(d.SendLink(d.Context(), d.address(to), subscribers.Asker{}), nil, "ask for a link")
		}
		first, last := posted.after[0], posted.after[len(posted.after)-1]
		if got := last.Sub(first); got != 4*time.Second || first.After(time.Now()) {
			d.Errorf("with %s asked for in between, the second comes %v after the first", between, got)
		}
	}
}

// posting is a store that notes where emails go that ask for a confirmation, and when all go.
type posting struct {
	subscribers.Store
	to    []string
	after []time.Time
}

func (p *posting) Edit(ctx context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (subscribers.Subscriber, error) {
	var to string
	var after time.Time
	sub, err := p.Store.Edit(ctx, key, func(s *subscribers.Subscriber) (subscribers.Change, error) {
		c, err := change(s)
		after = c.After
		if to = ""; err == nil && c.Notice == subscribers.ConfirmNotice && c.Withheld == "" {
			to = c.NoticeTo(*s).String()
		}
		return c, err
	})
	if err == nil && to != "" {
		p.to = append(p.to, to)
	}
	if err == nil && !after.IsZero() {
		p.after = append(p.after, after)
	}
	return sub, err
}

// post notes from now on where emails go that ask for a confirmation.
func (d *desk) post() *posting {
	p := &posting{Store: d.Store}
	d.Store = p
	return p
}

// meanwhile is a store in which something happens after the first look at a subscriber.
type meanwhile struct {
	subscribers.Store
	happens func()
}

func (m *meanwhile) ByPublicID(ctx context.Context, publicID string) (subscribers.Subscriber, error) {
	sub, err := m.Store.ByPublicID(ctx, publicID)
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
	}
	return sub, err
}

func movesWhileErased(d *desk) {
	d.confirmed("ada@example.com")
	token := d.token(subscribers.FreshToken, "ada@example.com")
	_, err := d.Move(d.Context(), token, d.address("new@example.com"), subscribers.Asker{})
	d.want(err, nil, "move")
	confirm := d.Token(subscribers.ConfirmToken, d.get("ada@example.com"))
	d.Store = &meanwhile{d.Store, func() {
		_, err := d.Confirm(d.Context(), confirm, "")
		d.want(err, nil, "confirm")
	}}
	d.want(d.ForgetBy(d.Context(), token), subscribers.ErrLapsed, "erase by a link that went with the mailbox")
	d.wantStatus("new@example.com", subscribers.Confirmed)
}

// mailboxThatWasLeft may have another reader by now, or it was a thief who moved its
// reader's digests.
func mailboxThatWasLeft(d *desk) {
	d.confirmed("ada@example.com")
	ada := func() subscribers.Subscriber {
		d.Helper()
		for sub, err := range d.Store.List(d.Context(), subscribers.Filter{}) {
			d.want(err, nil, "list")
			return d.get(sub.Address.String())
		}
		d.Fatal("they are gone")
		return subscribers.Subscriber{}
	}
	move := func(ask func() error, to string) {
		d.Helper()
		d.want(ask(), nil, "ask to move")
		_, err := d.Confirm(d.Context(), d.Token(subscribers.ConfirmToken, ada()), "")
		d.want(err, nil, "confirm")
		if got := ada().Address.String(); got != to {
			d.Fatalf("the address is %s", got)
		}
	}
	byMail := func(to string) func() error {
		return func() error {
			_, err := d.Move(d.Context(), d.Token(subscribers.FreshToken, ada()), d.address(to), subscribers.Asker{})
			return err
		}
	}
	old, unsubscribe := d.Token(subscribers.PreferencesToken, ada()), d.Token(subscribers.UnsubscribeToken, ada())
	move(byMail("thief@example.com"), "thief@example.com")
	back := d.WayBack(ada(), d.address("ada@example.com"), time.Now())
	for p, want := range map[subscribers.Purpose]error{subscribers.PreferencesToken: subscribers.ErrLapsed, subscribers.FreshToken: subscribers.ErrLapsed, subscribers.UnsubscribeToken: subscribers.ErrToken, subscribers.ConfirmToken: subscribers.ErrToken} {
		_, err := d.Lookup(d.Context(), p, back)
		d.want(err, want, "a way back as a link to "+string(p))
	}
	for _, token := range []string{old, unsubscribe} {
		_, err := d.Lookup(d.Context(), subscribers.PreferencesToken, token)
		d.want(err, subscribers.ErrLapsed, "preferences of who has left the mailbox")
		_, err = d.Return(d.Context(), token, d.address("ada@example.com"), subscribers.Asker{})
		d.want(err, subscribers.ErrToken, "the way back by another link")
		d.want(d.ForgetBy(d.Context(), token), subscribers.ErrLapsed, "erase who has left the mailbox")
	}

	time.Sleep(24 * time.Hour)
	move(byMail("hidden@example.com"), "hidden@example.com")
	// However often a thief moves, whoever calls them back gets a mail at once.
	limits := d.Limits
	d.Limits = subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3}
	for range 5 {
		time.Sleep(16 * time.Minute)
		_, err := d.Move(d.Context(), d.Token(subscribers.FreshToken, ada()), d.address("elsewhere@example.com"), subscribers.Asker{})
		d.want(err, nil, "ask to move")
	}
	// Nor does it help the thief to use up what the old mailbox may get.
	for range 4 {
		err := d.SignUp(d.Context(), subscribers.SignUp{Address: d.address("ada@example.com"), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: d.Categories[:1]}})
		d.want(err, nil, "sign the old mailbox up")
		time.Sleep(16 * time.Minute)
	}
	// Nor does a link of this kind reach others: it leads back to the mailbox that was left.
	asked := 0
	for i := range 20 {
		time.Sleep(16 * time.Minute)
		_, err := d.Return(d.Context(), back, d.address(fmt.Sprintf("stranger%d@elsewhere.example", i)), subscribers.Asker{Client: fmt.Sprint("client", i)})
		d.want(err, nil, "ask to return elsewhere")
		if c := ada().Confirmations[0]; strings.HasPrefix(c.To.String(), "stranger") {
			asked++
		}
	}
	if asked != 0 {
		d.Errorf("%d strangers were asked", asked)
	}
	_, err := d.Return(d.Context(), back, d.address("ada@example.com"), subscribers.Asker{})
	d.want(err, nil, "ask to return")
	back1 := ada().Confirmations[0]
	if back1.To.String() != "ada@example.com" || back1.Back.IsZero() || ada().NewAddress.String() != "elsewhere@example.com" {
		d.Errorf("the mail goes to %s", back1.To)
	}
	// Who has moved it since has a way back, too, which does not end that of the first.
	_, err = d.Return(d.Context(), d.WayBack(ada(), d.address("thief@example.com"), time.Now()), d.address("thief@example.com"), subscribers.Asker{})
	d.want(err, nil, "ask to return to the thief")
	if c := ada().Confirmations; c[0].To.String() != "thief@example.com" || c[1].To.String() != "ada@example.com" || c[0].Ended || c[1].Ended {
		d.Errorf("asked at %v", c)
	}
	d.Limits = limits
	time.Sleep(6*24*time.Hour - 8*time.Hour)
	looked, err := d.Lookup(d.Context(), subscribers.ReturnToken, back)
	d.want(err, nil, "the way back, whatever the thief did since")
	if looked.Address.String() != "hidden@example.com" {
		d.Errorf("looking moved them to %s", looked.Address)
	}
	later := d.WayBack(ada(), d.address("thief@example.com"), time.Now())
	move(func() error {
		_, err := d.Return(d.Context(), back, d.address("ada@example.com"), subscribers.Asker{})
		return err
	}, "ada@example.com")
	// The mailbox that was left first has it back for good: no other has a way back by now.
	told := d.WayBack(ada(), d.address("hidden@example.com"), time.Now())
	for _, token := range []string{later, told} {
		_, err := d.Return(d.Context(), token, d.address("thief@example.com"), subscribers.Asker{})
		d.want(err, subscribers.ErrExpired, "the way back of who had it meanwhile")
	}
	time.Sleep(2 * time.Minute)
	_, err = d.Lookup(d.Context(), subscribers.ReturnToken, d.WayBack(ada(), d.address("ada@example.com"), time.Now()))
	d.want(err, nil, "the way back after a later move")
	_, err = d.Lookup(d.Context(), subscribers.PreferencesToken, old)
	d.want(err, nil, "preferences, back in the mailbox")
	time.Sleep(25 * time.Hour)
	_, err = d.Return(d.Context(), back, d.address("ada@example.com"), subscribers.Asker{})
	d.want(err, subscribers.ErrToken, "the way back after a week")
	_, err = d.Unsubscribe(d.Context(), unsubscribe, "link")
	d.want(err, nil, "unsubscribe by an old mail")
}

func movesToAddresses(d *desk) {
	moving := func(from, to string) string {
		d.Helper()
		d.confirmed(from)
		_, err := d.Move(d.Context(), d.token(subscribers.FreshToken, from), d.address(to), subscribers.Asker{})
		d.want(err, nil, "move")
		return d.Token(subscribers.ConfirmToken, d.get(from))
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

	cal, dot := moving("cal@example.com", "nobody@example.com"), moving("dot@example.com", "Erased@example.com")
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
	// They went to who knows whom.
	_, err = d.Lookup(d.Context(), subscribers.ConfirmToken, cal)
	d.want(err, subscribers.ErrExpired, "a link to move that nobody used")
	_, err = d.Lookup(d.Context(), subscribers.ConfirmToken, dot)
	d.want(err, subscribers.ErrToken, "a link to move to an address that was erased")
}
