package subscribers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/subscribers"
)

// suppressing is a store whose addresses are suppressed one by one, until it fails.
type suppressing struct {
	subscribers.Store
	suppressed []string
	failsAt    int
}

func (s *suppressing) Edit(_ context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (sub subscribers.Subscriber, err error) {
	if len(s.suppressed) == s.failsAt {
		return sub, errors.New("the disk is full")
	}
	_, err = change(&sub)
	s.suppressed = append(s.suppressed, key)
	return sub, err
}

func (s *suppressing) EditAll(_ context.Context, keys []string, _ bool, change func(int, *subscribers.Subscriber) (subscribers.Change, error)) error {
	_, err := change(0, &subscribers.Subscriber{})
	return err
}

func TestAFileOfAddressesIsSuppressedLineByLine(t *testing.T) {
	const file = "\ufeffEmail,why\nada@example.com,bounced\n# a comment\n\n\"ben@example.com\"\nnobody\n"
	store := &suppressing{failsAt: -1}
	var refused []int
	run := subscribers.SuppressionImport{
		Registry: &subscribers.Registry{Store: store}, Reason: "imported",
		Refused: func(line int, _ string, _ error) { refused = append(refused, line) },
	}
	err := run.Import(t.Context(), strings.NewReader(file))
	if err != nil || run.Rows != 3 || run.Added != 2 || run.Failed != 1 || !slices.Equal(refused, []int{6}) || !slices.Equal(store.suppressed, []string{"ada@example.com", "ben@example.com"}) {
		t.Errorf("%+v, %v, refused %v, suppressed %v", run, err, refused, store.suppressed)
	}
}

func TestADryImportOfSuppressionsStoresNothing(t *testing.T) {
	store := &suppressing{failsAt: -1}
	run := subscribers.SuppressionImport{Registry: &subscribers.Registry{Store: store}, DryRun: true}
	err := run.Import(t.Context(), strings.NewReader("ada@example.com\nAda@example.com\n"))
	if err != nil || run.Added != 1 || run.Unchanged != 1 || len(store.suppressed) > 0 {
		t.Errorf("%+v, %v, suppressed %v", run, err, store.suppressed)
	}
}

func TestALineThatCanNotBeStoredEndsTheImport(t *testing.T) {
	run := subscribers.SuppressionImport{Registry: &subscribers.Registry{Store: &suppressing{failsAt: 1}}}
	err := run.Import(t.Context(), strings.NewReader("ada@example.com\nben@example.com\n"))
	if stopped, ok := errors.AsType[*subscribers.LineError](err); !ok || stopped.Line != 2 || run.Added != 1 {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestReasonsAreOneLine(t *testing.T) {
	for reason, ok := range map[string]bool{"": true, "on a blocklist": true, strings.Repeat("x", 200): true, strings.Repeat("x", 201): false, "a\nb": false, "a\u2028b": false} {
		if err := subscribers.CheckReason(reason); (err == nil) != ok {
			t.Errorf("%.10q: %v", reason, err)
		}
	}
}
