package newsletter

import (
	"context"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// Placeholders mark where a reader's own values go in a rendered body. A Renderer
// writes them unchanged; the worker replaces them. They consist of letters and digits
// only, so that neither HTML nor URL escaping nor line wrapping alters them.
const (
	PlaceholderUnsubscribe = "zq7UnsubscribeTokenzq7"
	PlaceholderLeave       = "zq7LeaveTokenzq7" // in a mailto address
	PlaceholderPreferences = "zq7PreferencesTokenzq7"
	PlaceholderAddress     = "zq7Addresszq7"
	PlaceholderSince       = "zq7ConfirmedOnzq7"
)

// DigestContent is everything that a digest email says.
type DigestContent struct {
	Subject        string
	Intro          string // Markdown: see content.ParseNote
	Items          []Item // shown with their summary
	More           []Item // shown as titles
	Cadence        string // such as "weekly"; empty for a digest planned by staff
	Category       string // the name of the one category it is about, or empty
	WebURL         string // this digest on the web; "" = it has no page
	UnsubscribeURL string
	PreferencesURL string
	Address        string // the reader's
	Since          string // when they confirmed
	Date           time.Time
}

// SingleContent is everything that an email says that is not part of a digest. It holds no
// name: whoever signs up somebody else's address chooses one, and would have their words
// carried to a stranger.
type SingleContent struct {
	Kind           MessageKind // ConfirmEmail, AlreadyEmail, MovedEmail, LinkEmail
	Address        string
	Moving         bool   // of a ConfirmEmail: it asks for a change of address
	MovedTo        string // masked; of a MovedEmail
	Cadence        string
	Categories     []string // slugs
	AskedAt        time.Time
	ExpiresAt      time.Time
	ConfirmURL     string
	DeclineURL     string // of a ConfirmEmail: to refuse all emails; "" where the address may not be theirs
	ReturnURL      string // of a MovedEmail: to undo the move
	FreshURL       string // of a LinkEmail: to all that is kept of them
	PreferencesURL string // "" in a MovedEmail
	UnsubscribeURL string // "" in a ConfirmEmail: they are not subscribed
}

// Body is the rendered content of an email.
type Body struct {
	Subject string
	HTML    string
	Text    string
}

// Renderer renders content. It is called once per variant, not once per reader, and
// must be safe for concurrent use.
type Renderer interface {
	Digest(DigestContent) (Body, error)
	Single(SingleContent) (Body, error)
}

// Header is one header field of a message. Its value is a single line.
type Header struct{ Name, Value string }

// Message is an email before it is encoded.
type Message struct {
	MessageID string // without angle brackets
	Date      time.Time
	From      string // RFC 5322 mailbox, may have a display name
	ReplyTo   string // "" = none
	To        string // bare address
	ToName    string
	Subject   string
	Text      string
	HTML      string // "" = plain text only
	Headers   []Header
	Boundary  string // fixed, so that composing again gives the same bytes
}

// Copy holds one reader's own values, which replace the placeholders of a message.
type Copy struct {
	MessageID   string // without angle brackets
	To          string // bare address; also for PlaceholderAddress
	ToName      string
	Unsubscribe string // token, for PlaceholderUnsubscribe
	Leave       string // the same for an address, in one letter case, for PlaceholderLeave
	Preferences string // token, for PlaceholderPreferences
	Since       string // for PlaceholderSince
}

// Composer turns a message into the exact bytes to be sent (RFC 5322, CRLF, ASCII
// headers, quoted-printable bodies), signed if there are keys for it. Equal
// messages give equal bytes, except for the time of a signature.
type Composer interface {
	Compose(Message) ([]byte, error)
	// Prepare does once what all copies of a message share. The message's MessageID, To
	// and ToName are ignored; its Text, HTML and header values may contain
	// placeholders.
	Prepare(Message) (Prepared, error)
}

// Prepared is a message composed once for many readers. It is immutable and safe
// for concurrent use.
type Prepared interface {
	// Append appends one reader's message to dst, which may be nil. In the HTML part
	// values are escaped. Its error is about this copy only. Equal copies of equal
	// messages give equal bytes, except for the time of a signature.
	Append(dst []byte, c Copy) ([]byte, error)
	// Size is the approximate memory that the prepared message uses, in bytes.
	Size() int
}

// Transport opens sessions with a mail server.
type Transport interface {
	// Open connects and logs in. Its error is about the server, never about one
	// email: nothing has been sent.
	Open(ctx context.Context) (Session, error)
}

// Envelope is the SMTP envelope of one message.
type Envelope struct {
	From string // the return path, a bare address; "" = the null one
	To   string // bare address
	ID   string // repeated in bounces (RFC 3461, ENVID); "" = none
}

// Session is one connection. It is used by one goroutine.
type Session interface {
	// Send transmits one complete message and does not retain it. After an outcome
	// whose Broken is true the session must be closed and a new one opened.
	Send(ctx context.Context, e Envelope, message []byte) Outcome
	Close() error
}

// OutcomeKind classifies the outcome of one attempt.
type OutcomeKind int

const (
	Accepted  OutcomeKind = iota // 250 after the dot
	Temporary                    // 4xx: try again later
	Permanent                    // 5xx, or it can't be sent to at all
	NotSent                      // the connection failed before the dot: safe to try again
	Unknown                      // the dot was sent and not answered: uncertain
)

// Stage is the step of a transaction that a server refused.
type Stage = bounce.Stage

const (
	MailStage = bounce.MailStage
	RcptStage = bounce.RcptStage
	DataStage = bounce.DataStage
	DotStage  = bounce.DotStage // the message itself
)

// Outcome is an OutcomeKind with its evidence.
type Outcome struct {
	Kind   OutcomeKind
	Code   int    // SMTP reply code, 0 = none
	Status string // RFC 3463 enhanced status code such as "5.1.1", or empty
	Text   string // the server's answer, or the error; one line
	Stage  Stage  // what the server refused; "" also without an answer
	Broken bool   // the session is no longer usable
	Slow   bool   // the server asks to be sent less at a time
}

func itoa(n int) string { return strconv.Itoa(n) }
