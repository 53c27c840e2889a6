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
	const shown = 5
	if s.Error != "" {
		out.Item("CONTENT", "can't be read: "+s.Error)
		return
	}
	if len(s.faults) == 0 {
		return
	}
	out.Item("CONTENT", fmt.Sprintf("%s with faults: left out, or as it was when it was valid", console.Count(s.faults.Files(), "file")))
	for _, f := range s.faults[:min(len(s.faults), shown)] {
		out.Item("", f.Error())
	}
	if len(s.faults) > shown {
		out.Item("", fmt.Sprintf("and %s more: insights content check", console.Thousands(len(s.faults)-shown)))
	}
}
