package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func keyCommand(p *program) *cobra.Command {
	return noun("key", "Create, list and rotate keys that sign links and emails", keyListCommand(p), keyNewCommand(p), keyRotateCommand(p), keyAcceptCommand(p))
}

// keyJSON is a key as programs see it: never the key itself.
type keyJSON struct {
	Use      string `json:"use"` // links, mail
	ID       string `json:"id"`  // kid of a secret, selector of a mail key
	Kind     string `json:"kind"`
	Bits     int    `json:"bits"`
	Current  bool   `json:"current"` // makes new links, or signs
	DNSName  string `json:"dns_name,omitempty"`
	DNSValue string `json:"dns_value,omitempty"`
}

func keyListCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys in use, with the DNS records of DKIM keys", Args: cobra.NoArgs,
		Long: `List the keys in use: the secrets that sign links in emails, and the DKIM keys
that sign emails, with their DNS records. The keys themselves are never shown.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			ring, err := app.Keyring(&c)
			if err != nil {
				return err
			}
			documents := []keyJSON{}
			var rows [][]string
			for i, id := range ring.IDs() {
				what := "verifies old links"
				if i == 0 {
					what = "signs links"
				}
				documents = append(documents, keyJSON{Use: "links", ID: id, Kind: "secret", Bits: 256, Current: i == 0})
				rows = append(rows, []string{id, "secret", "", what})
			}
			mail, err := app.SigningKeys(&c)
			if err != nil {
				return err
			}
			for _, k := range mail {
				name, value := k.Record()
				documents = append(documents, keyJSON{Use: "mail", ID: k.Selector, Kind: k.Kind(), Bits: k.Bits(), Current: true, DNSName: name, DNSValue: value})
				rows = append(rows, []string{k.Selector, k.Kind(), fmt.Sprint(k.Bits()), "signs email from " + k.Domain})
			}
			p.out.Table([]string{"ID", "KIND", "BITS", "USE"}, rows)
			p.out.Line("")
			if len(mail) == 0 {
				p.out.Line("Emails are not signed here. To create keys: insights key new")
			} else {
				showRecords(p.out, mail)
			}
			return p.out.Document(documents)
		}),
	}
}

// showRecords prints the DNS records to publish.
func showRecords(out *console.Console, keys []app.SigningKey) {
	out.Line("Publish these DNS records (as in a zone file):\n")
	for _, k := range keys {
		out.Line("%s\n", k.ZoneLine())
	}
}

const defaultKeyFile = "dkim.pem"

func keyNewCommand(p *program) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "new [FILE]", Short: "Create DKIM keys and print their DNS records", Args: cobra.MaximumNArgs(1),
		Long: `Create an RSA and an Ed25519 key that sign emails (DKIM), write them to FILE
(default: dkim.pem), and print their DNS records. Nothing is overwritten.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			name := defaultKeyFile
			if len(args) == 1 {
				name = args[0]
			}
			return newKeys(p.out, &c, name, dryRun)
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	return cmd
}

func newKeys(out *console.Console, c *config.Config, name string, dryRun bool) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s already exists and was not changed; choose another name, or run: insights key rotate --dkim", name)
	}
	if dryRun {
		return out.Result([]keyJSON{}, "would write %s", name)
	}
	text, keys, err := app.NewSigningKeys(c)
	if err != nil {
		return err
	}
	if err := writeFileNew(name, text, 0o600); err != nil {
		return err
	}
	out.Note("wrote %s; keep it safe and private", name)
	return showNewKeys(out, c, name, keys)
}

func showNewKeys(out *console.Console, c *config.Config, name string, keys []app.SigningKey) error {
	documents := []keyJSON{}
	for _, k := range keys {
		record, value := k.Record()
		documents = append(documents, keyJSON{Use: "mail", ID: k.Selector, Kind: k.Kind(), Bits: k.Bits(), DNSName: record, DNSValue: value})
	}
	showRecords(out, keys)
	out.Line("Then set mail.dkim.key: %s, or INSIGHTS_MAIL_DKIM_KEY_FILE.", name)
	if c.Origin("mail.from") == config.ByDefault && c.Mail.DKIM.Domain == "" {
		out.Line("The domain is that of mail.from, which is not set yet. Once it is, this prints\nthe records again: insights key list")
	}
	return out.Document(documents)
}

func keyRotateCommand(p *program) *cobra.Command {
	var secret, dkim, dryRun bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Replace the secret (--secret) or the DKIM keys (--dkim)", Args: cobra.NoArgs,
		Long: `Replace a key.

--secret puts a new secret before the old ones in the file that
INSIGHTS_SECRET_FILE names. It signs new links; old links keep working.

--dkim creates new keys in a new file, with new selectors, and prints what to
publish and what to set. Keep the old records published for a week, for emails
in transit.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if secret == dkim {
				return usageError("choose one of --secret and --dkim")
			}
			c, err := p.config()
			if err != nil {
				return err
			}
			if secret {
				return rotateSecret(p.out, config.Plain(p.env["INSIGHTS_SECRET_FILE"]), dryRun)
			}
			return rotateDKIM(p.out, &c, config.Plain(p.env["INSIGHTS_MAIL_DKIM_KEY_FILE"]), dryRun)
		},
	}
	cmd.Flags().BoolVar(&secret, "secret", false, "the secret that signs links")
	cmd.Flags().BoolVar(&dkim, "dkim", false, "the keys that sign emails")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func rotateSecret(out *console.Console, name string, dryRun bool) error {
	if name == "" {
		return usageError("the secret is not in a file: where you set INSIGHTS_SECRET, put a new one (head -c 32 /dev/urandom | base64) before the old one, separated by a space")
	}
	id, err := app.RotateSecret(name, dryRun)
	if err != nil {
		return err
	}
	words := fmt.Sprintf("%s now begins with a new secret (%s). Reload every insights serve (SIGHUP); old links\nkeep working.", name, id)
	if dryRun {
		words = "would put a new secret before the others in " + name
	}
	return out.Result(map[string]any{"use": "links", "id": id, "dry_run": dryRun}, "%s", words)
}

// rotateDKIM makes new keys; file is what INSIGHTS_MAIL_DKIM_KEY_FILE names.
func rotateDKIM(out *console.Console, c *config.Config, file string, dryRun bool) error {
	selector := "insights-" + time.Now().Format("20060102")
	if selector == c.Mail.DKIM.Selector {
		return errors.New("the keys were already replaced today: selector " + selector)
	}
	dir := "."
	if key := c.Mail.DKIM.Key; key != "" && !config.IsPEM(key) {
		dir = filepath.Dir(key)
	} else if file != "" {
		dir = filepath.Dir(file)
	}
	name := filepath.Join(dir, strings.TrimSuffix(defaultKeyFile, ".pem")+"-"+time.Now().Format("20060102")+".pem")
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s already exists and was not changed", name)
	}
	fresh := *c
	fresh.Mail.DKIM.Selector, fresh.Mail.DKIM.Ed25519Selector = selector, ""
	if err := newKeys(out, &fresh, name, dryRun); err != nil || dryRun || out.JSON {
		return err
	}
	out.Line("Also set mail.dkim.selector: %s, once both records resolve. Keep the old\nrecords published for a week.", selector)
	if c.Mail.DKIM.Ed25519Selector != "" {
		out.Line("Remove mail.dkim.ed25519_selector, or set it to %s-ed25519.", selector)
	}
	return nil
}
