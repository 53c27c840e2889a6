package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// folderState changes when a file of a folder, or of its images, is added,
// removed or written.
func folderState(dir string) string {
	h := sha256.New()
	for _, d := range []string{dir, filepath.Join(dir, "images")} {
		entries, err := os.ReadDir(d)
		if err != nil {
			fmt.Fprintln(h, d, err)
			continue
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return string(h.Sum(nil))
}
