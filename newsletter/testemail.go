package newsletter

import (
	"context"
	"encoding/json"

	"github.com/scaledbydesign/insights/subscribers"
)

// TestStore queues test emails.
type TestStore interface {
	// QueueTest queues a test email to each address, all or none. The payload becomes
	// its Task's.
	QueueTest(ctx context.Context, to []subscribers.Address, payload string) ([]Ref, error)
}

// TestBody returns a digest's body for a test email: personal links lead nowhere, and
// the subject says that it is a test.
func (w *Writer) TestBody(d Digest, v Variant) (Body, error) {
	body, err := w.Render(d, v)
	if err != nil {
		return Body{}, err
	}
	body = PreviewBody(body, "test@example.com")
	body.Subject = "[Test] " + body.Subject
	return body, nil
}

// QueueTest queues a body as a test email to each address, all or none.
func QueueTest(ctx context.Context, store TestStore, to []subscribers.Address, body Body) ([]Ref, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return store.QueueTest(ctx, to, string(payload))
}
