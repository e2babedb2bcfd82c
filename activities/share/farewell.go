package share

import (
	"context"
	"time"

	"fieldproof/activities/attempts"
	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// farewellLasts is for how long the other side is told that a link is over.
const farewellLasts = 3 * 24 * time.Hour

// farewell tells the other side of a link that is over, once it answers, and then forgets what proves who we are.
func (t *turn) farewell(ctx context.Context) (protocol.ShareResult, error) {
	l := t.link
	r := protocol.ShareResult{Name: l.Name, State: string(models.LinkEnded), Over: true}
	if l.DueAt == nil {
		return r, nil
	}
	if !t.rests() {
		outcome, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
			o.Err = ours(t.Links.Farewell(ctx, l))
			return o
		})
		if err != nil {
			return r, err
		}
		if outcome.Err == nil || time.Since(l.EndedAt.Time) > farewellLasts {
			return r, t.Links.Forget(ctx, l)
		}
		if err := t.Links.Edit(ctx, l.ID, func(l *models.ShareLink) { l.Rests() }); err != nil {
			return r, err
		}
		if t.link, err = models.One[models.ShareLink](t.Store.Read(ctx).Where("id = ?", l.ID), "share link"); err != nil {
			return r, err
		}
	}
	r.Over, r.NextSeconds = false, attempts.Until(t.link.ProbeAt)
	return r, nil
}
