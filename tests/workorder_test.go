package tests

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"

	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestAnOrderGoesFromCreatedToPublished(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		hook := rig.NewReceiver()
		defer hook.Close()
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		folder := "life-" + uuid.NewString()[:8]
		destination := office.Want(201, "POST", "/destinations", rig.JSON{"name": "Hook", "kind": "webhook", "settings": rig.JSON{"url": hook.URL, "authorization": "Bearer abc"}})
		secret := destination.Text("settings", "secret")
		require.True(t, strings.HasPrefix(secret, "whsec_"))
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Folder", "kind": "folder", "settings": rig.JSON{"path": folder, "save_metadata": true, "archive": true}})

		order := office.Order(rig.JSON{"client_code": "ACME", "description": "office only", "latitude": 30.5083, "longitude": -97.6789, "due_time": "13:00",
			"attributes": rig.JSON{"attribute7": "  kept as it is  "},
			"tasks":      []rig.JSON{{"name": "Lawn cut: Ünïcode", "required_photos": rig.JSON{"before": 1, "after": 2}}}})
		id, task := order.Text("id"), order.Text("tasks", 0, "id")
		require.Equal(t, "created", order.Text("state"))
		require.Equal(t, "  kept as it is  ", order.Text("attributes", "attribute7"))

		order = office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": strings.ToUpper(crew.Username)})
		require.Equal(t, "assigned", order.Text("state"))
		require.Equal(t, crew.Username, order.Text("assignee"))
		require.Equal(t, "viewed", crew.Want(200, "POST", "/work-orders/"+id+"/view", nil).Text("field_status"))

		photos := map[string][]byte{}
		upload := func(photo []byte, evidence string, fields ...string) rig.Answer {
			a := crew.Upload(id, photo, append([]string{"task_id", task, "evidence_type", evidence, "source", "mobile_camera", "taken_at", now(), "sha256", sha(photo)}, fields...)...)
			photos[a.Text("uuid")] = photo
			return a
		}
		first := upload(rig.JPEG(1600, 1200, 1), "Before", "latitude", "30.5084", "longitude", "-97.6790", "accuracy", "10")
		require.Equal(t, rig.JSON{"item": true, "time": true, "location": true}, rig.JSON(first.Get("certification").(map[string]any)))
		far := upload(rig.PNG(400, 300, 2), "after", "latitude", "31.5", "longitude", "-97.6")
		require.Equal(t, false, far.Get("certification", "location"))
		crew.AwaitState(id, "in_progress")

		missing := crew.Want(409, "POST", "/work-orders/"+id+"/complete", nil)
		require.Contains(t, string(missing.Body), "Lawn cut: Ünïcode")
		require.Contains(t, string(missing.Body), "after")
		upload(rig.JPEG(800, 600, 3), "after")
		require.Equal(t, "completed", crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil).Text("state"))
		require.Equal(t, "approved", office.Want(200, "POST", "/work-orders/"+id+"/approve", nil).Text("state"))
		require.Equal(t, "published", office.Want(200, "POST", "/work-orders/"+id+"/publish", nil).Text("state"))

		var publications rig.Answer
		office.Await("both deliveries", func() bool {
			publications = office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
			states := ""
			for n := range publications.List("items", 0, "deliveries") {
				states += publications.Text("items", 0, "deliveries", n, "state") + " "
			}
			return states == "delivered delivered "
		})
		require.EqualValues(t, 3, publications.Get("items", 0, "items"))

		checkFolder(t, filepath.Join(in.Folders, folder), photos)
		report := office.Want(200, "GET", "/work-orders/"+id+"/report.pdf", nil)
		require.True(t, bytes.HasPrefix(report.Body, []byte("%PDF-")))
		require.Contains(t, pdfText(t, report.Body), "Certified service record")
		checkArchive(t, crew.Want(200, "GET", "/work-orders/"+id+"/archive.zip", nil).Body, photos, false)
		checkArchive(t, office.Want(200, "GET", "/work-orders/"+id+"/archive.zip", nil).Body, photos, true)
		checkHooks(t, office, hook, secret, id)

		again := office.Want(409, "POST", "/work-orders/"+id+"/publish", nil)
		require.Contains(t, again.Text("detail"), "nothing new")
		require.Equal(t, "closed", office.Want(200, "POST", "/work-orders/"+id+"/close", nil).Text("state"))
		if *record {
			recordHistory(t, in, protocol.WorkOrderID(id), "work-order-told-"+in.Name)
			recordHistory(t, in, protocol.PublicationID(publications.Text("items", 0, "id")), "publication-"+in.Name)
			recordHistory(t, in, protocol.WebhookID(destination.Text("id")), "webhook-"+in.Name)
		}
	})
}

func checkFolder(t *testing.T, root string, photos map[string][]byte) {
	found, pdfs, zips, metadata := 0, 0, 0, 0
	require.NoError(t, filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		require.NotContains(t, path, ".part-")
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		switch filepath.Ext(path) {
		case ".pdf":
			pdfs++
			require.True(t, bytes.HasPrefix(content, []byte("%PDF-")))
		case ".zip":
			zips++
		case ".json":
			metadata++
		default:
			for id, photo := range photos {
				if strings.Contains(path, id) {
					require.Equal(t, sha(photo), sha(content))
					found++
				}
			}
			require.Contains(t, path, "/12 Oak Street/ACME__T-")
			require.Contains(t, path, "/Lawn cut_ Ünïcode/")
		}
		return nil
	}))
	require.Equal(t, []int{len(photos), 1, 1, len(photos)}, []int{found, pdfs, zips, metadata}, "photos, reports, archives, metadata")
}

func checkArchive(t *testing.T, body []byte, photos map[string][]byte, office bool) {
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(r) // checks the checksum too
		require.NoError(t, err)
	}
	var manifest struct {
		WorkOrder rig.JSON `json:"work_order"`
		Items     []struct {
			Path, UUID, SHA256 string
			Size               int
		}
	}
	require.NoError(t, json.Unmarshal(files["manifest.json"], &manifest))
	require.Len(t, manifest.Items, len(photos))
	_, shown := manifest.WorkOrder["description"]
	require.Equal(t, office, shown, "the crew's archive leaves the office's fields out")
	for _, item := range manifest.Items {
		require.Equal(t, photos[item.UUID], files[item.Path])
		require.Equal(t, sha(files[item.Path]), item.SHA256)
		require.Len(t, files[item.Path], item.Size)
	}
}

func checkHooks(t *testing.T, office *rig.User, hook *rig.Receiver, secret, id string) {
	events := office.Want(200, "GET", "/work-orders/"+id+"/events", nil).List("items")
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	office.Await("every event at the web-hook", func() bool { return len(hook.OfOrder(id, "")) >= len(events)+3 })
	ids := map[string][]byte{}
	sequences := map[float64]bool{}
	for _, e := range hook.OfOrder(id, "") {
		header := http.Header{"Webhook-Id": {e.ID}, "Webhook-Timestamp": {e.Timestamp}, "Webhook-Signature": {e.Signature}}
		require.NoError(t, verifier.Verify(e.Body, header))
		require.Equal(t, "Bearer abc", e.Authorization)
		if before, again := ids[e.ID]; again {
			require.Equal(t, before, e.Body)
		}
		ids[e.ID] = e.Body
		if e.JSON.Text("type") != "item.published" {
			sequences[e.JSON.Get("data", "event", "sequence").(float64)] = true
		} else {
			require.NotEmpty(t, e.JSON.Text("data", "item", "sha256"))
		}
	}
	require.Len(t, ids, len(events)+3, "one id an event, and one an item")
	require.Len(t, sequences, len(events))
	var types []string
	for _, e := range events {
		types = append(types, e.(map[string]any)["type"].(string))
	}
	require.Equal(t, []string{"created", "assigned", "viewed", "in_progress", "completed", "approved", "published"}, types)
	published := hook.OfOrder(id, "work_order.published")
	require.NotEmpty(t, published)
	require.Equal(t, "published", published[0].JSON.Text("data", "work_order", "state"))
	require.EqualValues(t, 1, published[0].JSON.Get("data", "publication", "number"))
	viewed := hook.OfOrder(id, "work_order.updated")
	require.Len(t, viewed, 1, "a look has no type of its own")
}

func recordHistory(t *testing.T, in *rig.Installation, workflowID, name string) {
	c := temporalOf(t, in)
	history := historyOf(t, c, workflowID)
	text, err := protojson.MarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(rig.Root(), "workflows", "testdata", name+".json"), text, 0o644))
}

func historyOf(t *testing.T, c client.Client, workflowID string) *historypb.History {
	history := &historypb.History{}
	events := c.GetWorkflowHistory(context.Background(), workflowID, "", false, 0)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, e)
	}
	return history
}

func TestTheOperatorSeesWhatAnOrderWaitsFor(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, rig.JSON{"work_order_info": "the door code is Larkspur", "client_code": "ACME"})
		c := temporalOf(t, in)
		id := protocol.WorkOrderID(order.Text("id"))
		crew.Await("search attributes", func() bool {
			d, err := c.DescribeWorkflow(context.Background(), id, "")
			require.NoError(t, err)
			attributes := d.TypedSearchAttributes.GetUntypedValues()
			found := map[string]any{}
			for key, value := range attributes {
				found[key.GetName()] = value
			}
			return found[protocol.AttributeState] == "assigned" && found[protocol.AttributeAssignee] == crew.Username &&
				found[protocol.AttributeNumber] == "ACME::"+order.Text("work_order_number") && found[protocol.AttributeAccount] != nil && found[protocol.AttributeDue] != nil
		})
		metadata, err := c.QueryWorkflow(context.Background(), id, "", "__temporal_workflow_metadata")
		require.NoError(t, err)
		var details sdkpb.WorkflowMetadata
		require.NoError(t, metadata.Get(&details))
		require.Contains(t, details.GetCurrentDetails(), order.Text("work_order_number"))
		require.Contains(t, details.GetCurrentDetails(), "12 Oak Street")
		require.Contains(t, details.GetCurrentDetails(), "Waits for "+crew.Username)
		text := prototext.Format(historyOf(t, c, id)) // shows payloads as they are, not in Base64
		require.Contains(t, text, order.Text("id"))
		require.NotContains(t, text, "Larkspur", "door codes never enter Temporal")
	})
}
