package config

import (
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// Judgement is the numbers by which hard refusals are judged, and digests pause. The
// defaults were found by simulation.
type Judgement struct {
	Wait         time.Duration `yaml:"wait" doc:"How long a hard refusal waits before it is judged, by what was sent within as long before and after it."`
	Domain       string        `yaml:"domain" doc:"A refusal is in doubt when so many emails in a row to its domain were refused."`
	Words        string        `yaml:"words" doc:"The same for refusals in its words, at the domains that used these words."`
	Proven       string        `yaml:"proven" doc:"The same for refusals of readers who used to receive emails, whatever the domain."`
	Anybody      string        `yaml:"anybody" doc:"The same for refusals of anybody, whatever the domain."`
	Digests      int           `yaml:"digests" doc:"An address that is in doubt in so many digests, with nothing received in between, is suppressed."`
	Apart        time.Duration `yaml:"apart" doc:"How far apart these digests are at least."`
	ProvenFor    time.Duration `yaml:"proven_for" doc:"How long a confirmation or a received email proves a reader."`
	ProvenAfter  time.Duration `yaml:"proven_after" doc:"After how long an accepted email that did not come back counts as received."`
	PauseProven  string        `yaml:"pause_proven" doc:"A digest pauses when so many of its last emails were refused to readers who used to receive emails."`
	PauseAnybody string        `yaml:"pause_anybody" doc:"The same for refusals of anybody."`
	PauseDomains int           `yaml:"pause_domains" doc:"Over the domains of how many owners these refusals are at least."`
	PauseBlocked string        `yaml:"pause_blocked" doc:"A digest pauses when more than so many of its last emails were refused for the sender's sake."`
}

func defaultJudgement() Judgement {
	j := newsletter.DefaultJudgement()
	return Judgement{
		Wait: j.Wait, Domain: j.Domain.String(), Words: j.Words.String(), Proven: j.Proven.String(), Anybody: j.Anybody.String(),
		Digests: j.Digests, Apart: j.Apart, ProvenFor: j.ProvenFor, ProvenAfter: j.ProvenAfter,
		PauseProven: j.PauseProven.String(), PauseAnybody: j.PauseAnybody.String(), PauseDomains: j.PauseDomains, PauseBlocked: j.PauseBlocked.String(),
	}
}

// judgement is the numbers, and reports those that can't be used.
func (j Judgement) judgement(fault faultFunc) newsletter.Judgement {
	all := newsletter.Judgement{
		Wait: j.Wait, Digests: j.Digests, Apart: j.Apart, ProvenFor: j.ProvenFor, ProvenAfter: j.ProvenAfter, PauseDomains: j.PauseDomains,
	}
	for _, r := range []struct {
		key, text string
		into      *newsletter.Run
	}{
		{"domain", j.Domain, &all.Domain},
		{"words", j.Words, &all.Words},
		{"proven", j.Proven, &all.Proven},
		{"anybody", j.Anybody, &all.Anybody},
		{"pause_proven", j.PauseProven, &all.PauseProven},
		{"pause_anybody", j.PauseAnybody, &all.PauseAnybody},
		{"pause_blocked", j.PauseBlocked, &all.PauseBlocked},
	} {
		var err error
		if *r.into, err = newsletter.ParseRun(r.text); err != nil {
			fault("bounces.judgement."+r.key, "%v", err)
		}
	}
	if j.Wait < time.Second || j.Wait > 7*24*time.Hour {
		fault("bounces.judgement.wait", "%v: must be between 1s and 168h", j.Wait)
	}
	between(fault, "bounces.judgement.digests", j.Digests, 1, 1000)
	between(fault, "bounces.judgement.pause_domains", j.PauseDomains, 1, 1000)
	notNegative(fault, "bounces.judgement.apart", j.Apart)
	notNegative(fault, "bounces.judgement.proven_for", j.ProvenFor)
	notNegative(fault, "bounces.judgement.proven_after", j.ProvenAfter)
	return all
}

// Judgement is the numbers by which hard refusals are judged.
func (c *Config) Judgement() newsletter.Judgement {
	return c.Bounces.Judgement.judgement(func(string, string, ...any) {}) // checked when the configuration was read
}
