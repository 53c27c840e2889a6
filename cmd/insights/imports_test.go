package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/scaledbydesign/insights/"

// mayImport says which packages of this module each package may import directly.
var mayImport = map[string][]string{
	"content":                        {},
	"content/budget":                 {}, // for tests
	"subscribers":                    {},
	"subscribers/lists":              {"subscribers"},
	"subscribers/subscriberstest":    {"subscribers"},
	"feeds":                          {"content"},
	"feeds/feedstest":                {"feeds"},
	"feeds/readership":               {},
	"feeds/websub":                   {},
	"feeds/websub/websubtest":        {"feeds/websub"},
	"newsletter":                     {"content", "newsletter/bounce", "subscribers"},
	"newsletter/bounce":              {"newsletter/rfc5322"},
	"newsletter/rfc5322":             {},
	"newsletter/newslettertest":      {"content", "newsletter", "newsletter/bounce", "subscribers"},
	"newsletter/smtp":                {"newsletter", "newsletter/rfc5322"},
	"templates":                      {"content", "newsletter", "newsletter/rfc5322", "subscribers"},
	"cmd/insights/docs":              {},
	"cmd/insights/internal/database": {"feeds", "feeds/readership", "feeds/websub", "newsletter", "newsletter/bounce", "subscribers"},
	"cmd/insights/internal/database/databasetest": {"cmd/insights/internal/database"},
	"cmd/insights/internal/inbound":               {"newsletter"},
	"cmd/insights/internal/outbound":              {"feeds/websub"},
	"cmd/insights/internal/web":                   {"content", "feeds", "feeds/readership", "feeds/websub", "newsletter", "newsletter/rfc5322", "subscribers", "templates"},
	"cmd/insights/e2e":                            {}, // tests alone
	"cmd/insights/internal/config":                {"content", "newsletter", "subscribers", "templates"},
	"cmd/insights/internal/console":               {},
	"cmd/insights/internal/metrics":               {"feeds/readership", "newsletter", "subscribers"},
	"cmd/insights/internal/staticsite":            {},
	"cmd/insights/internal/app": {"cmd/insights/internal/config", "cmd/insights/internal/database", "cmd/insights/internal/inbound", "cmd/insights/internal/metrics",
		"cmd/insights/internal/outbound", "cmd/insights/internal/staticsite", "cmd/insights/internal/web",
		"content", "feeds", "feeds/readership", "feeds/websub", "newsletter", "newsletter/rfc5322", "newsletter/smtp", "subscribers", "templates"},
	"cmd/insights": {"cmd/insights/docs", "cmd/insights/internal/app", "cmd/insights/internal/config", "cmd/insights/internal/console",
		"content", "feeds", "feeds/readership", "feeds/websub", "newsletter", "subscribers", "subscribers/lists", "templates"},
}

// mayNotReach says what the domain must not reach, even indirectly.
var mayNotReach = map[string][]string{
	"content":           {"database/sql", "net/http", "net/smtp", module + "templates"},
	"feeds":             {"database/sql", "net/http", "net/smtp", module + "templates"},
	"feeds/readership":  {"database/sql", "net/http", "net/smtp", module + "templates"},
	"feeds/websub":      {"database/sql", "net/http", "net/smtp", module + "templates"},
	"subscribers":       {"database/sql", "net/http", "net/smtp", module + "templates"},
	"subscribers/lists": {"database/sql", "net/http", "net/smtp", module + "templates"},
	"newsletter":        {"database/sql", "net/http", "net/smtp", module + "templates"},

	"newsletter/bounce": {"database/sql", "net/http", "net/smtp", "os/exec", module + "newsletter", module + "subscribers"},
	"templates":         {"database/sql", "net/http", "net/smtp"},
}

// homes says which one package may import each library.
var homes = map[string]string{
	"github.com/gorilla/feeds":     "feeds",
	"github.com/yuin/goldmark":     "content",
	"github.com/alecthomas/chroma": "content",
	"github.com/go-co-op/gocron":   "newsletter",
	"github.com/robfig/cron":       "newsletter",
	"github.com/wneessen/go-mail":  "newsletter/smtp",
	"github.com/emersion/go-smtp":  "cmd/insights/internal/inbound",

	"github.com/standard-webhooks/standard-webhooks": "cmd/insights/internal/web",

	"github.com/mattn/go-sqlite3":         "cmd/insights/internal/database",
	"github.com/jackc/pgx":                "cmd/insights/internal/database",
	"github.com/pressly/goose":            "cmd/insights/internal/database",
	"github.com/andybalholm/brotli":       "cmd/insights/internal/web",
	"github.com/klauspost/compress":       "cmd/insights/internal/web",
	"github.com/spf13/cobra":              "cmd/insights",
	"github.com/fsnotify/fsnotify":        "cmd/insights/internal/app",
	"github.com/prometheus/client_golang": "cmd/insights/internal/metrics",
}

// packages lists import path and imports of every package, as go sees them.
func packages(t *testing.T, args ...string) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		found[fields[0]] = fields[1:]
	}
	return found
}

func TestPackagesImportOnlyWhatTheirPlaceAllows(t *testing.T) {
	for path, imports := range packages(t, module+"...") {
		name := strings.TrimPrefix(path, module)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s has no place in the import rules: add it to mayImport", name)
		}
		for _, i := range imports {
			if own, ok := strings.CutPrefix(i, module); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s must not import %s", name, own)
			}
			for library, home := range homes {
				if (i == library || strings.HasPrefix(i, library+"/")) && name != home {
					t.Errorf("%s must not import %s: its home is %s", name, i, home)
				}
			}
		}
	}
}

// TestCommandsAreShort keeps commands thin: what needs more lines is a rule, or assembly,
// and belongs elsewhere.
func TestCommandsAreShort(t *testing.T) {
	const most = 300
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > most && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s has %d lines, more than %d", name, n, most)
		}
	}
}

func TestTheDomainReachesNeitherSQLNorHTTP(t *testing.T) {
	for name, forbidden := range mayNotReach {
		reached := packages(t, "-deps", module+name)
		for _, path := range forbidden {
			if _, ok := reached[path]; ok {
				t.Errorf("%s reaches %s", name, path)
			}
		}
	}
}
