package main_test

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

// e2eJudge is a program of others that reads feeds, or judges them.
type e2eJudge struct {
	name  string
	agent string // as it calls itself to servers; "": it fetches nothing
	reads func(e2eDocument) bool
	// read has it read documents, all in one run where it can, and fetch them again
	// where it keeps validators.
	read func(t *testing.T, documents []e2eDocument) []e2eReading
	// shown changes an entry to what the program shows of it; nil: it shows nothing.
	shown    func(*testing.T, feeds.Format, *e2eEntry)
	untitled bool  // it does not show the titles of feeds
	statuses []int // of the answers to its requests for each document
}

func e2eJudges() []e2eJudge {
	var (
		everything = func(e2eDocument) bool { return true }
		inAtom     = func(d e2eDocument) bool { return d.Format == feeds.Atom }
		inJSON     = func(d e2eDocument) bool { return d.Format == feeds.JSON }

		whole   = func(*testing.T, feeds.Format, *e2eEntry) {}
		trimmed = func(_ *testing.T, _ feeds.Format, e *e2eEntry) { e.Content = strings.TrimSpace(e.Content) }
		plain   = func(_ *testing.T, _ feeds.Format, e *e2eEntry) { e.Summary, e.Updated, e.Categories = "", 0, nil }
	)
	return []e2eJudge{
		{name: "xmllint", reads: e2eDocument.isXML, read: xmllintReads},
		{name: "jing", reads: inAtom, read: jingReads},
		{name: "ajv", reads: inJSON, read: ajvReads},
		{name: "feedsmith", reads: everything, read: feedsmithReads, shown: trimmed},
		{name: "gofeed", agent: "gofeed", reads: everything, read: gofeedReads, shown: whole, statuses: []int{200}},
		{name: "feedparser", agent: "python3-feedparser", reads: e2eDocument.isXML, read: feedparserReads, shown: trimmed, statuses: []int{200, 304}},
		{name: "newsboat", agent: "newsboat", reads: e2eDocument.isXML, read: newsboatReads, shown: plain, statuses: []int{200, 200, 304}},
		{name: "rss2email", agent: "feedparser", reads: e2eDocument.isXML, read: rss2emailReads, shown: asMailed, untitled: true, statuses: []int{200, 304}},
	}
}

// e2eRun runs a program in a home of its own, without a proxy, and returns what it
// printed; err is nil when it ended well.
func e2eRun(t *testing.T, stdin []byte, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH"), "NODE_PATH=" + os.Getenv(e2eNodeModules)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	err = cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", program, err)
	}
	return out.String(), errs.String(), err
}

// e2eReadings runs a program that prints its readings.
func e2eReadings(t *testing.T, stdin []byte, program string, args ...string) (readings []e2eReading) {
	t.Helper()
	stdout, stderr, err := e2eRun(t, stdin, program, args...)
	if err == nil {
		err = json.Unmarshal([]byte(stdout), &readings)
	}
	if err != nil {
		t.Fatalf("%s %.200q: %v\n%.2000s\n%.2000s", program, args, err, stderr, stdout)
	}
	return readings
}

// e2eFaults are the readings of a program that prints faults alone, each after the
// name of its file.
func e2eFaults(documents []e2eDocument, printed string) (readings []e2eReading) {
	for _, d := range documents {
		reading := e2eReading{URL: d.URL}
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
func judged(t *testing.T, readings []e2eReading, err error, printed string) []e2eReading {
	t.Helper()
	if err != nil && !slices.ContainsFunc(readings, func(r e2eReading) bool { return r.Fault != "" }) {
		t.Fatalf("%v\n%.2000s", err, printed)
	}
	return readings
}

func xmllintReads(t *testing.T, documents []e2eDocument) []e2eReading {
	xmllint := e2eNeeds(t, "xmllint")
	_, stderr, err := e2eRun(t, nil, xmllint, append([]string{"--noout", "--nonet"}, e2eFiles(documents)...)...)
	return judged(t, e2eFaults(documents, stderr), err, stderr)
}

// jingReads judges Atom by the grammar of RFC 4287.
func jingReads(t *testing.T, documents []e2eDocument) []e2eReading {
	jing := e2eNeeds(t, "jing")
	grammar := filepath.Join("..", "..", "feeds", "testdata", "atom.rnc")
	stdout, stderr, err := e2eRun(t, nil, jing, append([]string{"-c", grammar}, e2eFiles(documents)...)...)
	return judged(t, e2eFaults(documents, stdout), err, stdout+stderr)
}

// e2eNodeModules names the folder of Node packages that tests read feeds with.
const e2eNodeModules = "INSIGHTS_TEST_NODE_MODULES"

// nodeReads runs one of the scripts for Node.
func nodeReads(t *testing.T, documents []e2eDocument, script string, args ...string) []e2eReading {
	t.Helper()
	node := e2eNeeds(t, "node")
	if os.Getenv(e2eNodeModules) == "" {
		missing := e2eNodeModules + " is not set: copy .ci/readers to a folder, run npm ci there and name its node_modules"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	list, err := json.Marshal(documents)
	if err != nil {
		t.Fatal(err)
	}
	return e2eReadings(t, list, node, append([]string{filepath.Join("testdata", "readers", script)}, args...)...)
}

func feedsmithReads(t *testing.T, documents []e2eDocument) []e2eReading {
	return nodeReads(t, documents, "feedsmith.cjs")
}

// ajvReads judges JSON by the schema of JSON Feed 1.1.
func ajvReads(t *testing.T, documents []e2eDocument) []e2eReading {
	return nodeReads(t, documents, "jsonfeed.cjs", filepath.Join("..", "..", "feeds", "testdata", "jsonfeed.schema.json"))
}

func gofeedReads(t *testing.T, documents []e2eDocument) (readings []e2eReading) {
	parser := gofeed.NewParser()
	parser.UserAgent = "gofeed"
	for _, d := range documents {
		reading := e2eReading{URL: d.URL}
		feed, err := parser.ParseURLWithContext(d.URL, t.Context())
		if err != nil {
			reading.Fault = err.Error()
			readings = append(readings, reading)
			continue
		}
		reading.Title, reading.Self = feed.Title, feed.FeedLink
		for _, item := range feed.Items {
			e := e2eEntry{ID: item.GUID, URL: item.Link, Title: item.Title, Summary: item.Description, Content: item.Content, Categories: item.Categories}
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

func feedparserReads(t *testing.T, documents []e2eDocument) []e2eReading {
	python := e2eNeeds(t, debianPython)
	if _, stderr, err := e2eRun(t, nil, python, "-c", "import feedparser"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(stderr)
		}
		t.Skip("python3-feedparser is not installed")
	}
	return e2eReadings(t, nil, python, append([]string{filepath.Join("testdata", "readers", "readfeedparser.py")}, e2eURLs(documents)...)...)
}

// newsboatReads has newsboat fetch each document three times, the third time with
// validators, and looks into its cache. It keeps articles by id alone, so that
// documents of the same insights need caches of their own.
func newsboatReads(t *testing.T, documents []e2eDocument) (readings []e2eReading) {
	newsboat, python := e2eNeeds(t, "newsboat"), e2eNeeds(t, debianPython)
	caches := make(map[string][]e2eDocument)
	for _, d := range documents {
		cache := fmt.Sprint(d.Format, d.Feed == "all")
		caches[cache] = append(caches[cache], d)
	}
	for _, documents := range caches {
		dir := t.TempDir()
		urls, cache, config, faults := filepath.Join(dir, "urls"), filepath.Join(dir, "cache.db"), filepath.Join(dir, "config"), filepath.Join(dir, "faults")
		writeE2EFile(t, urls, strings.Join(e2eURLs(documents), "\n")+"\n")
		writeE2EFile(t, config, fmt.Sprintf("download-timeout 20\ndownload-retries 1\nerror-log %q\n", faults))
		for range 3 {
			if stdout, stderr, err := e2eRun(t, nil, newsboat, "-u", urls, "-c", cache, "-C", config, "-x", "reload"); err != nil {
				t.Fatalf("newsboat: %v\n%s%s", err, stdout, stderr)
			}
		}
		of := e2eReadings(t, nil, python, filepath.Join("testdata", "readers", "newsboatcache.py"), cache)
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
