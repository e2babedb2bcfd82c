package reports_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/reports"
	"fieldproof/storage"
)

// scene draws a picture of its own for each name.
func scene(t testing.TB, name string, w, h int) []byte {
	sum := 0
	for _, r := range name {
		sum = sum*31 + int(r)
	}
	hue := func(n int) uint8 { return uint8(90 + (sum>>n)&0x7f) }
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Bounds(), image.NewUniform(color.RGBA{hue(0), hue(3), hue(6), 255}), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(w/5, h/3, 4*w/5, h), image.NewUniform(color.RGBA{hue(9), hue(12), hue(2), 255}), image.Point{}, draw.Src)
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

var (
	sampleHome    = [2]float64{30.5084, -97.6790}
	sampleAccount = models.Account{Name: "Cedarline Services", Address: "402 Quarry Road, Georgetown, TX 78626", Phone: "+1 512 555 0142", Colour: "#0f5866", Zone: "America/Chicago",
		Language: "en", Region: "US", CertificationRadius: 250, ReportLayout: 6}
)

// taken is a photo of the sample: what it shows, of which type, when, and where around the property in metres.
type taken struct {
	task, shot, kind string
	hour, minute     int
	east, north      float64
	by               string
	file             string // the picture
	w, h             int
	camera, time     bool
	noPlace          bool
	notes            string
	undrawn          bool
}

func sampleTaken() []taken {
	shots := []taken{}
	add := func(task, shot, by string, east, north float64, rest ...any) {
		for n := 0; n < len(rest); n += 4 {
			shots = append(shots, taken{task: task, shot: shot, by: by, east: east, north: north, kind: rest[n].(string), hour: rest[n+1].(int), minute: rest[n+2].(int), file: rest[n+3].(string),
				w: 1280, h: 960, camera: true, time: true})
		}
	}
	last := func() *taken { return &shots[len(shots)-1] }
	add("grass", "Front of house", "dana", -3, -17, "before", 10, 5, "front-before", "during", 10, 41, "front-during", "after", 11, 20, "front-after")
	add("grass", "Back yard", "dana", 4, 16, "before", 10, 6, "yard-before", "during", 10, 58, "yard-during", "after", 11, 22, "yard-after")
	last().notes = "Clippings bagged, both sides edged."
	add("grass", "Right side", "dana", 13, 6, "after", 11, 23, "side")
	add("grass", "House number", "dana", 4, -9, "before", 10, 4, "number")
	add("lock", "Front door lock", "luis", 1, -6, "before", 10, 31, "lock-before", "after", 10, 48, "lock-after")
	add("lock", "Key box, closed", "luis", 1, -5, "after", 10, 50, "lock-portrait")
	last().w, last().h = 960, 1280
	add("lock", "Key box at the meter", "luis", 9, -4, "after", 10, 52, "meter-portrait")
	last().w, last().h, last().time = 960, 1280, false
	add("debris", "Whole garage", "dana", -9, 3, "before", 10, 9, "garage-before", "during", 11, 40, "garage-during", "after", 12, 2, "garage-after")
	add("debris", "Left wall", "dana", -10, 4, "before", 10, 10, "wall-before", "after", 12, 3, "wall-after")
	add("debris", "Water heater", "dana", -8, 2, "during", 10, 11, "heater")
	add("debris", "Ticket from the transfer station", "dana", 4600, 4500, "after", 12, 41, "receipt")
	last().w, last().h = 960, 1280
	add("survey", "Thermostat", "dana", 3, 2, "", 10, 14, "thermostat")
	add("survey", "Kitchen", "dana", 3, 3, "", 10, 16, "kitchen")
	add("survey", "Electric meter", "dana", 4, 3, "", 10, 18, "meter")
	last().undrawn = true
	add("survey", "Roof, chimney side", "dana", -16, -11, "", 10, 19, "roof")
	add("survey", "Front, a week earlier", "dana", 0, 0, "", 10, 20, "front-dry")
	last().camera, last().noPlace = false, true
	return shots
}

// sample is the report of an order as offices make them: three tasks, a survey, two people, what is certified and what is not.
func sample(t testing.TB, account models.Account, shots []taken, picture func(name string, w, h int) []byte) (*reports.Content, *reports.Reports) {
	ctx := context.Background()
	blobs, err := storage.Open(ctx, "file://"+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, blobs.Close()) })
	zone, err := time.LoadLocation(account.Zone)
	require.NoError(t, err)
	clock := func(hour, minute int) models.Time {
		return models.At(time.Date(2026, 11, 24, hour, minute, 0, 0, zone))
	}
	lat, lon := sampleHome[0], sampleHome[1]
	due := models.Date("2026-11-24")
	order := &models.WorkOrder{ID: "order", CompletedAt: clock(12, 44), PublishedAt: clock(14, 10)}
	order.WorkOrderNumber, order.ClientCode = "204118", "MSV"
	order.Address = models.Address{Address1: "1187 Larkspur Ln", City: "Round Rock", State: "TX", Zip: "78664"}
	order.Source = models.Source{Provider: "Meridian Asset Services", WorkOrderNumber: "FC-88120-3"}
	order.DueDate, order.Latitude, order.Longitude, order.Lifecycle.State = &due, &lat, &lon, models.Published
	proof := &models.Proof{Audience: models.ForClient, Account: &account, Order: order, Property: &models.Property{Latitude: &lat, Longitude: &lon},
		Users: map[string]string{"dana": "dana", "luis": "luis"}, Names: map[string]string{"dana": "Dana Okafor", "luis": "Luis Prado"}}
	proof.View.Tasks = []models.Task{
		{ID: "grass", TaskFields: models.TaskFields{Name: "Grass cut, front and back", RequiredPhotos: map[string]int{"before": 3, "after": 3}}},
		{ID: "lock", TaskFields: models.TaskFields{Name: "Change lock, front door", RequiredPhotos: map[string]int{"before": 1, "after": 3}}},
		{ID: "debris", TaskFields: models.TaskFields{Name: "Remove debris, garage", RequiredPhotos: map[string]int{"before": 2, "after": 3}}},
		{ID: "survey", TaskFields: models.TaskFields{Name: "Occupancy check", Kind: models.SurveyTask}},
	}
	yes, no := true, false
	byShot := map[string]*models.Item{}
	for n, s := range shots {
		at := clock(s.hour, s.minute)
		received := models.At(at.Add(2 * time.Minute))
		i := &models.Item{ID: fmt.Sprintf("item-%d", n), UUID: fmt.Sprintf("5b8e2c10-0000-4000-8000-%012d", n), WorkOrderID: order.ID, Kind: models.Photo, EvidenceType: s.kind, Shot: s.shot, TakenAt: &at,
			ReceivedAt: received, UploadedBy: s.by, Source: models.MobileCamera, Review: models.ReviewApproved, BlobKey: fmt.Sprintf("p%d", n), Renditions: models.RenditionsMade, Width: int64(s.w), Height: int64(s.h), Notes: s.notes}
		for k := range proof.View.Tasks {
			if proof.View.Tasks[k].ID == s.task {
				i.TaskID = &proof.View.Tasks[k].ID
			}
		}
		i.Certification = models.Certification{Item: &yes, Time: &yes}
		if !s.camera {
			i.Certification.Item, i.Source = &no, models.MobileGallery
		}
		if !s.time {
			off := int64(-47 * 60_000)
			i.Certification.Time, i.OffsetMS = &no, &off
		}
		if !s.noPlace {
			there, across := lat+s.north/111_320, lon+s.east/111_320/math.Cos(lat*math.Pi/180)
			accuracy := 6.0
			i.Position = models.Position{Latitude: &there, Longitude: &across, Accuracy: &accuracy}
			i.Certification.Location = &yes
			if math.Hypot(s.east, s.north) > account.CertificationRadius {
				i.Certification.Location = &no
			}
		}
		if s.undrawn {
			i.Renditions, i.ContentType, i.Size = models.RenditionsFailed, "image/heic", 4_100_000
		} else {
			bytesOf := picture(s.file, s.w, s.h)
			for _, r := range []models.Rendition{models.Display, models.Thumbnail} {
				require.NoError(t, blobs.Put(ctx, i.RenditionKey(r), "image/jpeg", bytes.NewReader(bytesOf)))
			}
		}
		byShot[s.shot] = i
		proof.Items = append(proof.Items, i)
	}
	in := clock(10, 2)
	there, across, accuracy := lat+0.00015, lon, 6.0
	proof.Items = append(proof.Items, &models.Item{ID: "in", UUID: "in", Kind: models.CheckIn, TakenAt: &in, ReceivedAt: in, UploadedBy: "dana", Position: models.Position{Latitude: &there, Longitude: &across, Accuracy: &accuracy},
		Certification: models.Certification{Location: &yes}})
	answered := clock(10, 22)
	response := &models.Item{ID: "response", UUID: "response", Kind: models.SurveyResponse, TakenAt: &answered, ReceivedAt: answered, UploadedBy: "dana", Position: models.Position{Latitude: &there, Longitude: &across},
		Certification: models.Certification{Location: &yes}}
	of := func(shot string) []*models.Item {
		if i := byShot[shot]; i != nil {
			return []*models.Item{i}
		}
		return nil
	}
	survey := models.FilledSurvey{Item: response, Name: "Occupancy check", Task: "Occupancy check", Answers: []models.FilledAnswer{
		{Section: "Outside", Question: "Is the property occupied?", Answers: []string{"No"}},
		{Section: "Outside", Question: "Are all doors secured?", Answers: []string{"Yes, after the lock was changed"}},
		{Section: "Outside", Question: "Condition of the roof", Answers: []string{"Tarp on the chimney side"}, Photos: of("Roof, chimney side")},
		{Section: "Outside", Question: "Does anything need to be done at once?"},
		{Section: "Inside", Question: "Is the heating on?", Answers: []string{"Yes, 55 °F"}, Photos: of("Thermostat")},
		{Section: "Inside", Question: "Reading of the electric meter", Answers: []string{"048 217 kWh"}, Photos: of("Electric meter")},
		{Section: "Inside", Question: "Kitchen appliances that are there", Answers: []string{"Oven", "Dishwasher"}},
		{Section: "Inside", Question: "Anything else?", Answers: []string{"The neighbor at 1189 has a key to the side gate and asks to be called before the next visit, since her dog is in the yard on weekdays until noon."}},
	}}
	c := &reports.Content{Account: &account, Visits: []reports.Visit{{Proof: proof, Surveys: []models.FilledSurvey{survey}}}, Layout: account.ReportLayout, Part: 1, At: clock(14, 10),
		Head:   &models.ProofHead{Account: "03n8011hq3jgmk0yhnm5g96fem", Sequence: 1204, Head: strings.Repeat("d85b1adae35b69ca", 4), KeyID: "dac79f4b854ca1a81e8942eec89f0d38", SignedAt: clock(14, 10)},
		Verify: func(i *models.Item) string { return "https://fieldproof.example.com/verify/" + i.UUID + "?code=c0de" },
		Short:  func(i *models.Item) string { return fmt.Sprintf("HTTPS://PROOF.EXAMPLE.COM/V/%026d", len(i.ID)) }}
	return c, reports.New(nil, blobs, media.New(nil, blobs, nil, 64<<20), "", 256<<20)
}
