package lists_test

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/subscribers/lists"
)

func TestAZipGivesTheStrictestListsFirst(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "audience.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	const text = "email,status\nada@example.com,confirmed\n"
	for _, name := range []string{"export/subscribed_1.csv", "nonsubscribed_1.csv", "export/Cleaned_1.CSV", "unsubscribed_1.csv", "notes.txt", "export/.hidden.csv", "__MACOSX/x.csv"} {
		w, err := archive.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	parts, err := lists.Open(file, lists.Options{Name: file.Name()})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for part, err := range parts {
		if err != nil {
			t.Fatal(err)
		}
		if row, err := part.List.Read(); err != nil || row.Email != "ada@example.com" {
			t.Errorf("%s: %+v, %v", part.Name, row, err)
		}
		names = append(names, part.Name)
	}
	if want := []string{"Cleaned_1.CSV", "unsubscribed_1.csv", "nonsubscribed_1.csv", "subscribed_1.csv"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

func TestAPartThatCanNotBeReadIsNamed(t *testing.T) {
	if _, err := lists.Open(strings.NewReader("neither\n"), lists.Options{}); err == nil {
		t.Error("a file without addresses was taken")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "audience.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	w, err := archive.Create("bad.csv")
	if err == nil {
		_, err = io.WriteString(w, "neither\n")
	}
	if err := errors.Join(err, archive.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	parts, err := lists.Open(file, lists.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range parts {
		if _, ok := errors.AsType[*lists.Unreadable](err); !ok || !strings.HasPrefix(err.Error(), "bad.csv: ") {
			t.Errorf("%v", err)
		}
	}
}
