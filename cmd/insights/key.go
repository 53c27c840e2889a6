package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter/smtp"
	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) keyCommand() *cobra.Command {
	return noun("key", "The keys that sign links and mails", p.keyListCommand(), p.keyNewCommand(), p.keyRotateCommand())
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

func (p *program) keyListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys in force, and DNS records of those that sign mail", Args: cobra.NoArgs,
		Long: "List the keys in force: the secrets that links in mails are signed with, and the\nkeys that mails are signed with (DKIM), with their DNS records. No key is shown.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			ring, err := c.keyring()
			if err != nil {
				return unusable(err)
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
			mail, err := c.signingKeys()
			if err != nil {
				return err
			}
			for _, k := range mail {
				name, value := k.Record()
				documents = append(documents, keyJSON{Use: "mail", ID: k.Selector, Kind: k.Kind(), Bits: k.Bits(), Current: true, DNSName: name, DNSValue: value})
				rows = append(rows, []string{k.Selector, k.Kind(), fmt.Sprint(k.Bits()), "signs mails of " + k.Domain})
			}
			if done, err := p.out.document(documents); done {
				return err
			}
			p.out.table([]string{"ID", "KIND", "BITS", "USE"}, rows)
			if len(mail) == 0 {
				p.out.line("\nMails are not signed here; keys for that: insights key new")
				return nil
			}
			p.out.line("")
			p.showRecords(mail)
			return nil
		},
	}
}

// showRecords prints what to put into DNS.
func (p *program) showRecords(keys []smtp.SigningKey) {
	p.out.line("Publish in DNS, as a zone file has it:\n")
	for _, k := range keys {
		p.out.line("%s\n", k.ZoneLine())
	}
}

const defaultKeyFile = "dkim.pem"

func (p *program) keyNewCommand() *cobra.Command {
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
			return p.newKeys(&c, name, dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	return cmd
}

func (p *program) newKeys(c *Config, name string, dryRun bool) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s exists already and was left alone; give another name, or: insights key rotate --dkim", name)
	}
	if dryRun {
		if done, err := p.out.document([]keyJSON{}); done {
			return err
		}
		p.out.line("would write %s", name)
		return nil
	}
	text, err := smtp.NewKeys()
	if err != nil {
		return err
	}
	if err := writeFileNew(name, text, 0o600); err != nil {
		return err
	}
	p.out.note("wrote %s; keep it, and let nobody else read it", name)
	signers, err := smtp.ParseKeys(text)
	if err != nil {
		return err
	}
	return p.showNewKeys(c, name, c.named(signers))
}

func (p *program) showNewKeys(c *Config, name string, keys []smtp.SigningKey) error {
	documents := []keyJSON{}
	for _, k := range keys {
		record, value := k.Record()
		documents = append(documents, keyJSON{Use: "mail", ID: k.Selector, Kind: k.Kind(), Bits: k.Bits(), DNSName: record, DNSValue: value})
	}
	if done, err := p.out.document(documents); done {
		return err
	}
	p.showRecords(keys)
	p.out.line("Then set mail.dkim.key: %s, or INSIGHTS_MAIL_DKIM_KEY_FILE.", name)
	if c.explicit["mail.from"] == byDefault && c.Mail.DKIM.Domain == "" {
		p.out.line("The domain is that of mail.from, which is not set yet: see the records again\nwith: insights key list")
	}
	return nil
}

// initDKIM writes the first files, and keys beside them.
func (p *program) initDKIM(dir string, files []newFile, dryRun bool) error {
	text, err := smtp.NewKeys()
	if err != nil {
		return err
	}
	for i := range files {
		if files[i].name == defaultConfigFile {
			files[i].data = bytes.Replace(files[i].data, []byte("    # key: dkim.pem    #"), []byte("    key: dkim.pem      #"), 1)
		}
	}
	if err := p.writeNew(dir, append(files, newFile{name: defaultKeyFile, data: text, mode: 0o600}), dryRun); err != nil || p.out.json || dryRun {
		return err
	}
	signers, err := smtp.ParseKeys(text)
	if err != nil {
		return err
	}
	c := defaultConfig()
	c.Mail.From = "insights@example.com"
	p.out.line("")
	p.showRecords(c.named(signers))
	p.out.line("example.com stands for the domain of mail.from: once it is set, insights key list\nprints the records with it.")
	return nil
}

func (p *program) keyRotateCommand() *cobra.Command {
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
				return p.rotateSecret(dryRun)
			}
			return p.rotateDKIM(&c, dryRun)
		},
	}
	cmd.Flags().BoolVar(&secret, "secret", false, "the secret that links are signed with")
	cmd.Flags().BoolVar(&dkim, "dkim", false, "the keys that mails are signed with")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (p *program) rotateSecret(dryRun bool) error {
	name := p.env["INSIGHTS_SECRET_FILE"]
	if name == "" {
		return usageError("the secret is in no file: put the new one (head -c 32 /dev/urandom | base64) before the old one, with a blank between, wherever INSIGHTS_SECRET is set")
	}
	old, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	fresh := newSecret()
	if !dryRun {
		if err := replaceFile(name, append([]byte(fresh+"\n"), old...)); err != nil {
			return err
		}
	}
	ring, err := subscribers.NewKeyring(append([]string{fresh}, strings.Fields(string(old))...)...)
	if err != nil {
		return unusable(err)
	}
	if done, err := p.out.document(map[string]any{"use": "links", "id": ring.IDs()[0], "dry_run": dryRun}); done {
		return err
	}
	if dryRun {
		p.out.line("would put a new secret before the others in %s", name)
		return nil
	}
	p.out.line("%s begins with a new secret (%s). Restart every insights serve; old links go on\nworking.", name, ring.IDs()[0])
	return nil
}

// replaceFile replaces a file whole or not at all, readable by its owner alone, who
// stays the same. A symbolic link stays one.
func replaceFile(name string, data []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(0o600), sameOwner(temporary, info), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// sameOwner gives a file to whom another belongs: root may replace what a service
// must still be able to read.
func sameOwner(f *os.File, as fs.FileInfo) error {
	stat, ok := as.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

func (p *program) rotateDKIM(c *Config, dryRun bool) error {
	selector := "insights-" + time.Now().Format("20060102")
	if selector == c.Mail.DKIM.Selector {
		return errors.New("the keys were replaced today already: selector " + selector)
	}
	dir := "."
	if key := c.Mail.DKIM.Key; key != "" && !isPEM(key) {
		dir = filepath.Dir(key)
	} else if file := p.env["INSIGHTS_MAIL_DKIM_KEY_FILE"]; file != "" {
		dir = filepath.Dir(file)
	}
	name := filepath.Join(dir, strings.TrimSuffix(defaultKeyFile, ".pem")+"-"+time.Now().Format("20060102")+".pem")
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already and was left alone", name)
	}
	fresh := *c
	fresh.Mail.DKIM.Selector, fresh.Mail.DKIM.Ed25519Selector = selector, ""
	if err := p.newKeys(&fresh, name, dryRun); err != nil || dryRun || p.out.json {
		return err
	}
	p.out.line("and mail.dkim.selector: %s, once both records can be looked up. Leave the old\nrecords published for a week.", selector)
	if c.Mail.DKIM.Ed25519Selector != "" {
		p.out.line("Take mail.dkim.ed25519_selector out, or set it to %s-ed25519.", selector)
	}
	return nil
}
