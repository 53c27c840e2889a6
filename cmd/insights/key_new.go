package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

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
