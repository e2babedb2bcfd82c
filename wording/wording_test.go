package wording_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/wording"
)

var chicago = func() *time.Location {
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		panic(err)
	}
	return zone
}()

func TestAMomentHasOneForm(t *testing.T) {
	winter, summer := time.Date(2026, 11, 24, 16, 5, 9, 0, time.UTC), time.Date(2026, 10, 3, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct{ language, region, moment, midnight, day string }{
		{"en", "US", "Tue, Nov\u00a024, 2026, 10:05\u00a0AM CST", "12:00\u00a0AM", "Nov\u00a024"},
		{"en", "GB", "Tue, 24\u00a0Nov 2026, 10:05 CST", "0:00", "24\u00a0Nov"},
		{"es", "ES", "mar, 24\u00a0nov 2026, 10:05 CST", "0:00", "24\u00a0nov"},
		{"es", "US", "mar, 24 de nov de 2026, 10:05\u00a0a.m. CST", "12:00\u00a0a.m.", "24\u00a0nov"},
		{"de", "ZZ", "Tue, Nov\u00a024, 2026, 10:05\u00a0AM CST", "12:00\u00a0AM", "Nov\u00a024"},
	} {
		r := wording.In(c.language, c.region, chicago)
		assert.Equal(t, c.moment, r.Moment(winter), c)
		assert.Equal(t, c.midnight, r.Clock(summer), c)
		assert.Equal(t, c.day, r.Day(winter), c)
	}
	assert.Equal(t, "CDT", wording.In("en", "US", chicago).Zone(summer), "the zone is that of the moment")
	assert.Equal(t, "UTC+5:30", wording.In("en", "IN", time.FixedZone("+0530", 19800)).Zone(summer))
	assert.Equal(t, "Tue, Nov\u00a024, 2026, 5:00\u00a0PM", wording.In("en", "US", chicago).Due("2026-11-24", "17:00"))
}

func TestAPageThatIsNobodysIsInTheLanguageThatIsAskedFor(t *testing.T) {
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for asked, day := range map[string]string{
		"":                          "Tue, Nov\u00a024, 2026",
		"en-GB,es;q=0.9":            "Tue, 24\u00a0Nov 2026",
		"de, es-ES;q=0.8, en;q=0.5": "mar, 24\u00a0nov 2026",
		"en;q=0.1, es-US":           "mar, 24 de nov de 2026",
		"es;q=0":                    "Tue, Nov\u00a024, 2026",
		"de-DE, zh":                 "Tue, Nov\u00a024, 2026",
		"es-" + strings.Repeat("x-", 10_000) + "x": "Tue, Nov\u00a024, 2026",
		"\xff, es": "Tue, Nov\u00a024, 2026",
	} {
		assert.Equal(t, day, wording.Asking(asked).Date(noon), asked)
	}
	assert.Equal(t, "en", wording.Asking(strings.Repeat("fr,", 340_000)+"es").Language(), "so long a list is not read")
}

func TestNumbersAndDistances(t *testing.T) {
	us, spain := wording.In("en", "US", chicago), wording.In("es", "ES", chicago)
	for said, want := range map[string]string{
		us.Number(1234567.5, 1): "1,234,567.5", us.Number(999, 0): "999", us.Number(-0.001, 1): "0.0", us.Number(1234, 0): "1,234",
		spain.Number(1234, 0): "1234", spain.Number(12345.5, 1): "12.345,5",
		us.Size(999): "999\u00a0B", us.Size(38_400): "38\u00a0kB", us.Size(999_499): "999\u00a0kB", us.Size(999_500): "1\u00a0MB", spain.Size(1_949_000): "1,9\u00a0MB", us.Size(999_600_000): "1\u00a0GB", us.Size(5 << 40): "5.5\u00a0TB", us.Size(1 << 62): "4,611,686\u00a0TB",
		us.Distance(249.6): "250\u00a0m", us.Distance(999.6): "1\u00a0km", us.Distance(6649): "6.6\u00a0km", spain.Distance(1400): "1,4\u00a0km",
		us.Position(30.51, -97.68): "30.51000, −97.68000", spain.Position(30.51, -97.68): "30,51000; −97,68000",
		us.Together([]string{"Ana", "Ben"}): "Ana and Ben", us.Together([]string{"Ana", "Ben", "Cy", "Di"}): "Ana, Ben and 2 others",
		us.Lasting(90 * time.Second): "1 minute", us.Lasting(14*time.Hour + 3): "14 hours", us.Lasting(-50 * time.Hour): "2 days",
		us.Share(0, 0): "can’t be judged", us.Share(22, 23): "22 of 23",
	} {
		assert.Equal(t, want, said)
	}
}

// TestDistancesAreReadAlikeEverywhere holds one half; web/kit/format.test.ts reads the same cases.
func TestDistancesAreReadAlikeEverywhere(t *testing.T) {
	raw, err := os.ReadFile("testdata/distances.json")
	require.NoError(t, err)
	var cases struct {
		Said, Round []struct {
			Metres           float64
			Metric, Imperial string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	plain := func(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }
	metric := models.Account{Language: "en", Region: "US", Zone: "UTC", Units: models.Metric}
	imperial := metric
	imperial.Units = models.Imperial
	for _, c := range cases.Said {
		assert.Equal(t, c.Metric, plain(wording.For(&metric).Distance(c.Metres)))
		assert.Equal(t, c.Imperial, plain(wording.For(&imperial).Distance(c.Metres)))
	}
	for _, c := range cases.Round {
		assert.Equal(t, c.Metric, plain(wording.For(&metric).Distance(metric.RoundLength(c.Metres))))
		assert.Equal(t, c.Imperial, plain(wording.For(&imperial).Distance(imperial.RoundLength(c.Metres))))
	}
	imperial.Language, imperial.Region = "es", "ES"
	assert.Equal(t, "4,1 mi", plain(wording.For(&imperial).Distance(6649)))
}

func at(latitude float64) models.Position {
	longitude := -97.7
	return models.Position{Latitude: &latitude, Longitude: &longitude}
}

func TestEachMixOfCertificationIsASentenceWithItsReason(t *testing.T) {
	received := models.Time{Time: time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC)}
	before := func(d time.Duration) *models.Time { return &models.Time{Time: received.Add(-d)} }
	home, none := &models.Property{}, &models.Property{}
	home.Latitude, home.Longitude = at(30.5).Latitude, at(30.5).Longitude
	offset := int64(20 * 60 * 1000)
	us := wording.In("en", "US", chicago)
	for _, c := range []struct {
		item     models.Item
		property *models.Property
		verdict  wording.Verdict
		want     string
	}{
		{models.Item{Source: models.MobileCamera, TakenAt: before(time.Minute), Position: at(30.5)}, home, wording.Certified, "Certified."},
		{models.Item{Source: models.MobileCamera, TakenAt: before(time.Minute), Position: at(30.56)}, home, wording.NotCertified, "Certified in camera and time. Location not certified: 6.7\u00a0km from the property, the limit is 250\u00a0m."},
		{models.Item{Source: models.MobileGallery, TakenAt: before(14 * time.Hour)}, home, wording.NotCertified, "Camera not certified: it comes from the phone’s gallery. Time not certified: received 14 hours after it was taken, the limit is 12 hours. Location can’t be judged: no position."},
		{models.Item{Source: models.MobileCamera, TakenAt: before(time.Minute), Position: at(30.5)}, none, wording.Unjudged, "Certified in camera and time. Location can’t be judged: the property has no position."},
		{models.Item{Source: models.FromPeer}, home, wording.Unjudged, "Camera can’t be judged: it comes from another system. Time can’t be judged: no time is known. Location can’t be judged: no position."},
		{models.Item{Source: models.MobileCamera, TakenAt: before(time.Minute), OffsetMS: &offset, Position: at(30.5)}, home, wording.NotCertified, "Certified in camera and location. Time not certified: the phone’s clock was 20 minutes behind."},
	} {
		i := c.item
		i.ReceivedAt = received
		i.Certification = models.Certify(i.Source, i.TakenAt, received, i.Position, c.property, 250)
		if i.Certification.Time != nil && !models.ClocksAgree(i.OffsetMS) {
			i.Certification.Time = new(bool)
		}
		assert.Equal(t, c.verdict, wording.VerdictOf(i.Certification))
		assert.Equal(t, c.want, us.Certification(&i, c.property, 250))
		assert.NotContains(t, wording.In("es", "MX", chicago).Certification(&i, c.property, 250), "doc_", "each sentence is there in Spanish")
	}
}

// TestASentenceCountsThosePeopleWhomItNames, and all that it counts in figures.
func TestASentenceCountsThosePeopleWhomItNames(t *testing.T) {
	when := models.Time{Time: time.Date(2026, 11, 24, 16, 2, 0, 0, time.UTC)}
	said := func(language string, photos int, people ...string) string {
		return wording.In(language, "US", chicago).Documented(models.ServiceRecord{First: &when, Last: &when, People: people}, 2, 1, photos)
	}
	assert.Contains(t, said("en", 1, "Dana"), "Dana documented 2 tasks and 1 survey here with 1 photo.")
	assert.Contains(t, said("es", 4, "Dana"), "Dana documentó aquí 2 tareas y 1 encuesta con 4 fotos.")
	assert.Contains(t, said("es", 4, "Dana", "Luis"), "Dana y Luis documentaron aquí 2 tareas y 1 encuesta con 4 fotos.")
	assert.Contains(t, said("es", 0, "Dana"), "Dana informó desde aquí.")
	assert.Contains(t, said("es", 0, "Dana", "Luis"), "Dana y Luis informaron desde aquí.")
}

// TestANameThatReadsToTheLeftTurnsNoSentence, and what stands in quotes alone reads as it is.
func TestANameThatReadsToTheLeftTurnsNoSentence(t *testing.T) {
	r := wording.In("en", "US", chicago)
	assert.Equal(t, "\u200eקומה 3\u200e, continued", r.Say("pdf_continued", "name", "קומה 3"))
	assert.Equal(t, "Garage 3, continued", r.Say("pdf_continued", "name", "Garage 3"))
	assert.Equal(t, "“קומה 3”", r.Say("pdf_quoted", "text", "קומה 3"))
}

func TestEachLanguageHasAllSentences(t *testing.T) {
	words := map[string]map[string]string{}
	for _, language := range models.Languages {
		raw, err := os.ReadFile("messages/" + language + ".json")
		require.NoError(t, err)
		var said map[string]string
		require.NoError(t, json.Unmarshal(raw, &said))
		words[language] = said
	}
	for language, said := range words {
		for key := range words["en"] {
			assert.NotEmpty(t, said[key], "%s in %s", key, language)
		}
		assert.Len(t, said, len(words["en"]), language)
	}
}

// TestOurFormsAreThoseOfTheBrowserApps writes the forms anew with the Node that builds the apps.
func TestOurFormsAreThoseOfTheBrowserApps(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node here")
	}
	made, err := exec.Command(node, "forms.mjs").Output()
	require.NoError(t, err)
	kept, err := os.ReadFile("forms.json")
	require.NoError(t, err)
	var there, here struct{ CLDR string }
	require.NoError(t, json.Unmarshal(made, &there))
	require.NoError(t, json.Unmarshal(kept, &here))
	if there.CLDR != here.CLDR {
		t.Skipf("this Node knows CLDR %s, the forms are of %s", there.CLDR, here.CLDR)
	}
	assert.Equal(t, string(made), string(kept), "run: node wording/forms.mjs > wording/forms.json")
}
