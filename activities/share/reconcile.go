package share

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"fieldproof/activities/attempts"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/peers"
)

const (
	// mendTime is for how long a turn mends before it does something else.
	mendTime = 5 * time.Minute
	// mendAgain is after how long it goes on.
	mendAgain = time.Minute
	// mendAtOnce is of how many orders the lines are looked at together.
	mendAtOnce = 200
	// bucketsAtOnce is of how many buckets the orders are compared by one call, if they are no more than ordersAtOnce.
	bucketsAtOnce = 16
	ordersAtOnce  = 20_000
)

// night is a time in the account's next night: both ends of each link are compared once a day, and never all at once.
func night(a *models.Account) models.Time {
	now := time.Now().In(a.Location())
	at := time.Date(now.Year(), now.Month(), now.Day(), 1, 0, 0, 0, now.Location()).Add(rand.N(4 * time.Hour))
	for at.Before(now.Add(time.Hour)) {
		at = at.AddDate(0, 0, 1)
	}
	return models.At(at)
}

// compareDue tells whether both ends are to be compared now.
func (t *turn) compareDue() bool {
	return t.link.CompareAt != nil && !t.link.CompareAt.After(time.Now())
}

// reconcile compares what was told over the link with what the delegator has of it, mends what differs, and tells it.
// Who is no Fieldproof can't be compared with: all of its orders are asked for.
func (t *turn) reconcile(ctx context.Context) error {
	l := t.link
	account, err := t.Store.AccountByID(ctx, l.AccountID)
	if err != nil {
		return err
	}
	next := night(account)
	if !l.Fieldproof {
		return t.Links.Edit(ctx, l.ID, func(l *models.ShareLink) { l.CompareAt, l.Asked = &next, models.AskedAll })
	}
	p, i, err := t.Links.Peer(ctx, l)
	if err != nil {
		return err
	}
	m := &mending{turn: t, peer: p, own: &peers.Recipient{Store: t.Store, Link: l}, until: time.Now().Add(mendTime),
		fetch: peers.Fetch{Intake: t.Intake, Account: account, Integration: i}, mended: &models.ShareMended{At: models.Now()}}
	outcome, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		o.Err = m.run(ctx)
		return o
	})
	t.Intake.Bells.Poke()
	if err != nil {
		return err
	}
	var refused *peers.Refused
	if outcome.Err != nil && !errors.As(outcome.Err, &refused) {
		return t.failed(ctx, l, i, outcome.Err, false)
	}
	if m.unfinished {
		next = models.At(time.Now().Add(mendAgain))
	}
	return t.tellMended(ctx, m, next, outcome.Err)
}

// tellMended tells what was mended: in the integration's log, and on the link. refused is why the delegator would not compare.
func (t *turn) tellMended(ctx context.Context, m *mending, next models.Time, refused error) error {
	return t.Store.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.EditLink(t.id, func(l *models.ShareLink) error {
			l.CompareAt = &next
			if refused == nil {
				l.ComparedAt = &m.mended.At
				l.Answers()
			}
			if m.mended.Says() {
				l.Mended = m.mended
			}
			return nil
		}); err != nil {
			return err
		}
		e := &models.LogEntry{AccountID: t.link.AccountID, IntegrationID: *t.link.IntegrationID, Kind: models.LogRefresh, Outcome: "ok",
			Summary: "Both ends were compared: " + m.mended.String(), Updated: m.mended.Orders, Rejected: m.mended.Unfetchable}
		switch {
		case refused != nil:
			e.Outcome, e.Summary = "failed", e.Summary+". Then the other side would not go on: "+models.ErrorText(refused)
		case m.mended.Unfetchable+m.mended.OtherBytes > 0:
			e.Outcome = "partly"
		}
		return tx.Log(e, m.mended)
	})
}

// mending is one comparison of both ends, with what is mended by it.
type mending struct {
	*turn
	peer       *peers.Peer
	own        *peers.Recipient
	fetch      peers.Fetch
	mended     *models.ShareMended
	until      time.Time
	unfinished bool // something else is to be done before the rest
}

// run finds what differs in up to three rounds, and mends it. Its errors are the other side's, or marked as ours.
func (m *mending) run(ctx context.Context) error {
	digests, err := peers.BucketDigests(ctx, m.own)
	if err != nil {
		return attempts.Ours(err)
	}
	differs, err := m.peer.Compare(ctx, peers.Digests{Buckets: digests}, nil)
	if err != nil {
		return err
	}
	for left := differs.Buckets; len(left) > 0 && !m.late(); {
		n := min(bucketsAtOnce, len(left))
		orders, err := peers.OrderDigests(ctx, m.own, left[:n])
		if err == nil && len(orders) > ordersAtOnce {
			n = 1
			orders, err = peers.OrderDigests(ctx, m.own, left[:n])
		}
		if err != nil {
			return attempts.Ours(err)
		}
		differs, err := m.peer.Compare(ctx, peers.Digests{Of: left[:n], Orders: orders}, nil)
		if err != nil {
			return err
		}
		if err := m.orders(ctx, differs.Orders); err != nil {
			return err
		}
		left = left[n:]
	}
	if !m.mended.Some() {
		return nil
	}
	_, err = m.peer.Compare(ctx, peers.Digests{}, m.mended) // they are told, too
	return err
}

// late tells whether what is left is to wait.
func (m *mending) late() bool {
	m.unfinished = m.unfinished || time.Now().After(m.until)
	return m.unfinished
}

// orders mends orders that differ.
func (m *mending) orders(ctx context.Context, ids []string) error {
	for len(ids) > 0 && !m.late() {
		some := ids[:min(mendAtOnce, len(ids))]
		differs, err := m.peer.Compare(ctx, peers.Digests{Lines: some}, nil)
		if err != nil {
			return err
		}
		if differs.Answers < 1 || differs.Answers > len(some) {
			return &peers.Refused{Message: "The peer was asked for the lines of orders, and answered of none of them, or of more."}
		}
		theirs := map[string]*peers.Told{}
		for _, t := range differs.Lines {
			theirs[t.OrderID] = t
		}
		if err := m.mend(ctx, some[:differs.Answers], theirs); err != nil {
			return err
		}
		ids = ids[differs.Answers:]
	}
	return nil
}

// mend mends orders: first the orders themselves, then what was told of them.
func (m *mending) mend(ctx context.Context, ids []string, theirs map[string]*peers.Told) error {
	rows, err := m.own.Received(ctx, ids)
	if err != nil {
		return attempts.Ours(err)
	}
	var ask []string
	for _, id := range ids {
		switch their, row := theirs[id], rows[id]; {
		case their == nil:
			if row != nil && row.Ended == "" {
				m.mended.OrdersGone++
			}
		case their.Taken && (row == nil || row.Ended != ""):
		case row == nil, row.PeerVersion != their.Version, (row.Ended != "") != their.Taken:
			ask = append(ask, id)
		}
	}
	if len(ask) > 0 {
		if err := m.pull(ctx, ask); err != nil {
			return err
		}
		if rows, err = m.own.Received(ctx, ids); err != nil {
			return attempts.Ours(err)
		}
	}
	own, err := m.own.Told(ctx, ids)
	if err != nil {
		return attempts.Ours(err)
	}
	for _, id := range ids {
		their, row := theirs[id], rows[id]
		if their == nil || row == nil || row.WorkOrderID == "" {
			continue
		}
		mine := own[id]
		if mine == nil {
			mine = &peers.Told{}
		}
		if err := m.status(ctx, row, mine, their); err != nil {
			return attempts.Ours(err)
		}
		if err := m.items(ctx, row, mine, their); err != nil {
			return err
		}
	}
	return nil
}

// pull asks for orders again.
func (m *mending) pull(ctx context.Context, ids []string) error {
	m.fetch.Since = peers.Since{Orders: ids}
	fetched, err := m.fetch.From(ctx, m.peer)
	if err != nil {
		return ours(err)
	}
	m.mended.Orders += fetched.Changed
	m.mended.Unfetchable += fetched.Rejected
	return nil
}

// status has the newest status told again where the delegator has another; unless it has a newer one: then we were restored,
// and count on from there.
func (m *mending) status(ctx context.Context, row *models.ReceivedOrder, mine, their *peers.Told) error {
	if their.Taken || row.Ended != "" {
		return nil
	}
	return m.Store.Write(ctx, func(tx *models.Tx) error {
		if row.StatusNumber < their.Number {
			return tx.Model(&models.ReceivedOrder{}).Where("integration_id = ? AND number = ? AND status_number < ?", row.IntegrationID, row.Number, their.Number).
				Update("status_number", their.Number).Error
		}
		if mine.Status == "" || mine.Status == their.Status {
			return nil
		}
		n, err := tx.TellStatusAgain(m.id, row.WorkOrderID)
		m.mended.Statuses += n
		return err
	})
}

// items mends the items of an order: what the delegator lacks is told again, what we lost is fetched back.
func (m *mending) items(ctx context.Context, row *models.ReceivedOrder, mine, their *peers.Told) error {
	has, held := byUUID(mine), byUUID(their)
	withdrawnThere := map[string]string{}
	for _, uuid := range their.Withdrawn {
		withdrawnThere[models.UUIDKey(uuid)] = uuid
	}
	var again, lost, behind, withdrawn []string
	for key, i := range has {
		switch there, known := held[key]; {
		case i.Waits():
		case withdrawnThere[key] != "":
			withdrawn = append(withdrawn, key)
		case !known:
			again = append(again, key)
		case i.SHA256 != there.SHA256:
			m.mended.OtherBytes++
		case i.Revision > there.Revision:
			again = append(again, key)
		case i.Revision < there.Revision:
			behind = append(behind, key)
		}
	}
	for key, there := range held {
		_, known := has[key]
		switch told, gone := mine.Gone(key); {
		case known:
		case gone && told < there.Revision: // it was brought back after the backup
			behind = append(behind, key)
		case gone:
			again = append(again, key) // that it was withdrawn
		default:
			lost = append(lost, key)
		}
	}
	unsaid, err := m.withdraw(ctx, row.WorkOrderID, withdrawn, withdrawnThere)
	if err != nil {
		return err
	}
	if again = append(again, unsaid...); len(again) > 0 {
		if err := m.Store.Write(ctx, func(tx *models.Tx) error {
			n, err := tx.TellItemsAgain(m.id, row.WorkOrderID, again)
			m.mended.ItemsSent += n
			return err
		}); err != nil {
			return attempts.Ours(err)
		}
	}
	if err := m.catchUp(ctx, row.WorkOrderID, behind, held); err != nil {
		return err
	}
	slices.Sort(lost)
	return m.fetchBack(ctx, row.WorkOrderID, lost, held)
}

func byUUID(t *peers.Told) map[string]peers.ToldItem {
	all := make(map[string]peers.ToldItem, len(t.Items))
	for _, i := range t.Items {
		all[models.UUIDKey(i.UUID)] = i
	}
	return all
}

// catchUp takes back what was said of items after the backup from which the account was restored. Where the delegator does not
// tell it they count on from there at least, or what is said of them next would come behind that.
func (m *mending) catchUp(ctx context.Context, orderID string, behind []string, held map[string]peers.ToldItem) error {
	for _, key := range behind {
		if m.late() {
			return nil
		}
		_, err := m.takeWords(ctx, orderID, held[key].UUID)
		var refused *peers.Refused
		switch {
		case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError, models.KindOf(err) != "":
			if err := m.countOn(ctx, orderID, key, held[key].Revision); err != nil {
				return attempts.Ours(err)
			}
		case err != nil:
			return err
		}
	}
	return nil
}

// takeWords asks for an item, and takes back what was last said of it; false when we have said something since.
func (m *mending) takeWords(ctx context.Context, orderID, uuid string) (taken bool, err error) {
	err = m.peer.Item(ctx, uuid, m.fetch.Account.Location(), func(r peers.Returned) (err error) {
		taken, err = m.Intake.TakeWords(ctx, intake.ComesBack{Link: m.link, Task: r.Task, Revision: r.Revision, Withdrawn: r.Withdrawn,
			NewItem: intake.NewItem{OrderID: orderID, UUID: r.UUID, EvidenceType: r.EvidenceType, Notes: r.Notes}})
		if taken {
			m.mended.ItemsBack++
		}
		if err != nil && models.KindOf(err) == "" {
			return attempts.Ours(err)
		}
		return err
	})
	return taken, err
}

// withdraw withdraws items again that were withdrawn after the backup from which the account was restored. unsaid are those that
// were brought back since: it is the delegator that does not know.
func (m *mending) withdraw(ctx context.Context, orderID string, keys []string, uuids map[string]string) (unsaid []string, err error) {
	for _, key := range keys {
		if m.late() {
			return unsaid, nil
		}
		taken, err := m.takeWords(ctx, orderID, uuids[key])
		var refused *peers.Refused
		switch {
		case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError, models.KindOf(err) != "":
			m.mended.Unfetchable++
		case err != nil:
			return unsaid, err
		case !taken:
			unsaid = append(unsaid, key)
		}
	}
	return unsaid, nil
}

// countOn has an item counted on from a revision.
func (m *mending) countOn(ctx context.Context, orderID, key string, revision int64) error {
	return m.Store.Write(ctx, func(tx *models.Tx) error {
		i, err := models.One[models.Item](tx.Locked().Where("uuid_key = ? AND work_order_id = ?", key, orderID), "item")
		if models.KindOf(err) == models.NotFound || (err == nil && i.Revision > revision) {
			return nil
		}
		if err != nil {
			return err
		}
		i.Revision = revision
		if err := tx.Model(&models.Item{}).Where("id = ?", i.ID).Update("revision", revision).Error; err != nil {
			return err
		}
		return tx.HeldThere(m.id, i)
	})
}

// fetchBack fetches items back that the account has lost. One that it has all the same waits for its release, or lies on
// another order now.
func (m *mending) fetchBack(ctx context.Context, orderID string, lost []string, held map[string]peers.ToldItem) error {
	for some := range slices.Chunk(lost, mendAtOnce) {
		var known []string
		if err := m.Store.Read(ctx).Model(&models.Item{}).Where("uuid_key IN ?", some).Pluck("uuid_key", &known).Error; err != nil {
			return attempts.Ours(err)
		}
		for _, key := range some {
			if slices.Contains(known, key) {
				continue
			}
			if m.late() {
				return nil
			}
			err := m.peer.Item(ctx, held[key].UUID, m.fetch.Account.Location(), func(r peers.Returned) error { return m.takeBack(ctx, orderID, r) })
			var refused *peers.Refused
			switch {
			case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError, models.KindOf(err) != "":
				m.mended.Unfetchable++
			case err != nil:
				return err
			}
		}
	}
	return nil
}

// takeBack takes one item back.
func (m *mending) takeBack(ctx context.Context, orderID string, r peers.Returned) error {
	c := intake.ComesBack{Link: m.link, Task: r.Task, Revision: r.Revision, Statement: r.Statement, NewItem: intake.NewItem{OrderID: orderID, Kind: models.Photo, UUID: r.UUID, EvidenceType: r.EvidenceType,
		TakenAt: r.TakenAt, Position: r.Position, SHA256: r.SHA256, Claims: r.Claims, Origin: r.Origin, Notes: r.Notes, Device: r.Device}}
	var stored *intake.Bytes
	var err error
	switch {
	case r.FileType == "survey":
		answers, failed := models.ParseAnswers(r.Answers)
		if failed != nil {
			return failed
		}
		text, failed := json.Marshal(answers)
		if failed != nil {
			return failed
		}
		c.Kind, c.SurveyID, c.Answers = models.SurveyResponse, r.SurveyID, string(text)
		if _, err := models.ParseAnswers(json.RawMessage(r.Kept)); err == nil && models.HashText(r.Kept) == r.SHA256 {
			c.Answers = r.Kept // to the byte, so that its hash stays
		}
	case r.File == nil:
		c.Kind = models.CheckIn
	case r.FileType == "picture" || r.FileType == "photo":
		stored, err = m.Intake.StoreBytes(ctx, r.File)
	default:
		c.Kind = models.File
		stored, err = m.Intake.StoreFile(ctx, r.ContentType(), r.File)
	}
	if err != nil {
		return err
	}
	made, err := m.Intake.TakeBack(ctx, c, stored)
	if err == nil && made {
		m.mended.ItemsBack++
	}
	if err != nil && models.KindOf(err) == "" {
		return attempts.Ours(err)
	}
	return err
}
