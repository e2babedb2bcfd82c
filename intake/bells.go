package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"gorm.io/gorm"

	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// Bells delivers the outbox: each bell wakes its workflow, or starts it. Any process may run it, several at once; a
// bell may ring twice, and then finds nothing new.
type Bells struct {
	Store    *models.Store
	Temporal client.Client
	Log      *slog.Logger
	// Gather is how long a poke waits for more, so that the photos of one order share a bell, and Rest how long it is at
	// least from one delivery to the next: a burst of uploads wakes its order a few times, not once a photo.
	Gather, Rest time.Duration

	poke  chan struct{}
	once  sync.Once
	woken map[string]time.Time // orders that were lately woken for an item
}

func (b *Bells) init() { b.once.Do(func() { b.poke = make(chan struct{}, 1) }) }

// Poke says that something was just put into the outbox. It never waits.
func (b *Bells) Poke() {
	if b == nil {
		return
	}
	b.init()
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

// sweepEvery is how often the outbox is read without a poke: what a crash left, or another replica, waits no longer.
const sweepEvery = 2 * time.Second

// Run delivers until ctx ends.
func (b *Bells) Run(ctx context.Context) {
	b.init()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var rested time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-b.poke:
			select {
			case <-ctx.Done():
				return
			case <-time.After(max(b.Gather, time.Until(rested))):
			}
		}
		rested = time.Now().Add(b.Rest)
		if err := b.sweep(ctx); err != nil && ctx.Err() == nil {
			b.Log.Warn("the outbox can't be read", "error", err)
		}
	}
}

// atOnce is how many bells ring side by side, of bellsAtOnce that are read.
const (
	atOnce      = 16
	bellsAtOnce = 128
)

func (b *Bells) sweep(ctx context.Context) error {
	for {
		bells, err := b.due(ctx)
		if err != nil || len(bells) == 0 {
			return err
		}
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			rung  []models.Bell
			slots = make(chan struct{}, atOnce)
		)
		for _, same := range bells {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				bell := same[0]
				err := b.ring(ctx, bell)
				if err == nil {
					mu.Lock()
					rung = append(rung, same...)
					mu.Unlock()
					return
				}
				if ctx.Err() != nil {
					return
				}
				b.Log.Warn("a bell could not be rung", "bell", bell.Bell, "attempts", bell.Attempts, "error", err)
				wait := min(time.Minute, time.Second<<min(bell.Attempts, 6))
				for _, bell := range same {
					if err := b.Store.PostponeBell(ctx, bell, wait, err); err != nil {
						b.Log.Warn("a bell could not be postponed", "bell", bell.Bell, "error", err)
					}
				}
			})
		}
		wg.Wait()
		if bells[0][0].Bulk && len(rung) > 0 {
			b.settle(ctx, rung[len(rung)-1])
		}
		if len(rung) > 0 {
			if err := b.Store.Rung(ctx, rung); err != nil {
				return err
			}
		}
		if len(rung) == 0 {
			return nil
		}
	}
}

// due are the bells to ring now, those of a workflow together. Those of a bulk come when
// nobody waits for another, a few at a time; orders that rest between photos keep none of them waiting.
func (b *Bells) due(ctx context.Context) (ring [][]models.Bell, err error) {
	most := bellsAtOnce + models.ItemBells*len(b.woken)
	bells, err := b.Store.DueBells(ctx, false, most)
	if err != nil {
		return nil, err
	}
	if ring = b.rested(bySubject(bells)); len(ring) > 0 {
		return ring, nil
	}
	bells, err = b.Store.DueBells(ctx, true, bellsAtOnce/atOnce)
	return bySubject(bells), err
}

// itemsRest is how long an order is left in peace between two bells of new items: nobody waits for what these tell it.
const itemsRest = 250 * time.Millisecond

// rested leaves out the orders that were woken a moment ago, if nothing but new items calls; their bells stay, and ring
// when the time is over.
func (b *Bells) rested(gathered [][]models.Bell) (ring [][]models.Bell) {
	now := time.Now()
	for order, at := range b.woken {
		if now.Sub(at) >= itemsRest {
			delete(b.woken, order)
		}
	}
	if b.woken == nil {
		b.woken = map[string]time.Time{}
	}
	for _, same := range gathered {
		items := true
		for _, bell := range same {
			items = items && bell.ForItem()
		}
		if items {
			if at, lately := b.woken[same[0].Subject]; lately {
				time.AfterFunc(itemsRest-now.Sub(at), b.Poke)
				continue
			}
			b.woken[same[0].Subject] = now
		}
		ring = append(ring, same)
	}
	return ring
}

// bySubject gathers the bells of one workflow: it is woken once for all of them.
func bySubject(bells []models.Bell) (gathered [][]models.Bell) {
	at := map[[2]string]int{}
	for _, bell := range bells {
		of := [2]string{string(bell.Kind), bell.Subject}
		n, known := at[of]
		if !known {
			n, at[of] = len(gathered), len(gathered)
			gathered = append(gathered, nil)
		}
		gathered[n] = append(gathered[n], bell)
	}
	return gathered
}

// settles is how long an order of a bulk is waited for.
const settles = 5 * time.Second

// settle waits until the workflow of an order from a bulk rests for the first time. So only a few of thousands are under
// way at a time, and whoever waits for an answer is not behind all of them.
func (b *Bells) settle(ctx context.Context, last models.Bell) {
	if last.Kind != models.OrderBell {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settles)
	defer cancel()
	for {
		d, err := b.Temporal.DescribeWorkflowExecution(ctx, protocol.WorkOrderID(last.Subject), "")
		if err != nil || (d.GetPendingWorkflowTask() == nil && len(d.GetPendingActivities()) == 0) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *Bells) ring(ctx context.Context, bell models.Bell) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch bell.Kind {
	case models.OrderBell:
		return b.ringOrder(ctx, bell.Subject)
	case models.PublicationBell:
		return b.signalWithStart(ctx, protocol.PublicationID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "publication"},
			protocol.Publication, protocol.PublicationInput{PublicationID: bell.Subject})
	case models.WebhookBell:
		return b.signalWithStart(ctx, protocol.WebhookID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "web-hook endpoint"},
			protocol.WebhookEndpoint, protocol.WebhookInput{DestinationID: bell.Subject})
	case models.ClientBell:
		return b.signalWithStart(ctx, protocol.ClientID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "to the client"},
			protocol.ClientLink, protocol.ClientInput{Subject: bell.Subject})
	case models.ShareBell:
		return b.signalWithStart(ctx, protocol.ShareID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "Share link"},
			protocol.Share, protocol.ShareInput{LinkID: bell.Subject})
	case models.IntegrationBell:
		return b.signalWithStart(ctx, protocol.IntegrationID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "integration"},
			protocol.Integration, protocol.IntegrationInput{IntegrationID: bell.Subject})
	case models.BulkBell:
		return b.signalWithStart(ctx, protocol.BulkID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "bulk"},
			protocol.Bulk, protocol.BulkInput{BulkID: bell.Subject})
	case models.ImportBell:
		return b.signalWithStart(ctx, protocol.ImportID(bell.Subject), client.StartWorkflowOptions{StaticSummary: "import"},
			protocol.Import, protocol.ImportInput{ImportID: bell.Subject})
	}
	return errors.New("intake: a bell of unknown kind " + string(bell.Kind))
}

// ringOrder wakes an order's workflow. When none runs one is started, unless the row is hidden, or closed and nobody wishes
// for anything: a Share link may have it opened again.
func (b *Bells) ringOrder(ctx context.Context, orderID string) error {
	order, err := models.One[models.WorkOrder](b.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", orderID), "work order")
	if models.KindOf(err) == models.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	over := order.Lifecycle.Over()
	if over && !order.Lifecycle.Hidden {
		nobody, err := none(b.wishes(ctx, order))
		if err != nil {
			return err
		}
		over = nobody
	}
	if over {
		err := b.Temporal.SignalWorkflow(ctx, protocol.WorkOrderID(orderID), "", protocol.Bell, nil)
		if NotRunning(err) {
			return nil
		}
		return err
	}
	card, err := Card(ctx, b.Store, order)
	if err != nil {
		return err
	}
	if order.Lifecycle.Version == 1 {
		// A young order most likely has no run yet: starting it is one step, and it looks at its rows by itself.
		in := protocol.WorkOrderInput{OrderID: orderID}
		if idle, err := b.nothingWaits(ctx, order); err != nil {
			return err
		} else if idle {
			in.Seen = &card
		}
		options := OrderOptions(card, orderID)
		options.WorkflowExecutionErrorWhenAlreadyStarted = true
		_, err := b.Temporal.ExecuteWorkflow(ctx, options, protocol.WorkOrder, in)
		var running *serviceerror.WorkflowExecutionAlreadyStarted
		if !errors.As(err, &running) {
			return err
		}
		return b.Temporal.SignalWorkflow(ctx, protocol.WorkOrderID(orderID), "", protocol.Bell, nil)
	}
	_, err = b.Temporal.SignalWithStartWorkflow(ctx, protocol.WorkOrderID(orderID), protocol.Bell, nil, OrderOptions(card, orderID), protocol.WorkOrder, protocol.WorkOrderInput{OrderID: orderID})
	return err
}

// nothingWaits tells whether an order has nothing that its workflow would have to act upon. It is asked once the bell was
// read: what comes later rings anew.
func (b *Bells) nothingWaits(ctx context.Context, o *models.WorkOrder) (bool, error) {
	if idle, err := none(b.wishes(ctx, o)); err != nil || !idle {
		return false, err
	}
	return none(b.Store.Read(models.InAccount(ctx, o.AccountID)).Model(&models.Item{}).Where("work_order_id = ?", o.ID))
}

// wishes are those in an order's inbox that wait.
func (b *Bells) wishes(ctx context.Context, o *models.WorkOrder) *gorm.DB {
	return b.Store.Read(models.InAccount(ctx, o.AccountID)).Model(&models.Action{}).Where("work_order_id = ? AND inbox AND outcome = ''", o.ID)
}

func none(rows *gorm.DB) (bool, error) {
	var found []string
	err := rows.Limit(1).Pluck("id", &found).Error
	return len(found) == 0, err
}

func (b *Bells) signalWithStart(ctx context.Context, id string, options client.StartWorkflowOptions, workflow string, input any) error {
	options.ID, options.TaskQueue = id, protocol.MainQueue
	_, err := b.Temporal.SignalWithStartWorkflow(ctx, id, protocol.Bell, nil, options, workflow, input)
	return err
}

// OrderOptions are the options under which an order's workflow is started, wherever that is.
func OrderOptions(card protocol.OrderCard, orderID string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                    protocol.WorkOrderID(orderID),
		TaskQueue:             protocol.MainQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         card.Number,
		TypedSearchAttributes: temporal.NewSearchAttributes(card.SearchAttributes()...),
	}
}

// Card is what the workflow keeps of an order.
func Card(ctx context.Context, store *models.Store, o *models.WorkOrder) (protocol.OrderCard, error) {
	c := protocol.OrderCard{AccountID: o.AccountID, Number: o.DisplayNumber(), Address: o.Address.Line(), Lifecycle: o.Lifecycle}
	if o.AssignedToAll {
		c.Assignee = models.AssignToAll
	} else if o.AssigneeID != nil {
		users, err := models.Usernames(store.Read(models.InAccount(ctx, o.AccountID)), []string{*o.AssigneeID})
		if err != nil {
			return c, err
		}
		c.Assignee = users[*o.AssigneeID]
	}
	if o.DueDate != nil {
		if due, err := time.Parse(time.DateOnly, string(*o.DueDate)); err == nil {
			at := models.At(due)
			c.Due = &at
		}
	}
	return c, nil
}

// NotRunning tells whether err says that no run of a workflow is open.
func NotRunning(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}
