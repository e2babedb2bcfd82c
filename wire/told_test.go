package wire_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/wire"
)

// one picks one of some values.
func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func text(r *rand.Rand) string {
	return one(r, "", "x", "{braces} \\u007b", " blanks ", "Ünïcode ✓\n\"quoted\"", strings.Repeat("long ", 200))
}

func some[T any](r *rand.Rand, value T) *T {
	if r.IntN(3) == 0 {
		return nil
	}
	return &value
}

func judgement(r *rand.Rand) *bool { return some(r, r.IntN(2) == 0) }

// TestWhatIsToldOfAnItemIsReadAgain writes random items and reads them as the other side does.
func TestWhatIsToldOfAnItemIsReadAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	r := rand.New(rand.NewPCG(1, 2))
	yes := true
	for n := range 1000 {
		at := func() models.Time { return models.At(time.Unix(1_600_000_000+r.Int64N(200_000_000), 0)) }
		received := models.At(time.UnixMicro(1_600_000_000_000_000 + r.Int64N(200_000_000_000_000)))
		i := &models.Item{UUID: fmt.Sprintf("0b8e4c8e-6d1f-4f0e-9a55-%012x", n), Kind: one(r, models.Photo, models.File, models.SurveyResponse, models.CheckIn), ReceivedAt: received,
			EvidenceType: one(r, "", "before", "own word"), Notes: text(r), Device: text(r), UploadedBy: one(r, "u1", ""), TakenAt: some(r, at()), ContentType: one(r, "image/jpeg", "application/pdf"),
			Certification: models.Certification{Item: judgement(r), Time: judgement(r), Location: judgement(r)},
			Origin:        models.Origin{Author: "somebody further down", ParentUUID: one(r, "", "the-parent-1"), FirstReceivedAt: some(r, at())}}
		if r.IntN(2) == 0 {
			latitude, longitude := r.Float64()*180-90, r.Float64()*360-180
			i.Position = models.Position{Latitude: &latitude, Longitude: &longitude, Accuracy: some(r, r.Float64()*100)}
		}
		for range 64 {
			i.SHA256 += one(r, "0", "7", "a", "f")
		}
		task := models.Task{ID: "t1", TaskFields: models.TaskFields{Name: "COP: {trash}"}}
		i.TaskID = one(r, nil, &task.ID)
		if i.Kind == models.SurveyResponse {
			i.SurveyID = one(r, "pcr", "PCR2")
			i.Answers = fmt.Sprintf(`[{"id":"q1","answer":%q,"answerOptions":["a","b"],"hint":"h"},{"id":"q2","answer":%d}]`, one(r, "Yes", "{no}"), r.IntN(9))
		}
		out := wire.ItemOut{Proof: &models.Proof{Account: &models.Account{Name: "Acme", Zone: "UTC"}, Order: &models.WorkOrder{}, Users: map[string]string{"u1": "joe"}}, Item: i, Number: "AB::1", FileName: i.UUID + ".jpg"}
		out.Proof.View.Tasks = []models.Task{task}
		var said wire.Item // what only a Fieldproof reads
		if r.IntN(2) == 0 {
			out.Share = &wire.ItemShare{OrderID: "our-order", Revision: 1 + r.Int64N(9), Withdrawn: r.IntN(2) == 0}
			said = wire.Item{OrderID: "our-order", Revision: out.Share.Revision, Withdrawn: out.Share.Withdrawn, Kept: i.Answers}
			if r.IntN(2) == 0 {
				out.Share.Statement = &models.Statement{Text: "fieldproof statement 1\nkey: {of ours}\n", Signature: "c2lnbmVk", PublicKey: "a2V5"}
				said.Statement = *out.Share.Statement
			}
		}
		read := func() wire.Item {
			payload, err := wire.Payload(wire.ItemMembers(out)...)
			require.NoError(t, err)
			m, err := wire.Members([]byte(payload))
			require.NoError(t, err)
			return wire.DecodeItem(m, chicago)
		}
		in := read()
		first := i.Origin.FirstReceivedAt
		if first == nil {
			first = &received
		}
		require.JSONEq(t, asSent(t, i), asSent(t, &models.Item{Kind: i.Kind, SurveyID: in.SurveyID, Answers: string(in.Answers)}))
		want := wire.Item{UUID: i.UUID, Number: "AB::1", Task: out.Proof.TaskName(i), FileType: map[models.ItemKind]string{models.Photo: "picture", models.File: "file", models.SurveyResponse: "survey", models.CheckIn: "check_in"}[i.Kind],
			OrderID: said.OrderID, Revision: said.Revision, Withdrawn: said.Withdrawn, Kept: said.Kept, Statement: said.Statement,
			FileName: out.FileName, EvidenceType: i.EvidenceType, Notes: i.Notes, TakenAt: i.TakenAt, Position: i.Position, Device: i.Device, SurveyID: i.SurveyID, SHA256: i.SHA256,
			Claims: models.Claims(i.Certification), Origin: models.Origin{Author: out.Proof.Users[i.UploadedBy], ParentUUID: i.Origin.ParentUUID, FirstReceivedAt: first},
			Survey: in.Survey, Answers: in.Answers}
		require.Equal(t, want, in)
		out.Note = "A smaller copy."
		require.Empty(t, read().SHA256, "the hash of a file that does not travel would make the copy look damaged")
	}
	m := map[string]json.RawMessage{"sha256": json.RawMessage(`"none"`), "authenticated": json.RawMessage(`"TRUE"`), "csrCertifiedTime": json.RawMessage(`"maybe"`),
		"timestamp": json.RawMessage(`"soon"`), "creationDate": json.RawMessage(`"2026-05-04 10:00:00"`), "pictureId": json.RawMessage(`17`)}
	in := wire.DecodeItem(m, chicago)
	require.Equal(t, models.Claims{Item: &yes}, in.Claims)
	require.Empty(t, in.SHA256)
	require.Equal(t, "17", in.UUID, "under whatever name a peer says it")
	require.Equal(t, time.Date(2026, 5, 4, 10, 0, 0, 0, chicago).Unix(), in.TakenAt.Unix())
}

// asSent is a response's answers as they are sent, so that two of them compare.
func asSent(t *testing.T, i *models.Item) string {
	if i.Kind != models.SurveyResponse {
		return "null"
	}
	for _, m := range wire.ItemMembers(wire.ItemOut{Proof: &models.Proof{Account: &models.Account{Zone: "UTC"}, Order: &models.WorkOrder{}}, Item: i}) {
		if m.Name == "survey" {
			return m.Value.(string)
		}
	}
	t.Fatal("the payload has no survey")
	return ""
}
