package peers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/wire"
)

// end is an end of a link that lies in memory.
type end map[string]*peers.Told

func (e end) Orders(context.Context) ([]string, error) { return slices.Sorted(maps.Keys(e)), nil }

func (e end) Told(_ context.Context, ids []string) (map[string]*peers.Told, error) {
	told := map[string]*peers.Told{}
	for _, id := range ids {
		if t := e[id]; t != nil {
			told[id] = t
		}
	}
	return told, nil
}

// someEnd is an end with orders and items drawn by chance.
func someEnd(r *rand.Rand) end {
	e := end{}
	for n := range 1 + r.IntN(300) {
		t := &peers.Told{OrderID: fmt.Sprintf("order%020d", n), Version: int64(r.IntN(5)), Status: []string{"", "viewed", "complete"}[r.IntN(3)]}
		for k := range r.IntN(4) {
			t.Items = append(t.Items, peers.ToldItem{UUID: fmt.Sprintf("uuid-%06d-%d", n, k), SHA256: fmt.Sprintf("%064x", r.Uint64()), Revision: int64(1 + r.IntN(3))})
		}
		e[t.OrderID] = t
	}
	return e
}

// copied is an end with the same, its items in another sequence.
func (e end) copied(r *rand.Rand) end {
	same := end{}
	for id, t := range e {
		other := *t
		other.Items = slices.Clone(t.Items)
		r.Shuffle(len(other.Items), func(a, b int) { other.Items[a], other.Items[b] = other.Items[b], other.Items[a] })
		same[id] = &other
	}
	return same
}

// spoil changes one thing, and tells of which order.
func (e end) spoil(r *rand.Rand) string {
	id := slices.Sorted(maps.Keys(e))[r.IntN(len(e))]
	t := e[id]
	switch n := r.IntN(7); {
	case n == 0:
		delete(e, id)
	case n == 1:
		t.Version++
	case n == 2:
		t.Status += "x"
	case len(t.Items) == 0 || n == 3:
		t.Items = append(t.Items, peers.ToldItem{UUID: "uuid-of-another", Revision: 1})
	case n == 4:
		t.Items = t.Items[1:]
	case n == 5:
		t.Items[0].Revision++
	default:
		t.Items[0].SHA256 = strings.Repeat("f", 64)
	}
	return id
}

func TestDigestsAreEqualJustWhereWhatWasToldIs(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		one := someEnd(r)
		other := one.copied(r)
		digests := func(e end, of string) (map[string]string, map[string]string) {
			buckets, err := peers.BucketDigests(ctx, e)
			require.NoError(t, err)
			orders, err := peers.OrderDigests(ctx, e, []string{of})
			require.NoError(t, err)
			return buckets, orders
		}
		a, _ := digests(one, "00")
		b, _ := digests(other, "00")
		require.Equal(t, a, b, "whatever the sequence in which they stand")

		id := other.spoil(r)
		bucket := peers.Bucket(id)
		a, inOne := digests(one, bucket)
		b, inOther := digests(other, bucket)
		for _, name := range slices.Collect(maps.Keys(a)) {
			require.Equal(t, name != bucket, a[name] == b[name], "of bucket %s, seed %d", name, seed)
		}
		for name := range inOne {
			require.Equal(t, name != id, inOne[name] == inOther[name])
		}
	}
}

func TestLinesAreSortedAndSayAllThatIsCompared(t *testing.T) {
	told := peers.Told{OrderID: "o1", Version: 3, Status: "viewed", Items: []peers.ToldItem{{UUID: "uuid-00000002", SHA256: "ab", Revision: 2}, {UUID: "{0B8E4C8E-6D1F-4F0E-9A55-3D8F2F1F9B11}", Revision: 1}}}
	require.Equal(t, []string{"o1 3 viewed 0b8e4c8e6d1f4f0e9a553d8f2f1f9b11 - 1", "o1 3 viewed uuid-00000002 ab 2"}, told.Lines())
	require.Equal(t, []string{"o2 1 -"}, (&peers.Told{OrderID: "o2", Version: 1}).Lines(), "an order without items")
}

func TestOnlyAFieldproofThatNamesItselfMayCompare(t *testing.T) {
	v := newHosting(t)
	for _, service := range []string{"compare", "item", "COMPARE.php"} {
		for _, said := range []map[string]any{{}, {"fieldproof": "share1", "password": "wrong"}, {"fieldproof": "another"}} {
			_, _, err := v.begin(service, said)
			var none *peers.ErrNoService
			require.ErrorAs(t, err, &none)
			require.Equal(t, models.NotFound, models.KindOf(err))
			require.Equal(t, "The services are validate, getWorkOrders, uploadPictures and status.", err.Error(), "as of a service that never was")
		}
	}
	_, err := peers.ServiceOf("nothing")
	require.EqualError(t, err, "The services are validate, getWorkOrders, uploadPictures and status.")
}

// TestADelegatorTellsWhatDiffers walks through the rounds.
func TestADelegatorTellsWhatDiffers(t *testing.T) {
	v := newHosting(t)
	own := v.NewOrder("W-2")
	v.Write(func(tx *models.Tx) error {
		return tx.Model(&models.WorkOrder{}).Where("id = ?", own.ID).Updates(map[string]any{"assignee_id": v.vendor.ID, "state": models.InProgress}).Error
	})
	photo := v.Photo(own, 1)
	v.Write(func(tx *models.Tx) error {
		return tx.Model(&models.Item{}).Where("id = ?", photo.ID).Updates(map[string]any{"uploaded_by": v.vendor.ID, "peer_revision": 4}).Error
	})
	compare := func(digests string) (differs peers.Differs) {
		var answer struct{ Error, Differs string }
		require.NoError(t, json.Unmarshal([]byte(v.ask("compare", nil, map[string]any{"fieldproof": "share1", "digests": digests})), &answer))
		require.Empty(t, answer.Error)
		require.NoError(t, json.Unmarshal([]byte(answer.Differs), &differs))
		return differs
	}
	bucket := peers.Bucket(own.ID)
	require.Equal(t, []string{bucket}, compare(`{}`).Buckets)
	require.Equal(t, []string{own.ID}, compare(`{"of":["`+bucket+`"],"orders":{}}`).Orders)
	lines := compare(`{"lines":["` + own.ID + `","unknown"]}`)
	require.Equal(t, 2, lines.Answers)
	require.Len(t, lines.Lines, 1)
	told := lines.Lines[0]
	require.Equal(t, []peers.ToldItem{{UUID: photo.UUID, SHA256: photo.SHA256, Revision: 4}}, told.Items)
	require.Equal(t, []string{bucket}, compare(`{"buckets":{"`+bucket+`":"0"}}`).Buckets)
	require.Equal(t, []string{own.ID}, compare(`{"of":["`+bucket+`"],"orders":{"`+own.ID+`":"0"}}`).Orders)
	require.Empty(t, compare(`{"of":["`+bucket+`"],"orders":{"`+own.ID+`":"`+told.Digest()+`"}}`).Orders, "what both have alike differs in nothing")

	// An order that was taken away counts for the items that came.
	v.Write(func(tx *models.Tx) error {
		return func() error { _, err := tx.FixNumber(v.vendor.ID, own, "W-2"); return err }()
	})
	v.Write(func(tx *models.Tx) error {
		return tx.Model(&models.WorkOrder{}).Where("id = ?", own.ID).Update("assignee_id", nil).Error
	})
	told = compare(`{"lines":["` + own.ID + `"]}`).Lines[0]
	require.Equal(t, []any{true, int64(0), "taken", 1}, []any{told.Taken, told.Version, told.Status, len(told.Items)})

	require.Contains(t, v.ask("compare", nil, map[string]any{"fieldproof": "share1", "digests": "[]"}), "not properly formatted")
	require.Contains(t, v.ask("item", nil, map[string]any{"fieldproof": "share1", "uuid": "none-of-them"}), `No item`)
}

func TestTheRecipientIsAskedToCompareUntilItBegins(t *testing.T) {
	v := newHosting(t)
	fieldproof := map[string]any{"fieldproof": "share1"}
	require.NotContains(t, v.ask("getWorkOrders", nil, fieldproof), `"compare"`)
	v.ask("validate", nil, map[string]any{"fieldproof": "share1", "account": "the-vendor", "accountName": "Lone Star Lawns", "keys": "[]"})
	id := v.linkOf().ID
	v.Write(func(tx *models.Tx) error {
		_, err := tx.EditLink(id, func(l *models.ShareLink) error {
			l.CompareAt, l.ComparedAt = new(models.Now()), new(models.Now())
			return nil
		})
		return err
	})
	require.Contains(t, v.ask("getWorkOrders", nil, fieldproof), `"compare":true`)
	require.NotContains(t, v.ask("getWorkOrders", nil, nil), `"compare"`, "to a peer that is no Fieldproof")
	v.ask("compare", nil, map[string]any{"fieldproof": "share1", "digests": `{"lines":["unknown"]}`})
	require.Contains(t, v.ask("getWorkOrders", nil, fieldproof), `"compare":true`, "a comparison that had begun before is not the one")
	v.ask("compare", nil, map[string]any{"fieldproof": "share1", "digests": `{"buckets":{}}`})
	require.NotContains(t, v.ask("getWorkOrders", nil, fieldproof), `"compare"`)
}

// TestOneHundredThousandOrdersAreComparedInFewBytes counts what is asked where nothing differs.
func TestOneHundredThousandOrdersAreComparedInFewBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	ctx := context.Background()
	here, there := end{}, end{}
	for n := range 100_000 {
		told := &peers.Told{OrderID: models.DerivedID("order", fmt.Sprint(n)), Version: 3, Status: "completed", Items: []peers.ToldItem{{UUID: models.DerivedID("item", fmt.Sprint(n)), SHA256: strings.Repeat("a", 64), Revision: 1}}}
		here[told.OrderID], there[told.OrderID] = told, told
	}
	a, err := peers.BucketDigests(ctx, here)
	require.NoError(t, err)
	b, err := peers.BucketDigests(ctx, there)
	require.NoError(t, err)
	require.Equal(t, a, b, "one round is all")
	text, err := json.Marshal(peers.Digests{Buckets: a})
	require.NoError(t, err)
	payload, err := wire.Payload(wire.Member{Name: "digests", Value: string(text)})
	require.NoError(t, err)
	t.Logf("%d bytes of 100,000 orders", len(payload))
	require.Less(t, len(payload), 1<<20/50)
}
