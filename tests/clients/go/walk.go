// Command walk takes one order from created to published, by a client that is generated from the OpenAPI document.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"fieldproof.example/walk/generated"
)

func set(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("Set %s.", name)
	}
	return value
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// taken is what an answer holds; a refusal ends the walk in its own words.
func taken[T any](held *T, r *http.Response, body []byte) T {
	if held == nil {
		log.Fatalf("%s %s: %s: %s", r.Request.Method, r.Request.URL, r.Status, body)
	}
	return *held
}

func signIn(ctx context.Context, username string) *generated.ClientWithResponses {
	anonymous := must(generated.NewClientWithResponses(set("SERVER")))
	in := must(anonymous.SignInWithResponse(ctx, nil, generated.Credentials{Username: username, Password: set("PASSWORD")}))
	token := *taken(in.JSON201, in.HTTPResponse, in.Body).Token
	return must(generated.NewClientWithResponses(set("SERVER"), generated.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})))
}

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	office, crew := signIn(ctx, set("OFFICE")), signIn(ctx, set("CREW"))

	// Where results go.
	var folder, hook generated.NewDestination
	must(0, folder.FromNewFolderDestination(generated.NewFolderDestination{Name: "Results", Kind: generated.NewFolderDestinationKindFolder, Settings: generated.NewFolderSettings{Path: set("FOLDER")}}))
	must(0, hook.FromNewWebhookDestination(generated.NewWebhookDestination{Name: "Hook", Kind: generated.NewWebhookDestinationKindWebhook, Settings: generated.NewWebhookSettings{Url: set("HOOK")}}))
	first := must(office.CreateDestinationWithResponse(ctx, nil, folder))
	second := must(office.CreateDestinationWithResponse(ctx, nil, hook))
	toFolder := must(taken(first.JSON201, first.HTTPResponse, first.Body).AsFolderDestination())
	toHook := must(taken(second.JSON201, second.HTTPResponse, second.Body).AsWebhookDestination())
	fmt.Println("destinations:", toFolder.Settings.Path == set("FOLDER"), toHook.Settings.Url == set("HOOK"))

	// An order whose task wants a photo before and one after.
	made := must(office.CreateWorkOrderWithResponse(ctx, &generated.CreateWorkOrderParams{IdempotencyKey: new(uuid.NewString())}, generated.NewWorkOrder{
		WorkOrderNumber: "WALK-1",
		Address:         &generated.AddressInput{Address1: new("110 East Main Street"), City: new("Round Rock"), State: new("TX"), Zip: new("78664")},
		Tasks:           &[]generated.NewTask{{Name: "Lawn cut", RequiredPhotos: &map[string]int64{"before": 1, "after": 1}}},
	}))
	order := taken(made.JSON201, made.HTTPResponse, made.Body)
	list := must(office.ListWorkOrdersWithResponse(ctx, &generated.ListWorkOrdersParams{State: &[]generated.State{generated.StateCreated, generated.StateAssigned}, Limit: new(10)}))
	var numbers []string
	for _, o := range taken(list.JSON200, list.HTTPResponse, list.Body).Items {
		numbers = append(numbers, o.WorkOrderNumber)
	}
	fmt.Println("listed:", strings.Join(numbers, ","))
	assigned := must(office.AssignWorkOrderWithResponse(ctx, order.Id, nil, generated.Assignment{Assignee: set("CREW")}))
	fmt.Println(taken(assigned.JSON200, assigned.HTTPResponse, assigned.Body).State)

	// Completing it too early says what is missing.
	early := must(office.CompleteWorkOrderWithResponse(ctx, order.Id, nil, generated.CompleteWorkOrderJSONRequestBody{}))
	var missing []string
	for _, e := range *taken(early.ApplicationproblemJSON409, early.HTTPResponse, early.Body).Errors {
		missing = append(missing, e.Message)
	}
	slices.Sort(missing)
	fmt.Println("too early:", early.StatusCode(), strings.Join(missing, " "))

	// The crew proves it; the same photo again is the same photo.
	for _, evidence := range []string{"before", "after"} {
		id := uuid.NewString()
		var form bytes.Buffer
		fields := multipart.NewWriter(&form)
		for name, value := range map[string]string{"uuid": id, "task_id": order.Tasks[0].Id, "evidence_type": evidence, "source": "mobile_camera", "taken_at": time.Now().UTC().Format(time.RFC3339)} {
			must(0, fields.WriteField(name, value))
		}
		file := must(fields.CreateFormFile("file", "photo.jpg"))
		must(file.Write(must(os.ReadFile(set("PHOTO")))))
		must(0, fields.Close())
		for range 2 {
			sent := must(crew.UploadPhotoWithBodyWithResponse(ctx, order.Id, fields.FormDataContentType(), bytes.NewReader(form.Bytes())))
			held := sent.JSON201
			if sent.StatusCode() == http.StatusOK {
				held = sent.JSON200
			}
			photo := taken(held, sent.HTTPResponse, sent.Body)
			fmt.Println(photo.EvidenceType, sent.StatusCode(), photo.Uuid == id)
		}
	}

	// Complete, approve as it was read, publish.
	completed := must(office.CompleteWorkOrderWithResponse(ctx, order.Id, nil, generated.CompleteWorkOrderJSONRequestBody{}))
	fmt.Println(taken(completed.JSON200, completed.HTTPResponse, completed.Body).State)
	read := must(office.GetWorkOrderWithResponse(ctx, order.Id))
	etag := read.HTTPResponse.Header.Get("ETag")
	approved := must(office.ApproveWorkOrderWithResponse(ctx, order.Id, &generated.ApproveWorkOrderParams{IfMatch: &etag}, generated.ApproveWorkOrderJSONRequestBody{}))
	fmt.Println(taken(approved.JSON200, approved.HTTPResponse, approved.Body).State)
	published := must(office.PublishWorkOrderWithResponse(ctx, order.Id, nil, generated.Publishing{}))
	fmt.Println(taken(published.JSON200, published.HTTPResponse, published.Body).State)

	// Deliveries go out in the background.
	for {
		answer := must(office.ListWorkOrderPublicationsWithResponse(ctx, order.Id, nil))
		var delivered []string
		for _, p := range taken(answer.JSON200, answer.HTTPResponse, answer.Body).Items {
			for _, d := range p.Deliveries {
				if d.State == generated.DeliveryStateDelivered {
					delivered = append(delivered, d.Destination.Name)
				}
			}
		}
		if len(delivered) == 2 {
			slices.Sort(delivered)
			fmt.Println("delivered:", strings.Join(delivered, ","))
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	history := must(office.ListWorkOrderEventsWithResponse(ctx, order.Id, nil))
	fmt.Println("published by the office:", slices.ContainsFunc(taken(history.JSON200, history.HTTPResponse, history.Body).Items, func(e generated.Event) bool {
		return e.To != nil && *e.To == generated.StatePublished && e.Actor == set("OFFICE")
	}))

	// The results.
	report := must(office.GetWorkOrderReportWithResponse(ctx, order.Id, nil))
	archive := must(office.GetWorkOrderArchiveWithResponse(ctx, order.Id, nil))
	fmt.Printf("%.5s %.2s\n", report.Body, archive.Body)
	token := must(office.CreateTokenWithResponse(ctx, nil, generated.NewToken{Name: "mirror"}))
	link := must(office.CreateWorkOrderLinkWithResponse(ctx, order.Id, nil, generated.NewLink{AllowDownloads: new(true), AllowComments: new(true)}))
	fmt.Println("shown once:", *taken(token.JSON201, token.HTTPResponse, token.Body).Token != "", strings.HasPrefix(*taken(link.JSON201, link.HTTPResponse, link.Body).Url, set("SERVER")+"/s/"))
}
