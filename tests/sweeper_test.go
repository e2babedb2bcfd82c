package tests

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/tests/rig"
	"fieldproof/uploads"
	"fieldproof/worker"
	"fieldproof/workflows/protocol"
)

// sweeperOf is one more sweeper beside the installation's own, whose time can be set.
func sweeperOf(t *testing.T, in *rig.Installation) *worker.Sweeper {
	t.Helper()
	blobs, err := storage.Open(context.Background(), "file://"+in.Blobs)
	require.NoError(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	store := storeOf(t, in)
	bells := &intake.Bells{Store: store}
	parts := &uploads.Uploads{Store: store, Blobs: blobs, Intake: &intake.Intake{Store: store, Blobs: blobs, Bells: bells, Limits: intake.DefaultLimits}}
	return &worker.Sweeper{Store: store, Blobs: blobs, Bells: bells, Uploads: parts, Temporal: temporalOf(t, in), Log: slog.New(slog.DiscardHandler)}
}

func TestBytesThatNoItemNamesAreSwept(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		photo := rig.JPEG(60, 40, 7)
		id := crew.Upload(order.Text("id"), photo).Text("id")
		s, ctx := sweeperOf(t, in), models.AcrossAccounts(context.Background())
		now := time.Now()
		at := func(age time.Duration) string { return intake.OriginalsPrefix(now.Add(-age)) + models.NewID() }
		orphan, young, old := at(31*24*time.Hour), at(29*24*time.Hour), at(31*24*time.Hour)
		for _, key := range []string{orphan, orphan + ".thumbnail.jpg", young, old, old + ".display.jpg"} {
			require.NoError(t, s.Blobs.Put(ctx, key, "image/jpeg", strings.NewReader(string(photo))))
		}
		require.NoError(t, s.Store.Write(ctx, func(tx *models.Tx) error {
			return tx.Model(&models.Item{}).Where("id = ?", id).Update("blob_key", old).Error
		}))
		require.NoError(t, s.OrphanedBytes(ctx, now.Add(-30*24*time.Hour)))
		for key, kept := range map[string]bool{orphan: false, orphan + ".thumbnail.jpg": false, young: true, old: true, old + ".display.jpg": true} {
			has, err := s.Blobs.Has(ctx, key)
			require.NoError(t, err)
			require.Equal(t, kept, has, key)
		}
		require.Equal(t, photo, crew.Want(200, "GET", "/photos/"+id+"/original", nil).Body)
	})
}

func TestOrdersCloseWhenTheirRetentionTimeIsOver(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		done, open := office.Order(nil).Text("id"), office.Order(nil).Text("id")
		office.Want(200, "POST", "/work-orders/"+done+"/cancel", nil)
		s, ctx := sweeperOf(t, in), context.Background()
		inDays := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
		require.NoError(t, s.RetainedOrders(ctx, inDays(1000)))
		require.Contains(t, string(office.Want(422, "PATCH", "/account", rig.JSON{"retention_days": -1}).Body), "retention_days")
		require.EqualValues(t, 30, office.Want(200, "PATCH", "/account", rig.JSON{"retention_days": 30}).Get("retention_days"))
		require.NoError(t, s.RetainedOrders(ctx, inDays(29)))
		waiting := func() (n int64) {
			require.NoError(t, s.Store.Read(models.AcrossAccounts(ctx)).Model(&models.Action{}).Where("work_order_id IN ?", []string{done, open}).Where("inbox").Count(&n).Error)
			return n
		}
		require.Zero(t, waiting(), "nothing closes before its time, or without a time")
		require.NoError(t, s.RetainedOrders(ctx, inDays(31)))
		require.NoError(t, s.RetainedOrders(ctx, inDays(31)))
		require.EqualValues(t, 1, waiting(), "asked once")
		office.AwaitState(done, "closed")
		require.Equal(t, "created", office.Want(200, "GET", "/work-orders/"+open, nil).Text("state"))
		require.Equal(t, "cancelled", office.Want(200, "POST", "/work-orders/"+done+"/reopen", nil).Text("state"))
		require.NoError(t, s.RetainedOrders(ctx, inDays(31)))
		office.AwaitState(done, "closed")
	})
}

func TestWhatLostItsRunIsSetGoingAgain(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, _, order := crewWithOrder(t, in, nil)
		path := "blocked-" + uuid.NewString()[:8]
		require.NoError(t, os.MkdirAll(in.Folders, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(in.Folders, path), nil, 0o600)) // no folder, so the publication stays open
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Folder", "kind": "folder", "settings": rig.JSON{"path": path}})
		id := order.Text("id")
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.Want(200, "POST", "/work-orders/"+id+"/approve", nil)
		office.Want(200, "POST", "/work-orders/"+id+"/publish", nil)
		publication := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).Text("items", 0, "id")
		s, ctx := sweeperOf(t, in), context.Background()
		lost := []string{protocol.WorkOrderID(id), protocol.PublicationID(publication)}
		for _, run := range lost {
			office.Await("the run of "+run, func() bool { return s.Temporal.TerminateWorkflow(ctx, run, "", "lost") == nil })
		}
		require.NoError(t, s.Store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
			return tx.Model(&models.Publication{}).Where("id = ?", publication).Update("created_at", models.At(time.Now().Add(-2*time.Minute))).Error
		}))
		var log bytes.Buffer
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		for _, run := range lost {
			require.Eventually(t, func() bool { // Temporal's list follows late
				require.NoError(t, s.OpenWork(ctx))
				require.NoError(t, s.LostRuns(ctx, time.Now()))
				d, err := s.Temporal.DescribeWorkflowExecution(ctx, run, "")
				return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
			}, 20*time.Second, 100*time.Millisecond, run)
		}
		require.Empty(t, log.String(), "one question is for many")
	})
}

func TestALinkThatLostItsRunGoesOnAndNothingGoesBesideIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		crew := vendor.Colleague("crew")
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": crew.Username})
		_, above, below := l.assigned()
		vendor.AwaitState(below, "assigned")
		s, ctx := sweeperOf(t, in), models.AcrossAccounts(context.Background())
		before := models.At(time.Now().Add(-2 * time.Minute))

		// What waits for a link that is held waits, however long it was due.
		vendor.Want(200, "POST", "/share-links/"+l.in+"/pause", nil)
		crew.Upload(below, rig.JPEG(64, 48, 1))
		vendor.Await("the photo to wait", func() bool {
			return vendor.Want(200, "GET", "/share-links/"+l.in, nil).Get("waiting", "items") == 1.0
		})
		require.NoError(t, s.Store.Write(ctx, func(tx *models.Tx) error {
			return tx.Model(&models.ClientMessage{}).Where("destination_id = ?", l.in).Updates(map[string]any{"state": models.DeliveryRetrying, "next_attempt_at": before}).Error
		}))
		require.NoError(t, s.OpenWork(ctx))
		var bells int64
		require.NoError(t, s.Store.Read(ctx).Model(&models.Bell{}).Where("subject = ?", models.ClientSubject(l.in, below)).Count(&bells).Error)
		require.Zero(t, bells)
		_, err := s.Temporal.DescribeWorkflowExecution(ctx, protocol.ClientID(models.ClientSubject(l.in, below)), "")
		require.Error(t, err, "it is told by the link, or not at all")
		require.Empty(t, photosOf(office, above))
		vendor.Want(200, "POST", "/share-links/"+l.in+"/resume", nil)
		office.Await("the photo", func() bool { return len(photosOf(office, above)) == 1 })

		for _, lost := range []string{l.in, l.out} {
			run := protocol.ShareID(lost)
			office.Await("the run of "+run, func() bool { return s.Temporal.TerminateWorkflow(ctx, run, "", "lost") == nil })
			require.NoError(t, s.Store.Write(ctx, func(tx *models.Tx) error {
				return tx.Model(&models.ShareLink{}).Where("id = ?", lost).Updates(map[string]any{"due_at": before, "updated_at": before}).Error
			}))
			require.Eventually(t, func() bool { // Temporal's list follows late
				require.NoError(t, s.OpenWork(ctx))
				d, err := s.Temporal.DescribeWorkflowExecution(ctx, run, "")
				return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
			}, 20*time.Second, 100*time.Millisecond, run)
		}
		l.assigned() // and is there
	})
}
