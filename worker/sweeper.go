package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"gorm.io/gorm"

	enumspb "go.temporal.io/api/enums/v1"
	operatorpb "go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/uploads"
	"fieldproof/workflows/protocol"
)

// Sweeper finds what fell between two steps when something was killed, and sets it going again: orders without a run,
// publications and web-hook endpoints with something left to send, uploads and rescue files that are whole, bytes that no row
// names. It also closes orders whose retention time is over, and forgets uploads that were abandoned.
type Sweeper struct {
	Store    *models.Store
	Blobs    *storage.Store
	Bells    *intake.Bells
	Uploads  *uploads.Uploads
	Temporal client.Client
	Log      *slog.Logger
}

// Run sweeps until ctx ends: open work every minute, old bytes and rows every hour.
func (s *Sweeper) Run(ctx context.Context) {
	s.report("open work", s.OpenWork(ctx))
	s.report("awaited photos", s.Awaited(ctx, time.Now()))
	minute, hour := time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer minute.Stop()
	defer hour.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-minute.C:
			s.report("open work", s.OpenWork(ctx))
			_, err := s.Uploads.FinishWhole(ctx, time.Now())
			s.report("whole uploads", err)
			s.report("rescue files", s.Uploads.Intake.GoOnRescuing(ctx, time.Now()))
			s.report("awaited photos", s.Awaited(ctx, time.Now()))
		case <-hour.C:
			s.report("announced photos", s.Announced(ctx, time.Now()))
			s.report("orphaned bytes", s.OrphanedBytes(ctx, time.Now().Add(-orphanAge)))
			s.report("orphaned pieces", s.Uploads.OrphanedPieces(ctx, time.Now().Add(-orphanedPieceAge)))
			s.report("old uploads", s.Uploads.Forget(ctx, time.Now()))
			s.report("old rescue files", s.Uploads.Intake.ForgetRescues(ctx, time.Now()))
			s.report("old rows", s.Store.ForgetOld(ctx))
			s.report("lost runs", s.LostRuns(ctx, time.Now()))
			s.report("retained orders", s.RetainedOrders(ctx, time.Now()))
		}
	}
}

func (s *Sweeper) report(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Log.Warn("sweeping "+what+" failed", "error", err)
	}
}

// workflowIDs name the workflow that a bell rings for.
var workflowIDs = map[models.BellKind]func(subject string) string{
	models.PublicationBell: protocol.PublicationID, models.WebhookBell: protocol.WebhookID, models.ClientBell: protocol.ClientID,
	models.ImportBell: protocol.ImportID, models.IntegrationBell: protocol.IntegrationID, models.BulkBell: protocol.BulkID, models.ShareBell: protocol.ShareID,
}

// OpenWork rings for publications that have not ended, for endpoints with messages that are due and for Share links that are:
// after a restore from backups or a lost run their workflows may not know.
func (s *Sweeper) OpenWork(ctx context.Context) error {
	ctx = models.AcrossAccounts(ctx)
	waited := models.At(time.Now().Add(-time.Minute))
	var publications, endpoints []string
	err := s.Store.Read(ctx).Model(&models.Publication{}).Where("ended_at IS NULL AND created_at < ?", waited).Order("created_at").Limit(1000).Pluck("id", &publications).Error
	if err != nil {
		return err
	}
	err = s.Store.Read(ctx).Model(&models.WebhookMessage{}).Distinct("destination_id").
		Where("state IN ('pending', 'retrying') AND next_attempt_at < ?", waited).Pluck("destination_id", &endpoints).Error
	if err != nil {
		return err
	}
	var queues []models.ClientMessage
	links := s.Store.Read(ctx).Model(&models.ShareLink{}).Select("id") // what waits for one goes when it goes, and not beside it
	err = s.Store.Read(ctx).Model(&models.ClientMessage{}).Distinct("destination_id", "work_order_id").
		Where("state IN ('pending', 'retrying') AND next_attempt_at < ? AND destination_id NOT IN (?)", waited, links).Limit(1000).Find(&queues).Error
	if err != nil {
		return err
	}
	subjects := map[models.BellKind][]string{models.PublicationBell: publications, models.WebhookBell: endpoints}
	for _, q := range queues {
		subjects[models.ClientBell] = append(subjects[models.ClientBell], models.ClientSubject(q.DestinationID, q.WorkOrderID))
	}
	for kind, open := range map[models.BellKind]*gorm.DB{
		models.ImportBell:      s.Store.Read(ctx).Model(&models.Import{}).Where("ended_at IS NULL AND created_at < ?", waited),
		models.BulkBell:        s.Store.Read(ctx).Model(&models.Bulk{}).Where("ended_at IS NULL AND created_at < ?", waited),
		models.IntegrationBell: s.Store.Read(ctx).Model(&models.Integration{}).Where("(asked <> '' OR fetching <> '') AND deleted_at IS NULL AND updated_at < ?", waited),
		models.ShareBell: s.Store.Read(ctx).Model(&models.ShareLink{}).Where("condition <> ? AND paused_at IS NULL AND updated_at < ? AND (probe_at IS NULL OR probe_at < ?)", models.LinkInvited, waited, waited).
			Where("due_at < ? OR (due_at IS NULL AND ended_at IS NULL)", waited),
	} {
		var ids []string
		if err := open.Order("id").Limit(1000).Pluck("id", &ids).Error; err != nil {
			return err
		}
		subjects[kind] = ids
	}
	ring := map[models.BellKind][]string{}
	for kind, waiting := range subjects {
		of, ids := map[string]string{}, make([]string, len(waiting))
		for i, subject := range waiting {
			ids[i] = workflowIDs[kind](subject)
			of[ids[i]] = subject
		}
		for _, id := range s.stopped(ctx, ids) {
			ring[kind] = append(ring[kind], of[id])
		}
	}
	return s.ring(ctx, ring)
}

func (s *Sweeper) ring(ctx context.Context, bells map[models.BellKind][]string) error {
	if len(bells) == 0 {
		return nil
	}
	defer s.Bells.Poke()
	return s.Store.Write(ctx, func(tx *models.Tx) error {
		for kind, subjects := range bells {
			for _, subject := range subjects {
				if err := tx.Ring(kind, subject); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// listedAtOnce is how many workflows one question to Temporal's list names.
const listedAtOnce = 200

// stopped returns those of the workflows that have no open run. One question to Temporal's list is for many; the list
// follows a little late, so whom it does not know as running is asked for by itself.
func (s *Sweeper) stopped(ctx context.Context, workflowIDs []string) []string {
	var stopped []string
	for some := range slices.Chunk(workflowIDs, listedAtOnce) {
		listed, err := s.listed(ctx, some)
		if err != nil {
			s.Log.Warn("Temporal's list does not answer: each workflow is asked for by itself", "error", err)
		}
		for _, id := range some {
			if !listed[id] && !s.running(ctx, id) {
				stopped = append(stopped, id)
			}
		}
	}
	return stopped
}

// listed are those of the workflows, whose ids are ours and need no quoting, that Temporal lists as running.
func (s *Sweeper) listed(ctx context.Context, workflowIDs []string) (map[string]bool, error) {
	found := map[string]bool{}
	question := &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000,
		Query: "ExecutionStatus = 'Running' AND WorkflowId IN ('" + strings.Join(workflowIDs, "', '") + "')"}
	for {
		page, err := s.Temporal.ListWorkflow(ctx, question)
		if err != nil {
			return found, err
		}
		for _, e := range page.GetExecutions() {
			found[e.GetExecution().GetWorkflowId()] = true
		}
		if question.NextPageToken = page.GetNextPageToken(); len(question.NextPageToken) == 0 {
			return found, nil
		}
	}
}

// running tells whether a workflow has an open run; when Temporal can't say, it is assumed.
func (s *Sweeper) running(ctx context.Context, workflowID string) bool {
	d, err := s.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return false
	}
	return err != nil || d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// LostRuns rings for every order that is neither closed nor deleted and has no run; the bell of an order that moves finds a
// lost run at once. It goes by Temporal's list, which a restore may leave telling of runs that are no more: so each order
// has an hour of the day in which it is asked for by itself.
func (s *Sweeper) LostRuns(ctx context.Context, now time.Time) error {
	ctx = models.AcrossAccounts(ctx)
	for after := int64(0); ; {
		var orders []models.WorkOrder
		err := s.Store.Read(ctx).Select("seq", "id").Where("seq > ? AND NOT hidden AND state <> ?", after, models.Closed).Order("seq").Limit(200).Find(&orders).Error
		if err != nil || len(orders) == 0 {
			return err
		}
		var lost, others []string
		subjects := map[string]string{}
		for _, o := range orders {
			workflowID := protocol.WorkOrderID(o.ID)
			subjects[workflowID] = o.ID
			if o.Seq%24 != int64(now.Hour()) {
				others = append(others, workflowID)
			} else if !s.running(ctx, workflowID) {
				lost = append(lost, o.ID)
			}
		}
		for _, workflowID := range s.stopped(ctx, others) {
			lost = append(lost, subjects[workflowID])
		}
		if len(lost) > 0 {
			if err := s.ring(ctx, map[models.BellKind][]string{models.OrderBell: lost}); err != nil {
				return err
			}
		}
		after = orders[len(orders)-1].Seq
	}
}

// RetainedOrders has the orders closed whose accounts' retention time has passed by now.
func (s *Sweeper) RetainedOrders(ctx context.Context, now time.Time) error {
	asked, err := s.Store.CloseRetained(ctx, now)
	if asked > 0 {
		s.Bells.Poke()
	}
	return err
}

// Awaited has orders published that waited until now for photos on phones.
func (s *Sweeper) Awaited(ctx context.Context, now time.Time) error {
	due, err := s.Store.PublishDue(ctx, now)
	if due > 0 {
		s.Bells.Poke()
	}
	return err
}

// Announced tells the office of what waits on phones for long, and ends what never came.
func (s *Sweeper) Announced(ctx context.Context, now time.Time) error {
	defer s.Bells.Poke()
	return errors.Join(s.Store.TellWaiting(ctx, now), s.Store.TellUnsent(ctx, now), s.Store.LoseAnnounced(ctx, now))
}

// orphanAge is how old bytes without a row must be: after a restore of the database they may be the last copy of a photo
// that was acknowledged.
const orphanAge = 30 * 24 * time.Hour

// orphanedPieceAge is how old pieces of uploads without a row must be: their phones have what they hold.
const orphanedPieceAge = 2 * 24 * time.Hour

// OrphanedBytes deletes photos' bytes that no row names and that are older than before, an hour's folder at a time.
func (s *Sweeper) OrphanedBytes(ctx context.Context, before time.Time) error {
	ctx = models.AcrossAccounts(ctx)
	for age := time.Duration(0); age < 72*time.Hour; age += time.Hour {
		prefix := intake.OriginalsPrefix(before.Add(-age - time.Hour))
		var keys []string
		if err := s.Blobs.Keys(ctx, prefix, func(key string) error { keys = append(keys, key); return nil }); err != nil {
			return err
		}
		for some := range slices.Chunk(keys, 500) {
			if err := s.sweepOrphans(ctx, some); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Sweeper) sweepOrphans(ctx context.Context, keys []string) error {
	originals := make([]string, len(keys))
	for i, key := range keys {
		name := strings.LastIndexByte(key, '/') + 1
		stem, _, _ := strings.Cut(key[name:], ".") // a rendition is named after its original
		originals[i] = key[:name] + stem
	}
	var named []string
	if err := s.Store.Read(ctx).Model(&models.Item{}).Where("blob_key IN ?", originals).Pluck("blob_key", &named).Error; err != nil {
		return err
	}
	for i, key := range keys {
		if slices.Contains(named, originals[i]) {
			continue
		}
		if err := s.Blobs.Delete(ctx, key); err != nil {
			return err
		}
		s.Log.Info("bytes that no item names were swept", "key", key)
	}
	return nil
}

// RegisterSearchAttributes makes the search attributes of Fieldproof known to a namespace.
func RegisterSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	wanted := map[string]enumspb.IndexedValueType{}
	for name, kind := range protocol.SearchAttributes {
		t, err := enumspb.IndexedValueTypeFromString(kind)
		if err != nil {
			return err
		}
		wanted[name] = t
	}
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorpb.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	for name := range have.GetCustomAttributes() {
		delete(wanted, name)
	}
	if len(wanted) == 0 {
		return nil
	}
	if _, err = c.OperatorService().AddSearchAttributes(ctx, &operatorpb.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: wanted}); err != nil {
		return err
	}
	// A cluster learns of them only when it refreshes its caches, within a minute or so; until then it refuses orders.
	for name := range wanted {
		for {
			_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: name + " IS NOT NULL"})
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s was registered, but is not known yet: %w", name, err)
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
	return nil
}
