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
