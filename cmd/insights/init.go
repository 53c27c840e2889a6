package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/templates"
)

//go:embed dist/insights.example.yaml
var exampleConfig []byte

func (p *program) initCommand() *cobra.Command {
	var withTemplates, withDKIM, dryRun bool
	cmd := &cobra.Command{
		Use: "init [DIR]", Short: "Write a first insights.yaml and a folder of insights", Args: cobra.MaximumNArgs(1),
		Long: "Write insights.yaml and content/ with a first draft into DIR, by default this\nfolder. Nothing that exists is overwritten.",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			files, err := initialFiles(withTemplates)
			if err != nil {
				return err
			}
			if !withDKIM {
				return p.writeNew(dir, files, dryRun)
			}
			return p.initDKIM(dir, files, dryRun)
		},
	}
	cmd.Flags().BoolVar(&withDKIM, "dkim", false, "also make keys that mails are signed with, and print their DNS records")
	cmd.Flags().BoolVar(&withTemplates, "templates", false, "also write templates/, to change pages and mails")
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
	files := []newFile{{name: defaultConfigFile, data: exampleConfig}, {name: filepath.Join("content", name), data: draft}}
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

// writeNew creates files in dir, all or none: it looks first whether one exists.
func (p *program) writeNew(dir string, files []newFile, dryRun bool) error {
	existing := ""
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			existing += "\n  " + filepath.Join(dir, f.name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if existing != "" {
		return fmt.Errorf("nothing was written, so as not to overwrite:%s", existing)
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
	if done, err := p.out.document(map[string]any{"written": written, "dry_run": dryRun}); done {
		return err
	}
	verb := "wrote"
	if dryRun {
		verb = "would write"
	}
	for _, path := range written {
		p.out.line("%s %s", verb, path)
	}
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
