package api

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/tests/budget"
	"fieldproof/wire"
)

func TestNoNetworkTakesTheRoomOfTheOthers(t *testing.T) {
	s := newShare(100, 250)
	require.True(t, s.take("a", 60) && s.take("a", 40))
	require.False(t, s.take("a", 1), "a network has its share")
	require.True(t, s.take("b", 100), "others have theirs")
	require.False(t, s.take("c", 60), "and all have theirs together")
	s.give("a", 100)
	require.True(t, s.take("c", 60))
	s.give("b", 100)
	s.give("c", 60)
	require.Empty(t, s.held)
	require.Zero(t, s.all)
}

func TestWhatStrangersSendIsCountedByNetwork(t *testing.T) {
	s := newShare(1<<20, 2<<20)
	first := &sharedReader{r: strings.NewReader(strings.Repeat("x", 1<<20)), share: s, network: "a"}
	text, err := readAtMost(first, 8<<20)
	require.NoError(t, err)
	require.Len(t, text, 1<<20)
	second := &sharedReader{r: strings.NewReader("y"), share: s, network: "a"}
	_, err = readAtMost(second, 8<<20)
	require.Equal(t, models.Unavailable, models.KindOf(err))
	second.close()
	first.close()
	require.Empty(t, s.held)
}

// TestAPeerIsToldToComeAgain answers 503 with Retry-After where there is no room: a 200 would be final.
func TestAPeerIsToldToComeAgain(t *testing.T) {
	gin.SetMode(gin.TestMode)
	w := httptest.NewRecorder()
	g, _ := gin.CreateTestContext(w)
	g.Request = httptest.NewRequest(http.MethodPost, "/integration/v2/uploadPictures", http.NoBody)
	service, err := peers.ServiceOf("uploadPictures")
	require.NoError(t, err)
	p := &peerCall{Server: &Server{}, g: g, service: service}
	p.answer(nil, errNoRoomAside)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}

// FuzzForms reads what anybody may send as a form or as JSON: little memory, whatever it holds, and no more than came.
func FuzzForms(f *testing.F) {
	multi := "--b\r\nContent-Disposition: form-data; name=\"workOrders\"\r\n\r\n[]\r\n--b--\r\n"
	for _, seed := range [][2]string{
		{"application/x-www-form-urlencoded", "workOrders=%5B%5D&x=1"}, {"application/x-www-form-urlencoded", strings.Repeat("a", 200_000)},
		{"application/x-www-form-urlencoded", strings.Repeat("a=&", 50_000) + "workOrders=1"}, {"application/x-www-form-urlencoded", "workOrders=" + strings.Repeat("%", 100_000)},
		{"multipart/form-data; boundary=b", multi}, {"multipart/form-data; boundary=b", strings.Repeat("--b\r\nA: b\r\n\r\n\r\n", 5000) + multi},
		{"multipart/form-data; boundary=b", "--b\r\n" + strings.Repeat("A: "+strings.Repeat("b", 100)+"\r\n", 2000) + "\r\n" + multi},
		{"multipart/form-data; boundary=" + strings.Repeat("b", 70), multi}, {"application/json", strings.Repeat("[", 100_000)}, {"text/plain", "\xEF\xBB\xBF {"}, {"", ""},
		{"application/json", `{"payload":` + strings.Repeat(`{"payload":`, 5000)},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		came := int64(0)
		spent := budget.Of(func() {
			value, err := pushedJSON(contentType, bufio.NewReaderSize(bytes.NewReader(body), 64<<10))
			if err == nil {
				came, _ = io.Copy(io.Discard, value)
			}
			if models.CheckJSON(body) == nil {
				_, _ = wire.Members(body)
			}
		})
		if came > int64(len(body)) {
			t.Fatalf("%d bytes became %d", len(body), came)
		}
		spent.Within(t, 8<<20+64*uint64(len(body)))
	})
}
