package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mmcdole/gofeed"

	"github.com/scaledbydesign/insights/feeds"
)

// feedTool is a program of others that reads feeds, or judges them.
type feedTool struct {
	name  string
	agent string // as it calls itself to servers; "": it fetches nothing
	reads func(document) bool
	// read has it read documents, all in one run where it can, and fetch them again
	// where it keeps validators.
	read func(t *testing.T, documents []document) []reading
	// shown changes an entry to what the program shows of it; nil: it shows nothing.
	shown    func(*testing.T, feeds.Format, *entry)
	untitled bool  // it does not show the titles of feeds
	statuses []int // of the answers to its requests for each document
}

func feedTools() []feedTool {
	var (
		everything = func(document) bool { return true }
		inAtom     = func(d document) bool { return d.Format == feeds.Atom }
		inJSON     = func(d document) bool { return d.Format == feeds.JSON }

		whole   = func(*testing.T, feeds.Format, *entry) {}
		trimmed = func(_ *testing.T, _ feeds.Format, e *entry) { e.Content = strings.TrimSpace(e.Content) }
		plain   = func(_ *testing.T, _ feeds.Format, e *entry) { e.Summary, e.Updated, e.Categories = "", 0, nil }
	)
	return []feedTool{
		{name: "xmllint", reads: document.isXML, read: xmllintReads},
		{name: "jing", reads: inAtom, read: jingReads},
		{name: "ajv", reads: inJSON, read: ajvReads},
		{name: "feedsmith", reads: everything, read: feedsmithReads, shown: trimmed},
		{name: "gofeed", agent: "gofeed", reads: everything, read: gofeedReads, shown: whole, statuses: []int{200}},
		{name: "feedparser", agent: "python3-feedparser", reads: document.isXML, read: feedparserReads, shown: trimmed, statuses: []int{200, 304}},
		{name: "newsboat", agent: "newsboat", reads: document.isXML, read: newsboatReads, shown: plain, statuses: []int{200, 200, 304}},
		{name: "rss2email", agent: "feedparser", reads: document.isXML, read: rss2emailReads, shown: asMailed, untitled: true, statuses: []int{200, 304}},
	}
}

// runTool runs a program in a home of its own, without a proxy, and returns what it
// printed; err is nil when it ended well.
func runTool(t *testing.T, stdin []byte, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH"), "NODE_PATH=" + os.Getenv(nodeModules)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	err = cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", program, err)
	}
	return out.String(), errs.String(), err
}

// readingsOf runs a program that prints its readings.
func readingsOf(t *testing.T, stdin []byte, program string, args ...string) (readings []reading) {
	t.Helper()
	stdout, stderr, err := runTool(t, stdin, program, args...)
	if err == nil {
		err = json.Unmarshal([]byte(stdout), &readings)
	}
	if err != nil {
		t.Fatalf("%s %.200q: %v\n%.2000s\n%.2000s", program, args, err, stderr, stdout)
	}
	return readings
}

// faultsIn are the readings of a program that prints faults alone, each after the
// name of its file.
func faultsIn(documents []document, printed string) (readings []reading) {
	for _, d := range documents {
		reading := reading{URL: d.URL}
		for line := range strings.Lines(printed) {
			if strings.HasPrefix(line, d.File+":") && reading.Fault == "" {
				reading.Fault = strings.TrimSpace(line)
			}
		}
		readings = append(readings, reading)
	}
	return readings
}

// judged fails when a program found fault without saying with which document.
func judged(t *testing.T, readings []reading, err error, printed string) []reading {
	t.Helper()
	if err != nil && !slices.ContainsFunc(readings, func(r reading) bool { return r.Fault != "" }) {
		t.Fatalf("%v\n%.2000s", err, printed)
	}
	return readings
}

func xmllintReads(t *testing.T, documents []document) []reading {
	xmllint := needs(t, "xmllint")
	_, stderr, err := runTool(t, nil, xmllint, append([]string{"--noout", "--nonet"}, filesOf(documents)...)...)
	return judged(t, faultsIn(documents, stderr), err, stderr)
}

// jingReads judges Atom by the grammar of RFC 4287.
func jingReads(t *testing.T, documents []document) []reading {
	jing := needs(t, "jing")
	grammar := filepath.Join("..", "..", "..", "feeds", "testdata", "atom.rnc")
	stdout, stderr, err := runTool(t, nil, jing, append([]string{"-c", grammar}, filesOf(documents)...)...)
	return judged(t, faultsIn(documents, stdout), err, stdout+stderr)
}

// nodeModules names the folder of Node packages that tests read feeds with.
const nodeModules = "INSIGHTS_TEST_NODE_MODULES"

// nodeReads runs one of the scripts for Node.
func nodeReads(t *testing.T, documents []document, script string, args ...string) []reading {
	t.Helper()
	node := needs(t, "node")
	if os.Getenv(nodeModules) == "" {
		missing := nodeModules + " is not set: copy .ci/readers to a folder, run npm ci there and name its node_modules"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	list, err := json.Marshal(documents)
	if err != nil {
		t.Fatal(err)
	}
	return readingsOf(t, list, node, append([]string{filepath.Join("testdata", "readers", script)}, args...)...)
}

func feedsmithReads(t *testing.T, documents []document) []reading {
	return nodeReads(t, documents, "feedsmith.cjs")
}

// ajvReads judges JSON by the schema of JSON Feed 1.1.
func ajvReads(t *testing.T, documents []document) []reading {
	return nodeReads(t, documents, "jsonfeed.cjs", filepath.Join("..", "..", "..", "feeds", "testdata", "jsonfeed.schema.json"))
}

func gofeedReads(t *testing.T, documents []document) (readings []reading) {
	parser := gofeed.NewParser()
	parser.UserAgent = "gofeed"
	for _, d := range documents {
		reading := reading{URL: d.URL}
		feed, err := parser.ParseURLWithContext(d.URL, t.Context())
		if err != nil {
			reading.Fault = err.Error()
			readings = append(readings, reading)
			continue
		}
		reading.Title, reading.Self = feed.Title, feed.FeedLink
		for _, item := range feed.Items {
			e := entry{ID: item.GUID, URL: item.Link, Title: item.Title, Summary: item.Description, Content: item.Content, Categories: item.Categories}
			for _, author := range item.Authors {
				e.Author += author.Name
			}
			if item.PublishedParsed != nil {
				e.Published = item.PublishedParsed.Unix()
			}
			if item.UpdatedParsed != nil {
				e.Updated = item.UpdatedParsed.Unix()
			}
			reading.Entries = append(reading.Entries, e)
		}
		readings = append(readings, reading)
	}
	return readings
}

// debianPython is the system's, which has Debian's python3-feedparser.
const debianPython = "/usr/bin/python3"

func feedparserReads(t *testing.T, documents []document) []reading {
	python := needs(t, debianPython)
	if _, stderr, err := runTool(t, nil, python, "-c", "import feedparser"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(stderr)
		}
		t.Skip("python3-feedparser is not installed")
	}
	return readingsOf(t, nil, python, append([]string{filepath.Join("testdata", "readers", "readfeedparser.py")}, urlsOf(documents)...)...)
}

// newsboatReads has newsboat fetch each document three times, the third time with
// validators, and looks into its cache. It keeps articles by id alone, so that
// documents of the same insights need caches of their own.
func newsboatReads(t *testing.T, documents []document) (readings []reading) {
	newsboat, python := needs(t, "newsboat"), needs(t, debianPython)
	caches := make(map[string][]document)
	for _, d := range documents {
		cache := fmt.Sprint(d.Format, d.Feed == "all")
		caches[cache] = append(caches[cache], d)
	}
	for _, documents := range caches {
		dir := t.TempDir()
		urls, cache, config, faults := filepath.Join(dir, "urls"), filepath.Join(dir, "cache.db"), filepath.Join(dir, "config"), filepath.Join(dir, "faults")
		writeFile(t, urls, strings.Join(urlsOf(documents), "\n")+"\n")
		writeFile(t, config, fmt.Sprintf("download-timeout 20\ndownload-retries 1\nerror-log %q\n", faults))
		for range 3 {
			if stdout, stderr, err := runTool(t, nil, newsboat, "-u", urls, "-c", cache, "-C", config, "-x", "reload"); err != nil {
				t.Fatalf("newsboat: %v\n%s%s", err, stdout, stderr)
			}
		}
		of := readingsOf(t, nil, python, filepath.Join("testdata", "readers", "newsboatcache.py"), cache)
		log, err := os.ReadFile(faults)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for i := range of {
			for line := range strings.Lines(string(log)) {
				if strings.Contains(line, of[i].URL) {
					of[i].Fault = strings.TrimSpace(line)
				}
			}
		}
		readings = append(readings, of...)
	}
	return readings
}
