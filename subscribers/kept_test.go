package subscribers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/subscriberstest"
)

var today = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestWhatIsKeptAfterAChange(t *testing.T) {
	for _, test := range subscriberstest.KeptCases(today) {
		if kept, changed := subscribers.KeptAfter(test.Before, test.After, today); kept != test.Kept || changed != test.Changed {
			t.Errorf("%s: %+v, %v; want %+v, %v", test.Name, kept, changed, test.Kept, test.Changed)
		}
		former, has := subscribers.KeptOfFormer(test.Before, test.After, today)
		if has != (test.Former != nil) || has && former != *test.Former {
			t.Errorf("%s: %+v, %v is kept of the address that was left", test.Name, former, has)
		}
	}
}

func TestWhatIsKeptOfTheErased(t *testing.T) {
	for _, test := range subscriberstest.ErasedCases(today) {
		if kept := subscribers.KeptOfErased(test.Before, today); kept != test.Kept {
			t.Errorf("%s: %+v, want %+v", test.Name, kept, test.Kept)
		}
	}
}

func TestWhatTidyingLeaves(t *testing.T) {
	for _, test := range subscriberstest.TidiedCases(today) {
		after, forget := subscribers.Tidied(test.Before, today)
		if forget != test.Forget {
			t.Errorf("%s: forgotten is %v", test.Name, forget)
		}
		if forget {
			kept, has := subscribers.KeptOfUnconfirmed(test.Before)
			if has != (test.Kept != nil) || has && kept != *test.Kept {
				t.Errorf("%s: %+v, %v is kept", test.Name, kept, has)
			}
		} else if diff := cmp.Diff(test.After, after, cmpopts.EquateComparable(subscribers.Address{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.Name, diff)
		}
	}
}

func TestWhoMayTakeAnAddress(t *testing.T) {
	for _, test := range subscriberstest.TakeCases() {
		if err := subscribers.MayTake(test.Kept, test.Holder); err != test.Err {
			t.Errorf("kept %q, held by %q: %v, want %v", test.Kept, test.Holder, err, test.Err)
		}
	}
}

func TestNoticesReplaceOthers(t *testing.T) {
	for _, test := range subscriberstest.NoticeCases() {
		if got := test.Notice.Replaces(test.Waiting, parsed(t, test.To), parsed(t, test.WaitingTo)); got != test.Replaces {
			t.Errorf("%s to %s, and %s to %s waits: %v", test.Notice, test.To, test.Waiting, test.WaitingTo, got)
		}
	}
}

func TestWhereANoticeGoes(t *testing.T) {
	mailbox, wanted, left := parsed(t, "ada@example.com"), parsed(t, "new@example.com"), parsed(t, "old@example.com")
	moving := subscribers.Subscriber{Status: subscribers.Confirmed, Address: mailbox, NewAddress: wanted}
	for _, test := range []struct {
		name   string
		sub    subscribers.Subscriber
		change subscribers.Change
		want   subscribers.Address
	}{
		{"asks a new reader", subscribers.Subscriber{Status: subscribers.Pending, Address: mailbox}, subscribers.Change{Notice: subscribers.ConfirmNotice}, mailbox},
		{"asks one who moves", moving, subscribers.Change{Notice: subscribers.ConfirmNotice, Asks: &subscribers.Confirmation{To: wanted}}, wanted},
		{"tells one who moves", moving, subscribers.Change{Notice: subscribers.AlreadyNotice}, mailbox},
		{"tells the mailbox that was left", subscribers.Subscriber{Status: subscribers.Confirmed, Address: wanted}, subscribers.Change{Notice: subscribers.MovedNotice, To: left}, left},
	} {
		if to := test.change.NoticeTo(test.sub); to != test.want {
			t.Errorf("%s: %s", test.name, to)
		}
	}
}

func parsed(t *testing.T, email string) subscribers.Address {
	t.Helper()
	a, err := subscribers.ParseAddress(email)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
