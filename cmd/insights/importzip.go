package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/subscribers/lists"
)

// openZip reads the lists of a zip: Mailchimp exports an audience as one. Those of
// readers who must not be mailed come first, so that nobody who is in two of them is
// confirmed for a moment.
func openZip(file *os.File, o lists.Options) (func(func(importPart, error) bool), error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("it is no intact zip file: %w", err)
	}
	var lists []*zip.File
	for _, f := range archive.File {
		name := path.Base(f.Name)
		if strings.EqualFold(path.Ext(name), ".csv") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(f.Name, "__MACOSX/") {
			lists = append(lists, f)
		}
	}
	if len(lists) == 0 {
		return nil, errors.New("it is a zip file without a CSV file, or a spreadsheet: save the sheet as CSV (UTF-8)")
	}
	slices.SortStableFunc(lists, func(a, b *zip.File) int { return strictness(a.Name) - strictness(b.Name) })
	return func(yield func(importPart, error) bool) {
		for _, f := range lists {
			part, done, err := openZipped(f, o)
			goOn := yield(part, err)
			done()
			if !goOn {
				return
			}
		}
	}, nil
}

func openZipped(f *zip.File, o lists.Options) (part importPart, done func(), err error) {
	in, err := f.Open()
	if err != nil {
		return part, func() {}, fmt.Errorf("%s: %w", f.Name, err)
	}
	o.Name = f.Name
	list, err := lists.NewReader(in, o)
	if err != nil {
		err = usageError("%s: %v", f.Name, err)
	}
	return importPart{path.Base(f.Name), list}, func() { in.Close() }, err
}

// strictness orders Mailchimp's files, the strictest first.
func strictness(name string) int {
	order := []string{"cleaned_", "unsubscribed_", "nonsubscribed_", ""}
	return slices.IndexFunc(order, func(prefix string) bool { return strings.HasPrefix(strings.ToLower(path.Base(name)), prefix) })
}
