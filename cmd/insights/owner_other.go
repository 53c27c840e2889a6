//go:build !unix

package main

import (
	"io/fs"
	"os"
)

// sameOwner has nothing to do where files belong to nobody by number.
func sameOwner(*os.File, fs.FileInfo) error { return nil }
