package newsletter

import (
	"context"

	"github.com/scaledbydesign/insights/content"
)

// PlanByHand plans a digest of what is visible now, without waiting for the edit grace
// of new insights: staff who ask for a digest have seen them. Unless DryRun it numbers
// them first, for which the library must hold everything that is not withdrawn:
// ErrOtherLibrary.
func (p *Planner) PlanByHand(ctx context.Context, lib *content.Library, r Request) (Digest, error) {
	if !r.DryRun {
		if _, _, err := p.Store.Number(ctx, VisibleIn(lib), Numbering{}); err != nil {
			return Digest{}, err
		}
	}
	return p.Plan(ctx, lib, r)
}
