package main

import (
	"fmt"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
)

// contentStatus is what is wrong with the insights now. A running daemon may still have
// the version of a file that was valid.
type contentStatus struct {
	Error  string      `json:"error"` // why none can be read; "" = they can
	Faults []faultJSON `json:"faults"`

	faults content.Faults
}

func loadContentStatus(a *app.App) contentStatus {
	lib, err := a.Library()
	if err != nil {
		return contentStatus{Error: err.Error(), Faults: []faultJSON{}}
	}
	faults := a.Faults(lib)
	return contentStatus{Faults: faultDocuments(faults), faults: faults}
}

// show lists the faults, or some of many.
func (s *contentStatus) show(out *console.Console) {
	if s.Error != "" {
		out.Item("CONTENT", "can't be read: "+s.Error)
		return
	}
	if len(s.faults) == 0 {
		return
	}
	out.Item("CONTENT", fmt.Sprintf("%s with faults: left out, or as it was when it was valid", console.Count(s.faults.Files(), "file")))
	for _, line := range firstFaults(s.faults, "") {
		out.Item("", line)
	}
}

// firstFaults says the first of many faults, each after the words before, and where the
// others are found.
func firstFaults(faults content.Faults, before string) (lines []string) {
	const shown = 5
	for _, f := range faults[:min(len(faults), shown)] {
		lines = append(lines, before+f.Error())
	}
	if len(faults) > shown {
		lines = append(lines, fmt.Sprintf("and %s more: insights content check", console.Thousands(len(faults)-shown)))
	}
	return lines
}
