package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/templates"
)

//go:embed dist/insights.example.yaml
var exampleConfig []byte

func initCommand(p *program) *cobra.Command {
	var withTemplates, withDKIM, dryRun bool
	cmd := &cobra.Command{
		Use: "init [DIR]", Short: "Create a first insights.yaml and content folder", Args: cobra.MaximumNArgs(1),
		Long: `Write insights.yaml and content/ with a first draft into DIR (default: this
folder). Existing files are never overwritten.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			files, err := initialFiles(withTemplates)
			if err != nil {
				return err
			}
			if withDKIM {
				err = initDKIM(p.out, dir, files, dryRun)
			} else {
				err = writeNew(p.out, dir, files, dryRun)
			}
			if is[*existError](err) {
				return fmt.Errorf("%w\nto look at them: insights dev; for a first draft elsewhere: insights init FOLDER", err)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&withDKIM, "dkim", false, "also create DKIM keys and print their DNS records")
	cmd.Flags().BoolVar(&withTemplates, "templates", false, "also write templates/, to customize pages and emails")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	return cmd
}

// newFile is a file to be created.
type newFile struct {
	name string
	data []byte
	mode fs.FileMode // 0 = 0644
}

func initialFiles(withTemplates bool) ([]newFile, error) {
	draft, name, err := content.New("Our first insight", content.NewOptions{Category: templates.DefaultCategories()[0].Name, Date: time.Now()})
	if err != nil {
		return nil, err
	}
	files := []newFile{{name: config.DefaultFile, data: exampleConfig}, {name: filepath.Join("content", name), data: draft}}
	if !withTemplates {
		return files, nil
	}
	files[0].data = append(slices.Clone(exampleConfig), "\ntemplates:\n  dir: templates\n"...)
	err = fs.WalkDir(templates.Embedded(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(templates.Embedded(), path)
		files = append(files, newFile{name: filepath.Join("templates", filepath.FromSlash(path)), data: data})
		return err
	})
	return files, err
}

// writeNew creates files in dir, all or none: it first checks that none exists.
func writeNew(out *console.Console, dir string, files []newFile, dryRun bool) error {
	var existing []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			existing = append(existing, filepath.Join(dir, f.name))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if existing != nil {
		return &existError{existing}
	}
	var written []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if !dryRun {
			if err := writeFileNew(path, f.data, f.mode); err != nil {
				return err
			}
		}
		written = append(written, path)
	}
	verb := "wrote"
	if dryRun {
		verb = "would write"
	}
	for _, path := range written {
		out.Line("%s %s", verb, path)
	}
	return out.Document(map[string]any{"written": written, "dry_run": dryRun})
}

// existError names files that exist and should not.
type existError struct{ names []string }

func (e *existError) Error() string {
	return "nothing was written, because these exist:\n  " + strings.Join(e.names, "\n  ")
}

// initDKIM writes the first files and DKIM keys.
func initDKIM(out *console.Console, dir string, files []newFile, dryRun bool) error {
	c := config.Default()
	c.Mail.From = "insights@example.com"
	text, keys, err := app.NewSigningKeys(&c)
	if err != nil {
		return err
	}
	for i := range files {
		if files[i].name == config.DefaultFile {
			files[i].data = bytes.Replace(files[i].data, []byte("    # key: dkim.pem    #"), []byte("    key: dkim.pem      #"), 1)
		}
	}
	if err := writeNew(out, dir, append(files, newFile{name: defaultKeyFile, data: text, mode: 0o600}), dryRun); err != nil || out.JSON || dryRun {
		return err
	}
	out.Line("")
	showRecords(out, keys)
	out.Line("example.com stands for the domain of mail.from. Once that is set, this prints the\nrecords to publish: insights key list")
	return nil
}

func writeFileNew(path string, data []byte, mode fs.FileMode) error {
	if mode == 0 {
		mode = 0o644
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
