package models_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
)

// TestAStatementIsReadAsItWasWritten writes what may be unknown, and what may not.
func TestAStatementIsReadAsItWasWritten(t *testing.T) {
	h := house.New(t)
	yes, no := true, false
	latitude, longitude := 30.2672, -97.7431
	for name, change := range map[string]func(*models.Item){
		"everything": func(i *models.Item) {
			i.Position = models.Position{Latitude: &latitude, Longitude: &longitude, Accuracy: &latitude}
			i.Certification = models.Certification{Item: &yes, Time: &no}
		},
		"nothing":    func(i *models.Item) { i.TakenAt = nil },
		"a check-in": func(i *models.Item) { i.Kind, i.SHA256 = models.CheckIn, "" },
	} {
		t.Run(name, func(t *testing.T) {
			i := h.Photo(h.Order, len(h.Photos)+1)
			i.Source = models.MobileCamera
			change(i)
			var s, again *models.Statement
			h.Write(func(tx *models.Tx) (err error) {
				if s, err = tx.StatementFor(i); err != nil {
					return err
				}
				i.EvidenceType = "after"
				again, err = tx.StatementFor(i)
				return err
			})
			require.Equal(t, []string{s.Text, s.Signature}, []string{again.Text, again.Signature}, "it is made once")
			require.True(t, strings.HasPrefix(s.Text, "fieldproof statement 1\nkey: "), s.Text)
			require.Equal(t, []string{"fieldproof statement 1", "key", "uuid", "kind", "sha256", "taken-at", "received-at", "latitude", "longitude", "accuracy", "source", "item", "time", "signed-at"}, namesOf(s.Text))
			stated, err := s.Read()
			require.NoError(t, err)
			require.NoError(t, stated.About(i.UUID, i.Kind, i.SHA256))
			require.Equal(t, []any{i.TakenAt, i.ReceivedAt, i.Position, i.Source, i.Certification.Item, i.Certification.Time},
				[]any{stated.TakenAt, stated.ReceivedAt, stated.Position, stated.Source, stated.Item, stated.Time})
			require.Equal(t, s.Text, stated.Text())
			require.NotContains(t, s.Text, h.Account.ID, "it names no account")
		})
	}
}

func namesOf(text string) (names []string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		name, _, _ := strings.Cut(line, ": ")
		names = append(names, name)
	}
	return names
}

// TestAStatementIsWorthWhatItsKeyIs has statements come by a link: of the neighbour, of somebody behind them, and forged ones.
func TestAStatementIsWorthWhatItsKeyIs(t *testing.T) {
	theirs := house.New(t)
	yes, no := true, false
	far, near := 31.0, 30.2672
	longitude := -97.7431
	of := theirs.Photo(theirs.Order, 1)
	of.Source, of.Certification = models.MobileCamera, models.Certification{Item: &yes, Time: &yes, Location: &yes}
	of.Position = models.Position{Latitude: &far, Longitude: &longitude}
	var said *models.Statement
	var keys []models.ShareKey
	theirs.Write(func(tx *models.Tx) (err error) {
		if said, err = tx.StatementFor(of); err != nil {
			return err
		}
		keys, err = tx.ShareKeysOf(theirs.Account.ID)
		return err
	})
	property := &models.Property{Latitude: &near, Longitude: &longitude}
	neighbour := &models.ShareLink{ID: "link", PeerKeys: keys}
	for name, c := range map[string]struct {
		link     *models.ShareLink
		change   func(*models.Statement, *models.Item)
		verified *bool
		want     models.Certification
		claims   models.Claims
	}{
		"the neighbour's": {neighbour, nil, &yes, models.Certification{Item: &yes, Time: &yes, Location: &no}, models.Claims{}},
		"handed on":       {&models.ShareLink{ID: "link"}, nil, nil, models.Certification{}, models.Claims{Item: &yes, Time: &yes}},
		"a wrong signature": {neighbour, func(s *models.Statement, _ *models.Item) {
			s.Text = strings.Replace(s.Text, "time: true", "time: null", 1)
		}, &no,
			models.Certification{}, models.Claims{}},
		"of another item":  {neighbour, func(_ *models.Statement, i *models.Item) { i.UUID = "uuid-000099" }, &no, models.Certification{}, models.Claims{}},
		"of other bytes":   {neighbour, func(_ *models.Statement, i *models.Item) { i.SHA256 = strings.Repeat("0", 64) }, &no, models.Certification{}, models.Claims{}},
		"with another key": {neighbour, func(s *models.Statement, _ *models.Item) { s.PublicKey = strings.Repeat("A", 43) + "=" }, &no, models.Certification{}, models.Claims{}},
		"that is none":     {neighbour, func(s *models.Statement, _ *models.Item) { s.Text = "they say so" }, &no, models.Certification{}, models.Claims{}},
	} {
		t.Run(name, func(t *testing.T) {
			i := &models.Item{ID: "i", UUID: of.UUID, Kind: of.Kind, SHA256: of.SHA256}
			s := *said
			if c.change != nil {
				c.change(&s, i)
			}
			stated, refused := s.Judge(i, c.link)
			require.Equal(t, c.verified, s.Verified)
			require.Equal(t, s.Verified != nil && !*s.Verified, refused != nil)
			i.Believe(stated, s.Verified, property, 250)
			require.Equal(t, c.want, i.Certification, "where it was is judged by our own property")
			require.Equal(t, c.claims, i.Claims, "what can't be verified is null and a claim")
		})
	}
}
