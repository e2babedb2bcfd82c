package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func ptr[T any](v T) *T { return &v }

func TestCertification(t *testing.T) {
	property := &models.Property{Latitude: ptr(30.0), Longitude: ptr(-97.0)}
	received := models.At(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	at := func(before time.Duration) *models.Time { return ptr(models.At(received.Add(-before))) }
	place := func(metresNorth, accuracy float64) models.Position {
		return models.Position{Latitude: ptr(30 + metresNorth/111_195), Longitude: ptr(-97.0), Accuracy: &accuracy}
	}
	for name, c := range map[string]struct {
		source   models.ItemSource
		taken    *models.Time
		position models.Position
		property *models.Property
		want     [3]*bool
	}{
		"all of it":                  {models.MobileCamera, at(time.Hour), place(100, 10), property, [3]*bool{ptr(true), ptr(true), ptr(true)}},
		"from the gallery":           {models.MobileGallery, at(time.Hour), place(100, 10), property, [3]*bool{ptr(false), ptr(true), ptr(true)}},
		"thirteen hours old":         {models.MobileCamera, at(13 * time.Hour), place(100, 10), property, [3]*bool{ptr(true), ptr(false), ptr(true)}},
		"from the future":            {models.MobileCamera, at(-time.Hour), place(100, 10), property, [3]*bool{ptr(true), ptr(false), ptr(true)}},
		"no clock, no position":      {models.MobileCamera, nil, models.Position{}, property, [3]*bool{ptr(true), nil, nil}},
		"a property somewhere":       {models.MobileCamera, at(0), place(0, 0), &models.Property{}, [3]*bool{ptr(true), ptr(true), nil}},
		"far":                        {models.MobileCamera, at(0), place(300, 10), property, [3]*bool{ptr(true), ptr(true), ptr(false)}},
		"far, but allowed for":       {models.MobileCamera, at(0), place(300, 60), property, [3]*bool{ptr(true), ptr(true), ptr(true)}},
		"a peer's, all of it":        {models.FromPeer, at(time.Hour), place(100, 10), property, [3]*bool{nil, ptr(true), ptr(true)}},
		"a peer's, old and far":      {models.FromPeer, at(13 * time.Hour), place(300, 10), property, [3]*bool{nil, nil, nil}},
		"a neighbour's, old and far": {models.FromShare, at(13 * time.Hour), place(300, 10), property, [3]*bool{nil, nil, nil}},
		"so vague it proves nothing": {models.MobileCamera, at(0), place(5000, 100_000), property, [3]*bool{ptr(true), ptr(true), ptr(false)}},
	} {
		got := models.Certify(c.source, c.taken, received, c.position, c.property, 250)
		require.Equal(t, c.want, [3]*bool{got.Item, got.Time, got.Location}, name)
	}
}

func TestWhatIsNotCertifiedSaysWhy(t *testing.T) {
	received := models.At(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	at := func(before time.Duration) *models.Time { return ptr(models.At(received.Add(-before))) }
	here := models.Position{Latitude: ptr(30.0), Longitude: ptr(-97.0)}
	property := &models.Property{Latitude: ptr(30.0), Longitude: ptr(-97.0)}
	for name, c := range map[string]struct {
		item     models.Item
		property *models.Property
		want     models.Doubts
	}{
		"all of it":             {models.Item{Source: models.MobileCamera, TakenAt: at(0), Position: here}, property, models.Doubts{}},
		"nothing of it":         {models.Item{Source: models.MobileGallery}, property, models.Doubts{Item: models.DoubtCamera, Time: models.DoubtNoTime, Location: models.DoubtNoPosition}},
		"late, a place unknown": {models.Item{Source: models.MobileCamera, TakenAt: at(13 * time.Hour), Position: here}, nil, models.Doubts{Time: models.DoubtLate, Location: models.DoubtUnplaced}},
		"announced in time":     {models.Item{Source: models.MobileCamera, TakenAt: at(13 * time.Hour), AnnouncedAt: at(12 * time.Hour), Position: here}, property, models.Doubts{}},
		"from the future, far":  {models.Item{Source: models.MobileCamera, TakenAt: at(-time.Hour), Position: models.Position{Latitude: ptr(31.0), Longitude: ptr(-97.0)}}, property, models.Doubts{Time: models.DoubtFuture, Location: models.DoubtFar}},
		"a clock that is wrong": {models.Item{Source: models.MobileCamera, TakenAt: at(0), OffsetMS: ptr(int64(-86_400_000)), Position: here}, property, models.Doubts{Time: models.DoubtClock}},
		"what a peer judged":    {models.Item{Source: models.FromShare, TakenAt: at(13 * time.Hour)}, property, models.Doubts{}},
	} {
		known := received
		if c.item.AnnouncedAt != nil {
			known = *c.item.AnnouncedAt
		}
		c.item.ReceivedAt, c.item.Certification = received, models.Certify(c.item.Source, c.item.TakenAt, known, c.item.Position, c.property, 250)
		if !models.ClocksAgree(c.item.OffsetMS) {
			c.item.Certification.Time = new(bool)
		}
		require.Equal(t, c.want, c.item.Doubts(), name)
	}
}

func TestNamesNeverLeaveTheirFolder(t *testing.T) {
	for in, want := range map[string]string{
		"Lawn: front/back": "Lawn_ front_back", "../../etc/passwd": "______etc_passwd", "": "none", " . ": "_", "CON": "_CON", "a\x00b": "a_b",
		"Ünïcode 7": "Ünïcode 7", strings.Repeat("é", 300): strings.Repeat("é", 80),
	} {
		require.Equal(t, want, models.SafeName(in))
	}
	p := &models.Proof{Account: &models.Account{Zone: "America/Chicago"}, Order: &models.WorkOrder{}}
	p.Order.Address.Address1, p.Order.WorkOrderNumber, p.Order.ClientCode = "12 Oak/..", "7", "ACME"
	item := &models.Item{UUID: "../x", EvidenceType: "before", ContentType: "image/heic", ReceivedAt: models.At(time.Date(2026, 5, 5, 3, 0, 0, 0, time.UTC))}
	require.Equal(t, "12 Oak___/ACME__7/none/before", p.FolderOf("", item))
	require.Equal(t, "12 Oak___/ACME__7", p.FolderOf("", nil))
	require.Equal(t, "2026-05-04/none", p.FolderOf("Date/City", item), "in the account's zone")
	require.Equal(t, "20260504-220000____x.heic", p.FileName(item))
	require.ErrorContains(t, models.CheckFolderTemplate("Planet"), "planet")
	for _, level := range models.FolderLevels {
		require.NoError(t, models.CheckFolderTemplate(level))
	}
}

func TestSecretsAreSealedToTheirPlace(t *testing.T) {
	old, fresh := models.NewSecretKey(), models.NewSecretKey()
	before, err := models.NewSealer(old)
	require.NoError(t, err)
	sealed, err := before.Seal("here", "secret")
	require.NoError(t, err)
	require.NotContains(t, sealed, "secret")
	rotated, err := models.NewSealer(fresh + ", " + old)
	require.NoError(t, err)
	var got string
	require.NoError(t, rotated.Open("here", sealed, &got))
	require.Equal(t, "secret", got)
	require.Error(t, rotated.Open("there", sealed, &got))
	other, err := models.NewSealer(fresh)
	require.NoError(t, err)
	require.Error(t, other.Open("here", sealed, &got))
	_, err = models.NewSealer("short")
	require.Error(t, err)
}
