package wire_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/wire"
)

// TestWhatIsToldOfAnItemIsReadAgain writes random items and reads them as the other side does.
func TestWhatIsToldOfAnItemIsReadAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	yes, no := true, false
	judged := []*bool{nil, &yes, &no}
	digits := []rune("0123456789abcdef")
	for range 300 {
		hash := []rune{}
		for range 64 {
			hash = append(hash, digits[random.IntN(len(digits))])
		}
		i := &models.Item{UUID: "0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11", Kind: models.Photo, SHA256: string(hash), ReceivedAt: models.Now(),
			Certification: models.Certification{Item: judged[random.IntN(3)], Time: judged[random.IntN(3)], Location: judged[random.IntN(3)]}}
		out := wire.ItemOut{Proof: &models.Proof{Account: &models.Account{Zone: "UTC"}, Order: &models.WorkOrder{}}, Item: i, Number: "1"}
		read := func() wire.Item {
			payload, err := wire.Payload(wire.ItemMembers(out)...)
			require.NoError(t, err)
			m, err := wire.Members([]byte(payload))
			require.NoError(t, err)
			return wire.DecodeItem(m, chicago)
		}
		in := read()
		require.Equal(t, i.SHA256, in.SHA256)
		require.Equal(t, models.Claims(i.Certification), in.Claims)
		out.Note = "A smaller copy."
		require.Empty(t, read().SHA256, "the hash of a file that does not travel would make the copy look damaged")
	}
	m := map[string]json.RawMessage{"sha256": json.RawMessage(`"none"`), "authenticated": json.RawMessage(`"TRUE"`), "csrCertifiedTime": json.RawMessage(`"maybe"`)}
	in := wire.DecodeItem(m, chicago)
	require.Equal(t, models.Claims{Item: &yes}, in.Claims)
	require.Empty(t, strings.TrimSpace(in.SHA256))
}
