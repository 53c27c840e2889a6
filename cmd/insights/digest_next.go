package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func digestNextCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "next", Short: "Show when each schedule makes its next digest", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			documents, rows := nextSlots(&c, time.Now())
			if done, err := p.out.Document(documents); done {
				return err
			}
			p.out.Table([]string{"SCHEDULE", "CADENCE", "NEXT"}, rows)
			return nil
		},
	}
}

type nextSlotJSON struct {
	Schedule string     `json:"schedule"`
	Cadence  string     `json:"cadence"`
	Slot     string     `json:"slot"`
	Due      *time.Time `json:"due"`
}

func nextSlots(c *config.Config, now time.Time) ([]nextSlotJSON, [][]string) {
	documents := []nextSlotJSON{}
	var rows [][]string
	for _, s := range c.Schedules() {
		next := nextSlotJSON{Schedule: s.Name, Cadence: string(s.Cadence)}
		when := "as soon as an insight appears"
		if c.Content.EditGrace > 0 {
			when = console.Duration(c.Content.EditGrace) + " after an insight appears"
		}
		if slot, ok := s.Next(now); ok {
			next.Slot, next.Due = slot.Key, console.Stamp(slot.Due)
			when = console.Moment(slot.Due, s.Zone)
		}
		documents = append(documents, next)
		rows = append(rows, []string{s.Name, string(s.Cadence), when})
	}
	return documents, rows
}
