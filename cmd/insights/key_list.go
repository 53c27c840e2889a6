package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
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
