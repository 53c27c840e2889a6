package lists

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
)

// Part is one list of a file: a zip may hold several.
type Part struct {
	Name string // "" = the only one
	List *Reader
}

// Open reads the lists of a file, which may be a zip of several, as Mailchimp
// exports an audience. Those of readers who must not be mailed come first, so that
// nobody who is in two of them is confirmed for a moment. A zip is known where in is an
// *os.File; in stays open until the sequence has ended. Errors are fit to be shown: an
// [Unreadable] is about one part.
func Open(in io.Reader, o Options) (iter.Seq2[Part, error], error) {
	buffered := bufio.NewReader(in)
	if file, ok := in.(*os.File); ok {
		if head, _ := buffered.Peek(4); bytes.Equal(head, []byte("PK\x03\x04")) {
			return readZip(file, o)
		}
	}
	list, err := NewReader(buffered, o)
	if err != nil {
		return nil, err
	}
	return func(yield func(Part, error) bool) { yield(Part{List: list}, nil) }, nil
}

func readZip(file *os.File, o Options) (iter.Seq2[Part, error], error) {
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
	return func(yield func(Part, error) bool) {
		for _, f := range lists {
			if !readZipped(f, o, yield) {
				return
			}
		}
	}, nil
}

func readZipped(f *zip.File, o Options, yield func(Part, error) bool) bool {
	in, err := f.Open()
	if err != nil {
		return yield(Part{}, fmt.Errorf("%s: %w", f.Name, err))
	}
	defer in.Close()
	o.Name = f.Name
	list, err := NewReader(in, o)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Name, &Unreadable{err})
	}
	return yield(Part{path.Base(f.Name), list}, err)
}

// Unreadable says that a file is no list that can be read.
type Unreadable struct{ Err error }

func (e *Unreadable) Error() string { return e.Err.Error() }
func (e *Unreadable) Unwrap() error { return e.Err }

// strictness orders Mailchimp's files, the strictest first.
func strictness(name string) int {
	order := []string{"cleaned_", "unsubscribed_", "nonsubscribed_", ""}
	return slices.IndexFunc(order, func(prefix string) bool { return strings.HasPrefix(strings.ToLower(path.Base(name)), prefix) })
}
