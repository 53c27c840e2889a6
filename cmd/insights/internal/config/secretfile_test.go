package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
)

// TestFilesWithSecrets: one that everybody can change is refused, one that everybody can
// read is named; a file without secrets may be as it likes.
func TestFilesWithSecrets(t *testing.T) {
	for _, test := range []struct {
		name   string
		mode   os.FileMode
		fault  bool
		noted  bool
		yaml   string // of the configuration file, which then has the mode
		linked bool   // behind a symbolic link, as containers mount secrets
	}{
		{name: "as it should be", mode: 0o600},
		{name: "for a group", mode: 0o660},
		{name: "readable by all", mode: 0o644, noted: true},
		{name: "behind a link", mode: 0o644, noted: true, linked: true},
		{name: "writable by all", mode: 0o666, fault: true},
		{name: "writable by all, behind a link", mode: 0o602, fault: true, linked: true},
		{name: "a configuration with a password", mode: 0o644, yaml: "smtp: {password: hush}\n", noted: true},
		{name: "a configuration with a password that all can change", mode: 0o646, yaml: "smtp: {password: hush}\n", fault: true},
		{name: "a configuration with a database's password", mode: 0o644, yaml: "database: {url: \"postgres://a:b@localhost/c\"}\n", noted: true},
		{name: "a configuration without secrets", mode: 0o646, yaml: "site: {title: News}\ndatabase: {url: \"sqlite:live.db\"}\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file, env := filepath.Join(dir, "secret"), map[string]string{}
			text := strings.Repeat("s", 44)
			if test.yaml != "" {
				file, text = filepath.Join(dir, "insights.yaml"), test.yaml
			} else {
				env["INSIGHTS_SECRET_FILE"] = file
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, test.mode); err != nil { // whatever the umask
				t.Fatal(err)
			}
			if test.linked {
				link := filepath.Join(dir, "link")
				if err := os.Symlink(file, link); err != nil {
					t.Fatal(err)
				}
				env["INSIGHTS_SECRET_FILE"] = link
			}
			name := ""
			if test.yaml != "" {
				name = file
			}
			c, err := config.Read(name, env)
			if (err != nil) != test.fault || err != nil && !strings.Contains(err.Error(), "chmod 600 ") {
				t.Fatalf("fault: %v", err)
			}
			if err != nil {
				return
			}
			if noted := strings.Contains(strings.Join(c.Notes(), "\n"), "chmod o-r"); noted != test.noted {
				t.Errorf("notes: %q", c.Notes())
			}
		})
	}
}

// TestFilesThatAnotherGroupCanChange: a user who can change a file of secrets can make links in
// the place of the site.
func TestFilesThatAnotherGroupCanChange(t *testing.T) {
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		groups = append(groups, 12345)
	}
	i := slices.IndexFunc(groups, func(g int) bool { return g != os.Getegid() })
	if i < 0 {
		t.Skip("this user can give files to no other group")
	}
	for mode, advice := range map[os.FileMode]string{0o600: "", 0o640: "", 0o620: "chmod g-w ", 0o660: "chmod g-w ", 0o644: "chmod o-r ", 0o664: "chmod 600 "} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(strings.Repeat("s", 44)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, -1, groups[i]); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		c, err := config.Read("", map[string]string{"INSIGHTS_SECRET_FILE": file})
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(c.Notes(), "\n"); advice == "" && strings.Contains(notes, "chmod") || advice != "" && !strings.Contains(notes, advice+file) {
			t.Errorf("mode %04o: %q, want %q", mode, notes, advice)
		}
	}
}
