package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/scaledbydesign/insights/newsletter"
)

// Reports takes what a relay says of messages.
type Reports interface {
	// HandleWebhook acts on a report and says what it did. newsletter.ErrReport,
	// newsletter.ErrNotOurs.
	HandleWebhook(ctx context.Context, report newsletter.RelayReport) (did string, err error)
}

// reportJSON is what a relay posts, signed by Standard Webhooks.
type reportJSON struct {
	Type string `json:"type"` // bounce, complaint or unsubscribe; others are ignored
	Data struct {
		ReturnPath string `json:"return_path"` // of the message, or
		MessageID  string `json:"message_id"`
		Class      string `json:"class"` // hard, soft, blocked; "" = by what follows
		Code       int    `json:"code"`
		Status     string `json:"status"`
		Text       string `json:"text"`
	} `json:"data"`
}

// report takes a relay's report of a message. What can never be used is refused with
// 4xx; what is taken, of no use, or known already is answered with 2xx, so that the
// relay does not send it again.
func (s *site) report(w http.ResponseWriter, r *http.Request) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return plain(w, http.StatusRequestEntityTooLarge, "The report is too large.")
		}
		return plain(w, http.StatusBadRequest, "The report can't be read.")
	}
	if err := s.signed(raw, r.Header); err != nil {
		s.Log.WarnContext(r.Context(), "refused a relay's report", "error", err)
		return plain(w, http.StatusUnauthorized, "The signature does not match bounces.webhook_secret, or the clocks differ.")
	}
	var posted reportJSON
	if err := json.Unmarshal(raw, &posted); err != nil {
		return plain(w, http.StatusBadRequest, `The report is not of the form {"type": "bounce", "data": {…}}.`)
	}
	data := posted.Data
	did, err := s.Reports.HandleWebhook(r.Context(), newsletter.RelayReport{
		ID: r.Header.Get(standardwebhooks.HeaderWebhookID), Type: posted.Type, ReturnPath: data.ReturnPath, MessageID: data.MessageID,
		Class: data.Class, Code: data.Code, Status: data.Status, Text: data.Text,
	})
	switch {
	case errors.Is(err, newsletter.ErrReport):
		return plain(w, http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, newsletter.ErrNotOurs):
		return plain(w, http.StatusAccepted, "nothing to do: "+err.Error())
	case err != nil:
		return s.failInText(w, r, err)
	}
	return plain(w, http.StatusAccepted, did)
}

// signed checks that one of the keys signed a body, within five minutes.
func (s *site) signed(body []byte, header http.Header) (err error) {
	for _, key := range s.ReportKeys {
		var hook *standardwebhooks.Webhook
		if hook, err = standardwebhooks.NewWebhookRaw(key); err == nil {
			if err = hook.Verify(body, header); err == nil {
				return nil
			}
		}
	}
	return err
}
