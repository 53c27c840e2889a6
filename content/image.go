package content

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	stdimage "image"
	_ "image/gif"  // so that its size can be read
	_ "image/jpeg" // so that its size can be read
	_ "image/png"  // so that its size can be read
	"io"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// maxImage bounds a picture, in bytes.
const maxImage = 8 << 20

// ImageType returns the media type of a picture by the ending of its name, or "". The
// types are named here, since those that the system knows differ by machine.
func ImageType(name string) string { return imageTypes[strings.ToLower(path.Ext(name))] }

var imageTypes = map[string]string{
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
	".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
}

// image is what pages need to know of a picture.
type image struct {
	size          int64 // in bytes
	width, height int   // in CSS pixels; 0 when unknown
}

// Image returns the bytes and the content type of a file of the images folder,
// by its bare name such as "diagram.svg". It reads the file at each call, so that
// a picture that was replaced shows at once. It returns false for names that
// aren't a picture's (svg, png, jpg, jpeg, gif, webp, avif), missing files and
// those above 8 MiB. An SVG may hold scripts: serve it so that none can run.
func (l *Library) Image(name string) ([]byte, string, bool) {
	contentType, ok := imageType(name)
	if !ok {
		return nil, "", false
	}
	f, err := openRegular(l.folder.fsys, l.imageFile(name))
	if err != nil {
		return nil, "", false
	}
	defer f.Close()
	var size int64
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	var data bytes.Buffer
	if size <= maxImage {
		data.Grow(int(size) + bytes.MinRead) // else it takes several times as much
	}
	if _, err := data.ReadFrom(io.LimitReader(f, maxImage+1)); err != nil || data.Len() > maxImage {
		return nil, "", false
	}
	return data.Bytes(), contentType, true
}

// Picture is an open file of the images folder.
type Picture struct {
	io.ReadSeekCloser
	Modified time.Time
}

// OpenImage opens a picture that is to be sent as it is read; nil where Image returns none, or
// where its folder can't do that.
func (l *Library) OpenImage(name string) *Picture {
	if _, ok := imageType(name); !ok {
		return nil
	}
	f, err := openRegular(l.folder.fsys, l.imageFile(name))
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	seeker, ok := f.(io.ReadSeekCloser)
	if err != nil || !ok || info.Size() > maxImage {
		f.Close()
		return nil
	}
	return &Picture{seeker, info.ModTime()}
}

// ImageVersion tells versions of pictures apart, without reading them, and how large they are. It is another one for
// every name, and when the file was replaced. It returns false where Image does, as far as
// that shows without reading.
func (l *Library) ImageVersion(name string) (version string, size int64, ok bool) {
	if _, ok := imageType(name); !ok {
		return "", 0, false
	}
	file := l.imageFile(name)
	info, err := fs.Stat(l.folder.fsys, file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxImage {
		return "", 0, false
	}
	return fmt.Sprintf("%s %d %d", file, info.Size(), info.ModTime().UnixNano()), info.Size(), true
}

// imageFile is the file of a picture.
func (l *Library) imageFile(name string) string {
	return l.folder.spelling.of(path.Join(imagesFolder, norm.NFC.String(name)))
}

// spelling holds the names of files whose accents are not composed with their letters, as
// some systems write them, by the composed form (NFC) that texts and addresses have.
type spelling map[string]string

// spell reads how the pictures of a folder are spelt.
func spell(fsys fs.FS) spelling {
	entries, err := fs.ReadDir(fsys, imagesFolder)
	if err != nil {
		return nil
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		there[e.Name()] = true
	}
	var names spelling
	for _, e := range entries {
		if composed := norm.NFC.String(e.Name()); composed != e.Name() && !there[composed] {
			if names == nil {
				names = spelling{}
			}
			names[path.Join(imagesFolder, composed)] = path.Join(imagesFolder, e.Name())
		}
	}
	return names
}

// of returns the name that a file has in its folder.
func (s spelling) of(name string) string { return cmp.Or(s[name], name) }

// openRegular opens a file that is one: to open a pipe would wait for a writer.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return fsys.Open(name)
}

// imageType returns the content type of a bare file name, if it may be a picture's.
func imageType(name string) (string, bool) {
	if name == "" || name[0] == '.' || strings.ContainsAny(name, `/\`+"\x00") {
		return "", false
	}
	contentType := ImageType(name)
	return contentType, contentType != ""
}

// imageProblem looks up a picture that an insight mentions, by its path in the
// folder, and says what is wrong with it.
func imageProblem(fsys fs.FS, name string, as spelling) (image, string) {
	bare, inside := strings.CutPrefix(name, imagesFolder+"/")
	if !inside || strings.Contains(bare, "/") {
		return image{}, "pictures must be directly in the folder " + imagesFolder + "/"
	}
	if _, ok := imageType(bare); !ok {
		return image{}, "a picture's name must end in .svg, .png, .jpg, .jpeg, .gif, .webp or .avif"
	}
	f, err := openRegular(fsys, as.of(name)) // refuses what is no path
	if err != nil {
		if _, notLink := fs.ReadLink(fsys, as.of(name)); notLink == nil {
			return image{}, linkProblem(fsys, as.of(name), err)
		}
		return image{}, "no such file"
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return image{}, "no such file"
	}
	if info.Size() > maxImage {
		return image{}, "the file is larger than 8 MiB"
	}
	known := image{size: info.Size()}
	head, err := io.ReadAll(io.LimitReader(f, 256<<10))
	if err == nil {
		known.width, known.height = pictureSize(bare, head)
	}
	return known, ""
}

// pictureSize reads a picture's size from its beginning; zeros when it can't.
func pictureSize(name string, head []byte) (width, height int) {
	if strings.EqualFold(path.Ext(name), ".svg") {
		return svgSize(head)
	}
	config, _, err := stdimage.DecodeConfig(bytes.NewReader(head))
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return 0, 0
	}
	return config.Width, config.Height
}

// svgSize takes width and height from the root element, where they are plain
// numbers, or else from its viewBox.
func svgSize(head []byte) (width, height int) {
	dec := xml.NewDecoder(bytes.NewReader(head))
	dec.Strict = false
	for {
		token, err := dec.RawToken()
		if err != nil {
			return 0, 0
		}
		root, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		values := map[string]string{}
		for _, a := range root.Attr {
			values[a.Name.Local] = strings.TrimSpace(a.Value)
		}
		w, h := pixels(values["width"]), pixels(values["height"])
		if w > 0 && h > 0 {
			return w, h
		}
		box := strings.FieldsFunc(values["viewBox"], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
		if len(box) == 4 {
			if w, h = pixels(box[2]), pixels(box[3]); w > 0 && h > 0 {
				return w, h
			}
		}
		return 0, 0
	}
}

// pixels reads a length of SVG in whole CSS pixels; 0 when it isn't one.
func pixels(s string) int {
	x, err := strconv.ParseFloat(strings.TrimSuffix(s, "px"), 64)
	if err != nil || !(x > 0 && x < 100_000) {
		return 0
	}
	return max(1, int(math.Round(x)))
}
