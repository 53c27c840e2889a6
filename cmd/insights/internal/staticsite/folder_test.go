package staticsite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// writeSite builds a folder of some files, each with its own text.
func writeSite(t *testing.T, dir string, files map[string]string) (Report, error) {
	t.Helper()
	b, err := openFolder(t.Context(), dir, false, t.Logf)
	if err != nil {
		return Report{}, err
	}
	for name, text := range files {
		if err := b.add(File{Name: name, Body: []byte(text), Gzip: []byte("gz " + text)}); err != nil {
			t.Fatal(err)
		}
	}
	err = b.finish()
	return b.report, errors.Join(err, b.close())
}

func mustWriteSite(t *testing.T, dir string, files map[string]string) Report {
	t.Helper()
	report, err := writeSite(t, dir, files)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func wantFile(t *testing.T, path, text string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("%s holds %q (%v), want %q", path, b, err, text)
	}
}

// wantAlone fails if a build has left something beside its folder.
func wantAlone(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestABuildKeepsTheTimesOfWhatIsUnchanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	mustWriteSite(t, dir, map[string]string{"same": "1", "a/changed": "1", "gone": "1"})
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"same", "a/changed"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	report := mustWriteSite(t, dir, map[string]string{"same": "1", "a/changed": "2", "new": "1"})
	want := Report{Files: 6, Bytes: 15, New: 2, Changed: 2, Unchanged: 2, Removed: 2}
	if report != want {
		t.Errorf("%+v, want %+v", report, want)
	}
	modified := func(name string) time.Time {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	if !modified("same").Equal(old) || !modified("same.gz").Equal(old) {
		t.Errorf("same has the time %v", modified("same"))
	}
	if !modified("a/changed").After(old) || !modified("a/changed").Equal(modified("a/changed.gz")) {
		t.Errorf("changed has the time %v, its .gz %v", modified("a/changed"), modified("a/changed.gz"))
	}
	if _, err := os.Stat(filepath.Join(dir, "gone.gz")); err == nil {
		t.Error("gone.gz is still there")
	}
	// What was modified only now gets a later time all the same.
	before := modified("a/changed")
	mustWriteSite(t, dir, map[string]string{"same": "1", "a/changed": "3", "new": "1"})
	if !modified("a/changed").After(before) {
		t.Errorf("changed again, and the time is %v as before", before)
	}
	wantAlone(t, dir)
}

func TestABuildTakesTheTimeOfTheAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text  string
		exact bool
	}{{"1", true}, {"2", false}} { // other bytes must not have the same time
		b, err := openFolder(t.Context(), dir, false, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.add(File{Name: "feed", Body: []byte(c.text), Modified: at}), b.finish(), b.close()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, "feed"))
		if err != nil || info.ModTime().Equal(at) != c.exact {
			t.Errorf("%q has the time %v (%v)", c.text, info.ModTime(), err)
		}
	}
}

func TestABuildNeverFollowsALinkOutOfItsFolder(t *testing.T) {
	parent := t.TempDir()
	dir, outside := filepath.Join(parent, "site"), filepath.Join(parent, "outside")
	if err := os.MkdirAll(filepath.Join(outside, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index", "a/page"} {
		if err := os.WriteFile(filepath.Join(outside, name), []byte("theirs"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{"index": "1", "a/page": "1"}
	mustWriteSite(t, dir, files)

	// A file of the build that was replaced by a link is written anew.
	if err := errors.Join(os.Remove(filepath.Join(dir, "index")), os.Symlink(filepath.Join(outside, "index"), filepath.Join(dir, "index"))); err != nil {
		t.Fatal(err)
	}
	mustWriteSite(t, dir, files)
	wantFile(t, filepath.Join(dir, "index"), "1")

	// A folder that was replaced is not the build's any more.
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "a")), os.Symlink(filepath.Join(outside, "a"), filepath.Join(dir, "a"))); err != nil {
		t.Fatal(err)
	}
	if _, err := writeSite(t, dir, map[string]string{"index": "2", "a/page": "2"}); err == nil || !strings.Contains(err.Error(), "site/a was not written by insights build") {
		t.Errorf("a link for a folder: %v", err)
	}
	wantFile(t, filepath.Join(dir, "index"), "1")

	// Links of others stay links.
	if err := errors.Join(os.Remove(filepath.Join(dir, "a")), os.Symlink(outside, filepath.Join(dir, "theirs"))); err != nil {
		t.Fatal(err)
	}
	if report := mustWriteSite(t, dir, map[string]string{"index": "2"}); report.Kept != 1 {
		t.Errorf("%+v: want one file kept", report)
	}
	if to, err := os.Readlink(filepath.Join(dir, "theirs")); err != nil || to != outside {
		t.Errorf("the link of others leads to %q (%v)", to, err)
	}
	wantFile(t, filepath.Join(outside, "index"), "theirs")
	wantFile(t, filepath.Join(outside, "a/page"), "theirs")
	wantAlone(t, dir)
}

func TestABuildKeepsWhatOthersPutThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	mustWriteSite(t, dir, map[string]string{"index": "1", "a/page": "1"})
	for _, name := range []string{"CNAME", "a/theirs", ".well-known/deep/security.txt"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("theirs"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if report := mustWriteSite(t, dir, map[string]string{"index": "2"}); report.Kept != 3 || report.Removed != 2 {
		t.Errorf("%+v", report)
	}
	for _, name := range []string{"CNAME", "a/theirs", ".well-known/deep/security.txt"} {
		wantFile(t, filepath.Join(dir, name), "theirs")
	}
	if info, err := os.Stat(filepath.Join(dir, "empty")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the empty folder: %v, %v", info, err)
	}
	if _, err := writeSite(t, dir, map[string]string{"index": "3", "CNAME": "ours"}); err == nil || !strings.Contains(err.Error(), "CNAME was not written by insights build") {
		t.Errorf("a file of theirs where ours must be: %v", err)
	}
	wantFile(t, filepath.Join(dir, "index"), "2")
	wantAlone(t, dir)
}

// TestABuildMendsWhatAKilledOneLeft leaves what SIGKILL leaves, at each moment.
func TestABuildMendsWhatAKilledOneLeft(t *testing.T) {
	for _, moment := range []string{"just made", "no marker yet", "half a marker", "half written", "before the swap", "between the steps", "after the swap"} {
		t.Run(moment, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "site")
			mustWriteSite(t, dir, map[string]string{"index": "old", "page": "old"})
			if err := os.WriteFile(filepath.Join(dir, "CNAME"), []byte("theirs"), 0o644); err != nil {
				t.Fatal(err)
			}
			b, err := openFolder(t.Context(), dir, false, t.Logf)
			if err != nil {
				t.Fatal(err)
			}
			if moment != "just made" {
				err = b.add(File{Name: "index", Body: []byte("new")})
			}
			switch moment {
			case "no marker yet":
				err = errors.Join(b.site.Remove("index"), b.site.Remove(marker))
			case "half a marker":
				err = b.site.WriteFile(marker, []byte(`{"ins`), 0o644)
			case "before the swap":
				err = errors.Join(err, b.keepOthers())
			case "between the steps":
				err = errors.Join(err, b.keepOthers(), b.parent.Rename(b.name, b.aside()))
			case "after the swap":
				err = errors.Join(err, b.finish())
			}
			if err != nil {
				t.Fatal(err)
			}
			b.lock.Close() // as its end does, whatever ends it

			if moment != "between the steps" {
				text := map[bool]string{false: "old", true: "new"}[moment == "after the swap"]
				wantFile(t, filepath.Join(dir, "index"), text)
			}
			mustWriteSite(t, dir, map[string]string{"index": "next"})
			wantFile(t, filepath.Join(dir, "index"), "next")
			wantFile(t, filepath.Join(dir, "CNAME"), "theirs")
			wantAlone(t, dir)
		})
	}
}

func TestABuildWhereNamesCanNotBeExchanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	mustWriteSite(t, dir, map[string]string{"index": "old"})
	b, err := openFolder(t.Context(), dir, false, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.add(File{Name: "index", Body: []byte("new")}), b.swapInTwoSteps(), b.close()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "index"), "new")
	wantAlone(t, dir)
}

func TestABuildLeavesAnothersFolderAlone(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "site")
	theirs := filepath.Join(parent, ".site.insights-build-theirs")
	if err := errors.Join(os.Mkdir(theirs, 0o755), os.WriteFile(filepath.Join(theirs, "x"), []byte("theirs"), 0o644)); err != nil {
		t.Fatal(err)
	}
	mustWriteSite(t, dir, map[string]string{"index": "1"})
	wantFile(t, filepath.Join(theirs, "x"), "theirs")

	// Who is told to stop while another build writes has changed nothing.
	other, err := openFolder(t.Context(), dir, false, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waited := false
	_, err = openFolder(ctx, dir, false, func(string, ...any) { waited = true; cancel() })
	if !waited || !errors.Is(err, context.Canceled) {
		t.Errorf("beside another build: %v, waited %v", err, waited)
	}
	if err := errors.Join(other.add(File{Name: "index", Body: []byte("2")}), other.finish(), other.close()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "index"), "2")
}

func TestBuildsAtTheSameTimeLeaveAWholeFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	mustWriteSite(t, dir, map[string]string{"a": "0", "b": "0"})
	var builds sync.WaitGroup
	for _, text := range []string{"1", "2", "3", "4"} {
		builds.Go(func() {
			if _, err := writeSite(t, dir, map[string]string{"a": text, "b": text}); err != nil {
				t.Error(err)
			}
		})
	}
	builds.Wait()
	a, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil || string(a) == "0" {
		t.Errorf("a holds %q (%v)", a, err)
	}
	wantFile(t, filepath.Join(dir, "b"), string(a))
	wantAlone(t, dir)
}
