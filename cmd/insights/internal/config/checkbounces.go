package config

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

func (c *Config) checkBounces(fault func(key, format string, args ...any)) {
	if a := c.Bounces.Listen; a != "" && !strings.HasPrefix(a, "unix:/") {
		if !canListen(strings.TrimPrefix(a, "lmtp:")) {
			fault("bounces.listen", "%q: write 127.0.0.1:2525 for SMTP, lmtp:127.0.0.1:2424 or unix:/run/insights/lmtp for LMTP", a)
		}
	}
	if a := c.Bounces.Complaints; a != "" {
		if _, err := subscribers.ParseAddress(a); err != nil {
			fault("bounces.complaints", "%q is not an email address: write abuse@bounces.example.com", a)
		}
	}
	if _, err := c.Bounces.WebhookKeys(); err != nil {
		fault("bounces.webhook_secret", "%v", err)
	}
}

// minWebhookKey is the least a webhook's key has, in bytes, by Standard Webhooks.
const minWebhookKey = 24

// WebhookKeys are the keys in webhook_secret. The error never holds one.
func (c Bounces) WebhookKeys() (keys [][]byte, err error) {
	for _, secret := range strings.Fields(strings.ReplaceAll(c.WebhookSecret, ",", " ")) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < minWebhookKey {
			return nil, fmt.Errorf("write whsec_ and %d bytes or more in base64: echo whsec_$(head -c 32 /dev/urandom | base64)", minWebhookKey)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
