package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
)

// covered is an order with two pairs and a photo of the work, and how its cover is chosen and read.
type covered struct {
	*house.House
	front, back [2]string // before and after, by id
	during      string
}

func newCovered(t *testing.T) *covered {
	h := house.New(t)
	var task models.Task
	require.NoError(t, h.Store.Read(h.Ctx).Take(&task, "work_order_id = ?", h.Order.ID).Error)
	photo := func(n int, kind, shot string) string {
		i := h.Photo(h.Order, n)
		h.Write(func(tx *models.Tx) error {
			return tx.Model(i).Updates(map[string]any{"task_id": task.ID, "evidence_type": kind, "shot": shot}).Error
		})
		return i.ID
	}
	return &covered{h, [2]string{photo(1, "before", "Front"), photo(2, "after", "Front")}, [2]string{photo(3, "before", "Back"), photo(4, "after", "Back")}, photo(5, "during", "")}
}

func (c *covered) choose(ids ...string) {
	c.Order.KeyPhotos = ids
	c.Write(func(tx *models.Tx) error { return tx.SaveOrder(c.Order) })
}

func (c *covered) set(id string, columns map[string]any) {
	c.Write(func(tx *models.Tx) error { return tx.Model(&models.Item{}).Where("id = ?", id).Updates(columns).Error })
}

// covers are the ids of the photos on a proof's cover.
func (c *covered) covers(p *models.Proof, err error) []string {
	c.T.Helper()
	require.NoError(c.T, err)
	var ids []string
	for _, i := range p.KeyPair() {
		ids = append(ids, i.ID)
	}
	return ids
}

func TestTheOfficeChoosesTheKeyPairAsLongAsItCanBeShown(t *testing.T) {
	c := newCovered(t)
	now := func() []string {
		return c.covers(models.ProofOf(c.Store.Read(c.Ctx), c.Order.ID, nil, models.ForOffice))
	}
	require.Equal(t, c.front[:], now(), "without a choice the first pair")
	c.choose(c.back[1], c.back[0])
	require.Equal(t, c.back[:], now(), "before stands first, whichever was chosen first")
	c.choose(c.during)
	require.Equal(t, []string{c.during}, now(), "one may stand alone")
	c.choose(c.back[1], c.during)
	require.Equal(t, []string{c.during, c.back[1]}, now())

	c.choose(c.back[0], c.back[1])
	for what, fault := range map[string][2]map[string]any{
		"rejected":   {{"review": models.ReviewRejected}, {"review": models.ReviewApproved}},
		"deleted":    {{"deleted_at": models.Now()}, {"deleted_at": nil}},
		"undrawable": {{"renditions": models.RenditionsFailed}, {"renditions": models.RenditionsMade}},
		"moved away": {{"work_order_id": c.NewOrder("W-2").ID}, {"work_order_id": c.Order.ID}},
	} {
		c.set(c.back[1], fault[0])
		require.Equal(t, c.front[:], now(), "%s: the choice stands whole or not at all", what)
		c.set(c.back[1], fault[1])
		require.Equal(t, c.back[:], now(), "no more %s: chosen still", what)
	}
	c.choose()
	require.Equal(t, c.front[:], now())
}

func TestAPublicationKeepsTheKeyPairThatItWentOutWith(t *testing.T) {
	c := newCovered(t)
	db := c.Store.Read(c.Ctx)
	linked := func(items ...string) []string { return c.covers(models.PublishedProof(db, c.Order.ID, items)) }
	unchosen := c.Publish(c.Order)
	c.choose(c.back[0], c.back[1])
	require.Equal(t, c.back[:], linked(), "a link follows the office at once")
	require.Equal(t, c.front[:], linked(c.front[0], c.front[1], c.back[1]), "a link of chosen photos without one of them")
	fresh := c.Photo(c.Order, 6)
	chosen := c.Publish(c.Order)
	later := c.Photo(c.Order, 7)
	c.choose(fresh.ID)
	require.Equal(t, []string{fresh.ID}, linked())
	c.choose(later.ID)
	require.Equal(t, c.front[:], linked(), "what is not published is on no cover of a client")
	for p, want := range map[*models.Publication][2]string{unchosen: c.front, chosen: c.back} {
		kept, err := models.One[models.Publication](db.Where("id = ?", p.ID), "publication")
		require.NoError(t, err)
		require.Equal(t, want[:], c.covers(models.ProofOf(db, c.Order.ID, kept, models.ForClient)), "publication %d", p.Number)
	}
}

// TestARelayTakesTheKeyPairAtItsEnd: the report of an open publication is made when it closes.
func TestARelayTakesTheKeyPairAtItsEnd(t *testing.T) {
	c := newCovered(t)
	now := models.Now()
	relay := &models.Publication{ID: models.NewID(), AccountID: c.Account.ID, WorkOrderID: c.Order.ID, Number: 1, Relay: true, CreatedAt: now, EndedAt: &now}
	c.Write(func(tx *models.Tx) error { return tx.Create(relay).Error })
	c.choose(c.back[0], c.back[1])
	c.Write(func(tx *models.Tx) error { return tx.CloseRelay(c.Order) })
	closed, err := models.One[models.Publication](c.Store.Read(c.Ctx).Where("id = ?", relay.ID), "publication")
	require.NoError(t, err)
	require.Equal(t, c.back[:], closed.KeyPhotos)
	require.False(t, closed.Relay)
	require.NotNil(t, closed.EndedAt, "nothing takes a report")
}
