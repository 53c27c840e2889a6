package content

import (
	"embed"
	"io/fs"
)

//go:embed insights
var embedded embed.FS

// Embedded returns the insights compiled into the program: a file system whose
// root holds the Markdown files and the images folder.
func Embedded() fs.FS {
	sub, err := fs.Sub(embedded, "insights")
	if err != nil {
		panic("content: embedded insights: " + err.Error()) // the name is a constant; fs.Sub fails only on a malformed one
	}
	return sub
}
