package newsletter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// library is that of a daemon that has shown a version for so long, and lacks insights.
func library(version string, age time.Duration, lacks ...string) newsletter.LibraryReport {
	r := newsletter.LibraryReport{Version: version, Changed: now.Add(-age), Since: now.Add(-age), Lacks: make(map[string]time.Time)}
	for _, id := range lacks {
		r.Lacks[id] = now.Add(-age)
	}
	return r
}

func has(r newsletter.LibraryReport, ids ...string) newsletter.LibraryReport {
	r.Has = ids
	return r
}

func peers(own newsletter.LibraryReport, others ...newsletter.LibraryReport) *newsletter.Peers {
	p := &newsletter.Peers{Own: newsletter.DaemonReport{At: now, Library: own}}
	for _, other := range others {
		p.Others = append(p.Others, newsletter.DaemonReport{At: now, Library: other})
		if own.Behind(&other) {
			p.BehindSince = now
		}
	}
	return p
}

func TestBehind(t *testing.T) {
	for _, test := range []struct {
		name       string
		own, other newsletter.LibraryReport
		want       bool
	}{
		{"the same", library("a", time.Hour), library("a", time.Minute), false},
		{"it lacks one more", library("a", time.Minute, "x"), library("b", time.Hour), true},
		{"it lacks one less", library("b", time.Hour), library("a", time.Minute, "x"), false},
		{"as many, and the other changed later", library("a", time.Hour), library("b", time.Minute), true},
		{"as many, and it changed later", library("b", time.Minute), library("a", time.Hour), false},
		{"different ones, and the other changed later", library("a", time.Hour, "y"), library("b", time.Minute, "x"), true},
		{"both at once", library("a", time.Hour), library("b", time.Hour), false},
	} {
		if got := test.own.Behind(&test.other); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestPeersAgree(t *testing.T) {
	newer, older := library("new", time.Minute), library("old", time.Hour, "x")
	var alone *newsletter.Peers
	for _, test := range []struct {
		name      string
		got, want bool
	}{
		{"alone, nothing is left to others", alone.Leaves(now, now), false},
		{"a daemon that is not behind leaves nothing", peers(newer, older).Leaves(now, now), false},
		{"one that is behind leaves a slot that is due", peers(older, newer).Leaves(now, now), true},
		{"for nearly a minute", peers(older, newer).Leaves(now, now.Add(59*time.Second)), true},
		{"and no longer", peers(older, newer).Leaves(now, now.Add(time.Minute)), false},
		{"also one that was due before", peers(older, newer).Leaves(now.Add(-time.Hour), now.Add(59*time.Second)), true},
		{"alone, what it shows is back", alone.Back("x"), true},
		{"all show it", peers(has(newer, "x"), has(newer, "x")).Back("x"), true},
		{"one does not, and is behind", peers(has(newer, "x"), older).Back("x"), true},
		{"one does not, and is as new", peers(has(library("a", time.Hour), "x"), library("b", time.Hour)).Back("x"), false},
		{"one that is behind takes nothing back", peers(has(older, "x"), newer).Back("x"), false},
		{"alone, what it lacks is away", alone.Away("x", now), true},
		{"another has the file", peers(newer, has(newer, "x")).Away("x", now.Add(-time.Second)), false},
		{"no other has it", peers(newer, newer).Away("x", now.Add(-time.Second)), true},
		{"another has not reported since", peers(newer, newer).Away("x", now), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v", test.name, test.got)
		}
	}
}

func TestGoneFromAll(t *testing.T) {
	lacks := library("a", time.Minute, "x")
	since, ok := (*newsletter.Peers)(nil).Gone("x", now)
	if !ok || !since.Equal(now) {
		t.Errorf("alone: %v %v", since, ok)
	}
	since, ok = peers(library("b", time.Hour, "x"), lacks).Gone("x", now)
	if !ok || !since.Equal(now.Add(-time.Minute)) {
		t.Errorf("from two: %v %v", since, ok)
	}
	if since, ok = peers(lacks, library("b", time.Hour)).Gone("x", now); ok {
		t.Errorf("another shows it: %v", since)
	}
	faulty := library("b", time.Hour, "x")
	faulty.Kept = []string{"x"}
	if since, ok = peers(lacks, faulty).Gone("x", now); ok {
		t.Errorf("another has its file, with a fault: %v", since)
	}
	if sound := library("a", time.Hour); !faulty.Behind(&sound) {
		t.Error("a library with a fault is not behind a sound one")
	}
	stopped := peers(lacks)
	stopped.Own.Library.Lacks["x"] = now.Add(-time.Hour)
	for ago, want := range map[time.Duration]bool{59 * time.Second: false, time.Minute: true} {
		stopped.Elsewhere = map[string]time.Time{"x": now.Add(-ago)}
		if since, ok = stopped.Gone("x", now); ok != want || ok && !since.Equal(now.Add(-ago)) {
			t.Errorf("another that stopped %v ago showed it: %v %v", ago, since, ok)
		}
	}
}

func TestRenumberBesideOthers(t *testing.T) {
	newer, older := library("new", time.Minute), library("old", time.Hour, "x")
	known := map[string]newsletter.Known{"x": {Seq: 1, FirstSeen: now.Add(-time.Hour), Category: "a", Slug: "x", Email: true}}
	shows := func(id, slug string) newsletter.Visible {
		return newsletter.Visible{InsightID: id, Category: "a", Slug: slug, Date: now, Email: true}
	}
	number := func(p *newsletter.Peers, known map[string]newsletter.Known, visible ...newsletter.Visible) newsletter.Renumbering {
		r, err := newsletter.Renumber(known, visible, newsletter.Numbering{Authority: true, Peers: p}, now)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := number(peers(older, newer), known); !r.Empty() || !r.Next.Equal(now.Add(time.Minute)) {
		t.Errorf("another shows it: %+v", r)
	}
	if r := number(peers(older, newer), known, shows("y", "y")); !r.Empty() {
		t.Errorf("one that is behind has another: %+v", r)
	}
	late := peers(older, newer)
	late.BehindSince = now.Add(-time.Minute)
	if r := number(late, known, shows("y", "y"), shows("x", "former")); len(r.Number) != 1 || len(r.Update) != 0 {
		t.Errorf("after a minute: %+v", r)
	}
	away := map[string]newsletter.Known{"x": {Seq: 1, Category: "a", Slug: "x", Email: true, Withdrawal: newsletter.Withdrawal{Since: now.Add(-time.Hour)}}}
	if r := number(peers(has(library("b", time.Hour), "x"), library("c", time.Hour)), away, shows("x", "x")); !r.Empty() {
		t.Errorf("one back on one of two daemons: %+v", r)
	}
}

func TestDisagreement(t *testing.T) {
	on := func(host string, l newsletter.LibraryReport) newsletter.DaemonReport {
		return newsletter.DaemonReport{Host: host, At: now, Library: l}
	}
	for _, test := range []struct {
		name    string
		reports []newsletter.DaemonReport
		want    string
	}{
		{"none runs", nil, ""},
		{"one runs", []newsletter.DaemonReport{on("a", library("1", time.Hour, "x"))}, ""},
		{"they agree", []newsletter.DaemonReport{on("a", library("1", time.Hour)), on("b", library("1", time.Hour))}, ""},
		{"not for long", []newsletter.DaemonReport{on("a", library("2", 9*time.Minute)), on("b", library("1", time.Hour))}, ""},
		{"one shows older texts", []newsletter.DaemonReport{on("a", library("2", 10*time.Minute)), on("b", library("1", time.Hour))}, "behind: b (an older version):"},
		{"two lack some", []newsletter.DaemonReport{on("a", library("2", time.Hour)), on("b", library("1", time.Hour, "y", "x")), on("c", library("0", time.Hour, "1", "2", "3", "4", "5", "6"))},
			"behind: b (without x, y); c (without 1, 2, 3, 4, 5 and 1 more):"},
	} {
		got := newsletter.Disagreement(test.reports, now)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}
