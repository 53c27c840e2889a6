package bounce_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// The status counts first, then what was refused, then the words, and those only where
// the status is missing or says no more than "no".
func TestTheStatusCountsBeforeWords(t *testing.T) {
	const reader = "virus-news@example.org"
	for _, c := range []struct {
		want bounce.Class
		r    bounce.Reply
	}{
		// Words in a link, an address, a quotation or an advice count for nothing.
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.1", Text: "User unknown; see https://mx.example.com/blocklist/help"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.1", Text: "Mailbox does not exist. To report spam or abuse, write to postmaster"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.1", Text: "User unknown; quota of attempts: 1"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.1", Text: "No such user. If your account was blocked for spam, visit www.example.net/rate-limit"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.10", Text: "RESOLVER.ADR.RecipientNotFound (policy: see phishing.example.net)"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.2.1", Text: `The mailbox "spam-reports" is disabled`}},
		{bounce.Hard, bounce.Reply{Code: 550, Text: "No such user virus-news here"}},
		{bounce.Hard, bounce.Reply{Code: 550, Text: "<virus-news@example.org>: unknown user: 'virus-news'"}},
		{bounce.Hard, bounce.Reply{Code: 550, Text: "User unknown. For questions about blacklists contact postmaster"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.0", Text: "no such mailbox; http://spam.example.net/?q=quota"}},
		{bounce.Soft, bounce.Reply{Code: 552, Status: "5.2.2", Text: "Mailbox full. Learn more about spam at http://example.net"}},
		// What is said of the sender is ours, whatever the status.
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.7.1", Text: "Your account has been disabled. Please contact support"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.1", Text: "Your account has been disabled"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.2.1", Text: "Your account is suspended for non-payment"}},
		{bounce.Blocked, bounce.Reply{Code: 552, Text: "Your account has been suspended. Please contact us to reactivate"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: "Domain example.com has exceeded the max defers and failures per hour (5/5 (100%)) allowed. Message discarded."}},
		{bounce.Blocked, bounce.Reply{Code: 554, Text: "Sending paused for this account"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: `Outgoing mail from "news@example.com" has been suspended`}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.90", Text: "Your message can't be sent because you've reached your daily limit for message recipients"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.4.6", Text: "Unusual sending activity"}},
		{bounce.Blocked, bounce.Reply{Code: 554, Status: "5.2.0", Text: "STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: "Sender has an outgoing mail suspension"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: "over limit"}},
		{bounce.Blocked, bounce.Reply{Code: 554, Status: "5.7.1", Text: "<virus-news@example.org>: Recipient address rejected: Access denied"}},
		{bounce.Blocked, bounce.Reply{Code: 554, Text: "<virus-news@example.org>: Recipient address rejected: Access denied"}},
		{bounce.Blocked, bounce.Reply{Code: 554, Status: "5.7.1", Text: "<virus-news@example.org>: Relay access denied"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.1", Text: "<virus-news@example.org>: Relay access denied"}},
		{bounce.Blocked, bounce.Reply{Code: 554, Text: "Message rejected: Email address is not verified. The following identities failed the check"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: "You have exceeded the number of emails in your plan. Upgrade to go on"}},
		{bounce.Blocked, bounce.Reply{Code: 452, Status: "4.5.3", Text: "Your monthly quota is used up"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: "Your trial has ended"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.2.2", Text: "Your sending quota is exceeded"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.1", Text: "Message rejected as spam"}},
		// The table.
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.2", Text: "no"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.3", Text: "no"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.1.6", Text: "no"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.4.4", Text: "no"}},
		{bounce.Soft, bounce.Reply{Code: 550, Status: "5.2.3", Text: "no"}},
		{bounce.Soft, bounce.Reply{Code: 550, Status: "5.3.4", Text: "no"}},
		{bounce.Soft, bounce.Reply{Code: 550, Status: "5.4.7", Text: "no"}},
		{bounce.Soft, bounce.Reply{Code: 550, Status: "5.6.2", Text: "no"}},
		{bounce.Soft, bounce.Reply{Code: 450, Status: "4.1.1", Text: "user unknown"}},
		{bounce.Soft, bounce.Reply{Code: 550, Status: "4.4.7", Text: "user unknown"}},
		{bounce.Soft, bounce.Reply{Code: 450, Text: "user unknown"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.7", Text: "no such user"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.8", Text: "no such domain"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.3.0", Text: "mailbox is full"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.4.1", Text: "no such user"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.5.1", Text: "no such user"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.7.1", Text: "no such user"}},
		// A status that says only "no", or is unknown: the words decide.
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.0.0", Text: "no such user"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.2.0", Text: "no such user"}},
		{bounce.Hard, bounce.Reply{Code: 550, Status: "5.5.0", Text: "mailbox unavailable"}},
		{bounce.Soft, bounce.Reply{Code: 552, Status: "5.2.4", Text: "mailbox is full"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Status: "5.1.9", Text: "no"}},
		{bounce.Blocked, bounce.Reply{Code: 550, Text: "no"}},
	} {
		if c.r.To == "" {
			c.r.To = reader
		}
		if got := c.r.Class(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.r, got, c.want)
		}
	}
}

func TestWhatIsRefusedBeforeTheRecipientIsNamedIsOurs(t *testing.T) {
	for _, status := range []string{"", "5.0.0", "5.1.1", "5.2.2", "5.7.1", "4.3.0"} {
		for stage, early := range map[bounce.Stage]bool{
			bounce.GreetingStage: true, bounce.HelloStage: true, bounce.StartTLSStage: true, bounce.AuthStage: true, bounce.MailStage: true,
			bounce.RcptStage: false, bounce.DotStage: false, bounce.UnknownStage: false,
		} {
			got := bounce.Reply{Code: 550, Status: status, Text: "user unknown", Stage: stage}.Class()
			if early != (got == bounce.Blocked) && !(status == "5.7.1") {
				t.Errorf("%s at %q is %s", status, stage, got)
			}
		}
	}
	// The same in a message that comes back.
	for command, want := range map[string]bounce.Class{
		"MAIL FROM": bounce.Blocked, "EHLO": bounce.Blocked, "STARTTLS": bounce.Blocked, "RCPT TO": bounce.Hard, "end of DATA": bounce.Hard,
	} {
		raw := "From: MAILER-DAEMON@relay.example.com\nSubject: Undelivered\nContent-Type: multipart/report; boundary=d\n\n--d\n\n" +
			"<mira@example.org>: host mx.example.org said: 550 5.1.1 unknown\n    (in reply to " + command + " command)\n" +
			"--d\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; mira@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n--d--\n"
		report, err := bounce.Parse(strings.NewReader(raw))
		if err != nil || report.Class != want {
			t.Errorf("%s: %s (%v), want %s", command, report.Class, err, want)
		}
	}
}

// The name of the recipient is not a word of the server, whatever the name.
func TestTheRecipientsNameIsNoWordOfTheServer(t *testing.T) {
	for _, name := range []string{"spam", "abuse", "blacklist-admin", "quota", "your-account", "greylisting", "dkim", "policy.team", "spam+tag"} {
		for _, words := range []string{"No such user %s here", "User %s unknown", "<%s@example.org>: user not found", "Unknown user: %s@example.org", "'%s' does not exist"} {
			r := bounce.Reply{Code: 550, Text: fmt.Sprintf(words, name), To: name + "@example.org"}
			if got := r.Class(); got != bounce.Hard {
				t.Errorf("%+v is %s", r, got)
			}
		}
	}
}
