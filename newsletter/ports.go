package newsletter

import (
	"context"
	"strconv"
	"time"
)

// Placeholders stand in a rendered mail where something of one reader's belongs. A
// Renderer writes them as they are given to it; the worker replaces them. They
// are letters and digits alone, so that neither HTML nor URL escaping nor line
// wrapping touches them.
const (
	PlaceholderUnsubscribe = "zq7UnsubscribeTokenzq7"
	PlaceholderPreferences = "zq7PreferencesTokenzq7"
	PlaceholderAddress     = "zq7Addresszq7"
	PlaceholderSince       = "zq7ConfirmedOnzq7"
)

// DigestContent is everything a digest mail says.
type DigestContent struct {
	Subject        string
	Intro          string // plain text, paragraphs apart by blank lines
	Items          []Item // shown with their summary
	More           []Item // shown as titles
	Cadence        string // "weekly"; empty for a digest by staff
	Category       string // the name of the one category it is about, or empty
	WebURL         string // this digest on the web
	UnsubscribeURL string
	PreferencesURL string
	Address        string // the reader's
	Since          string // when they confirmed
	Date           time.Time
}

// Notice is everything a mail says that is no digest.
type SingleContent struct {
	Kind           MessageKind // ConfirmEmail, AlreadyEmail, MovedEmail
	Address        string
	MovedTo        string // masked; of a MovedEmail
	Name           string
	Cadence        string
	Categories     []string // slugs
	AskedAt        time.Time
	ExpiresAt      time.Time
	ConfirmURL     string
	DeclineURL     string // of a ConfirmEmail: never to be written to; "" where the address may not be theirs
	ReturnURL      string // of a MovedEmail: where it is called back
	PreferencesURL string // "" in a MovedEmail
	UnsubscribeURL string // "" in a ConfirmEmail: they are not subscribed
}

// Rendered is a mail's words.
type Body struct {
	Subject string
	HTML    string
	Text    string
}

// Renderer turns what is to be said into words. It is called once for a variant,
// not once for a reader, and must be safe for concurrent use.
type Renderer interface {
	Digest(DigestContent) (Body, error)
	Single(SingleContent) (Body, error)
}

// Header is one header field of a mail. Values are single lines.
type Header struct{ Name, Value string }

// Message is a mail before it is bytes.
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
	Boundary  string // fixed, so that building again gives the same bytes
}

// Copy is what sets one reader's copy of a message apart from the others'. The
// message holds placeholders where the values belong.
type Copy struct {
	MessageID   string // without angle brackets
	To          string // bare address; also stands for PlaceholderAddress
	ToName      string
	Unsubscribe string // token, for PlaceholderUnsubscribe
	Preferences string // token, for PlaceholderPreferences
	Since       string // for PlaceholderSince
}

// Composer turns a letter into the exact bytes to be sent (RFC 5322, CRLF, ASCII
// headers, quoted-printable bodies), signed if there are keys for it. Equal
// messages give equal bytes, but for the time of a signature.
type Composer interface {
	Compose(Message) ([]byte, error)
	// Prepare does once what the copies of a message share. The message's
	// MessageID, To and ToName are left out of account; placeholders may stand in its
	// text, its HTML and the values of its Headers.
	Prepare(Message) (Prepared, error)
}

// Prepared is a message composed once for many readers. It is immutable and safe
// for concurrent use.
type Prepared interface {
	// Fill appends one reader's message to dst, which may be nil. In the HTML part
	// values are escaped. Its error is about this copy alone. Equal copies give
	// equal bytes, from every prepared message of an equal message, but for the time of a
	// signature.
	Append(dst []byte, c Copy) ([]byte, error)
	// Size is about how many bytes of memory the prepared message holds.
	Size() int
}

// Transport opens sessions with a mail server.
type Transport interface {
	// Open connects and logs in. Its error is about the server, never about one
	// mail: nothing has been sent.
	Open(ctx context.Context) (Session, error)
}

// Envelope is what a mail server is told about one mail beside its bytes.
type Envelope struct {
	From string // the return path, a bare address; "" = the null one
	To   string // bare address
	ID   string // what a bounce names the mail by (RFC 3461, ENVID); "" = none
}

// Session is one connection. It is used by one goroutine.
type Session interface {
	// Send transmits one complete message and keeps nothing of it. After an outcome
	// whose Broken is true the session must be closed and a new one opened.
	Send(ctx context.Context, e Envelope, message []byte) Outcome
	Close() error
}

// Result classifies what became of one attempt.
type OutcomeKind int

const (
	Accepted  OutcomeKind = iota // 250 after the dot
	Temporary                    // 4xx: try again later
	Permanent                    // 5xx, or it can't be sent to at all
	NotSent                      // the connection failed before the dot: safe to try again
	Unknown                      // the dot went out and no answer came: uncertain
)

// Outcome is a Result with its evidence.
type Outcome struct {
	Kind   OutcomeKind
	Code   int    // SMTP reply code, 0 = none
	Status string // RFC 3463 enhanced status code such as "5.1.1", or empty
	Text   string // the server's words, or the error's; one line
	Broken bool   // the session can't be used any more
	Slow   bool   // the server asks for fewer mails at a time
}

func itoa(n int) string { return strconv.Itoa(n) }
