//go:build unix

package content_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/scaledbydesign/insights/content"
)

func TestPipeIsNoPicture(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "images", "p.png"), 0o644); err != nil {
		t.Fatal(err)
	}
	lib, err := content.Load(os.DirFS(dir), content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := lib.Image("p.png"); ok { // to open it would wait for ever
		t.Error("a pipe was read as a picture")
	}
}
