package main

import (
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
	return noun("key", "The keys that sign links and mails", keyListCommand(p), keyNewCommand(p), keyRotateCommand(p))
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
		Use: "list", Short: "List the keys in force, and DNS records of those that sign mail", Args: cobra.NoArgs,
		Long: "List the keys in force: the secrets that links in mails are signed with, and the\nkeys that mails are signed with (DKIM), with their DNS records. No key is shown.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			ring, err := app.Keyring(&c)
			if err != nil {
				return err
			}
			documents := []keyJSON{}
			var rows [][]string
			for i, id := range ring.IDs() {
				what := "checks old links"
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
				rows = append(rows, []string{k.Selector, k.Kind(), fmt.Sprint(k.Bits()), "signs mails of " + k.Domain})
			}
			if done, err := p.out.Document(documents); done {
				return err
			}
			p.out.Table([]string{"ID", "KIND", "BITS", "USE"}, rows)
			if len(mail) == 0 {
				p.out.Line("\nMails are not signed here; keys for that: insights key new")
				return nil
			}
			p.out.Line("")
			showRecords(p.out, mail)
			return nil
		},
	}
}

// showRecords prints what to put into DNS.
func showRecords(out *console.Console, keys []app.SigningKey) {
	out.Line("Publish in DNS, as a zone file has it:\n")
	for _, k := range keys {
		out.Line("%s\n", k.ZoneLine())
	}
}

const defaultKeyFile = "dkim.pem"

func keyNewCommand(p *program) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "new [FILE]", Short: "Make keys that mails are signed with, and print their DNS records", Args: cobra.MaximumNArgs(1),
		Long: "Make an RSA and an Ed25519 key that mails are signed with (DKIM), into FILE, by\ndefault dkim.pem, and print their DNS records. Nothing is overwritten.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			name := defaultKeyFile
			if len(args) == 1 {
				name = args[0]
			}
			return newKeys(p.out, &c, name, dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	return cmd
}

func newKeys(out *console.Console, c *config.Config, name string, dryRun bool) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s exists already and was left alone; give another name, or: insights key rotate --dkim", name)
	}
	if dryRun {
		if done, err := out.Document([]keyJSON{}); done {
			return err
		}
		out.Line("would write %s", name)
		return nil
	}
	text, keys, err := app.NewSigningKeys(c)
	if err != nil {
		return err
	}
	if err := writeFileNew(name, text, 0o600); err != nil {
		return err
	}
	out.Note("wrote %s; keep it, and let nobody else read it", name)
	return showNewKeys(out, c, name, keys)
}

func showNewKeys(out *console.Console, c *config.Config, name string, keys []app.SigningKey) error {
	documents := []keyJSON{}
	for _, k := range keys {
		record, value := k.Record()
		documents = append(documents, keyJSON{Use: "mail", ID: k.Selector, Kind: k.Kind(), Bits: k.Bits(), DNSName: record, DNSValue: value})
	}
	if done, err := out.Document(documents); done {
		return err
	}
	showRecords(out, keys)
	out.Line("Then set mail.dkim.key: %s, or INSIGHTS_MAIL_DKIM_KEY_FILE.", name)
	if c.Origin("mail.from") == config.ByDefault && c.Mail.DKIM.Domain == "" {
		out.Line("The domain is that of mail.from, which is not set yet: see the records again\nwith: insights key list")
	}
	return nil
}

func keyRotateCommand(p *program) *cobra.Command {
	var secret, dkim, dryRun bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Replace the secret (--secret) or the keys that sign mail (--dkim)", Args: cobra.NoArgs,
		Long: `Replace a key.

--secret puts a new secret before the old ones in the file that
INSIGHTS_SECRET_FILE names: it makes new links, the old ones go on working.
--dkim makes new keys in a new file, under new selectors, and says what to
publish and what to set; the old record stays published for a week, for mails
that are on their way.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if secret == dkim {
				return usageError("choose one of --secret and --dkim")
			}
			c, err := p.config()
			if err != nil {
				return err
			}
			if secret {
				return rotateSecret(p.out, p.env["INSIGHTS_SECRET_FILE"], dryRun)
			}
			return rotateDKIM(p.out, &c, p.env["INSIGHTS_MAIL_DKIM_KEY_FILE"], dryRun)
		},
	}
	cmd.Flags().BoolVar(&secret, "secret", false, "the secret that links are signed with")
	cmd.Flags().BoolVar(&dkim, "dkim", false, "the keys that mails are signed with")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func rotateSecret(out *console.Console, name string, dryRun bool) error {
	if name == "" {
		return usageError("the secret is in no file: put the new one (head -c 32 /dev/urandom | base64) before the old one, with a blank between, wherever INSIGHTS_SECRET is set")
	}
	id, err := app.RotateSecret(name, dryRun)
	if err != nil {
		return err
	}
	if done, err := out.Document(map[string]any{"use": "links", "id": id, "dry_run": dryRun}); done {
		return err
	}
	if dryRun {
		out.Line("would put a new secret before the others in %s", name)
		return nil
	}
	out.Line("%s begins with a new secret (%s). Restart every insights serve; old links go on\nworking.", name, id)
	return nil
}

// rotateDKIM makes new keys; file is what INSIGHTS_MAIL_DKIM_KEY_FILE names.
func rotateDKIM(out *console.Console, c *config.Config, file string, dryRun bool) error {
	selector := "insights-" + time.Now().Format("20060102")
	if selector == c.Mail.DKIM.Selector {
		return errors.New("the keys were replaced today already: selector " + selector)
	}
	dir := "."
	if key := c.Mail.DKIM.Key; key != "" && !config.IsPEM(key) {
		dir = filepath.Dir(key)
	} else if file != "" {
		dir = filepath.Dir(file)
	}
	name := filepath.Join(dir, strings.TrimSuffix(defaultKeyFile, ".pem")+"-"+time.Now().Format("20060102")+".pem")
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already and was left alone", name)
	}
	fresh := *c
	fresh.Mail.DKIM.Selector, fresh.Mail.DKIM.Ed25519Selector = selector, ""
	if err := newKeys(out, &fresh, name, dryRun); err != nil || dryRun || out.JSON {
		return err
	}
	out.Line("and mail.dkim.selector: %s, once both records can be looked up. Leave the old\nrecords published for a week.", selector)
	if c.Mail.DKIM.Ed25519Selector != "" {
		out.Line("Take mail.dkim.ed25519_selector out, or set it to %s-ed25519.", selector)
	}
	return nil
}
