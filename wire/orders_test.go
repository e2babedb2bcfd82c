package wire_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/budget"
	"fieldproof/wire"
)

var chicago, _ = time.LoadLocation("America/Chicago")

func TestDatesOfRealSendersAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"2026-05-04": "2026-05-04 ", "5/4/2026": "2026-05-04 ", "05/04/2026": "2026-05-04 ", "5/4/26": "2026-05-04 ", "20260504": "2026-05-04 ",
		"12/7/2015 12:00:00 AM": "2015-12-07 ", "1/2/2018 23:00": "2018-01-02 23:00", "1/2/2018 11:00 pm": "2018-01-02 23:00", "1/2/2018 1:05:09 PM": "2018-01-02 13:05",
		"2018-01-02 1200 +5": "2018-01-02 01:00", "2018-01-02 1200 -6": "2018-01-02 12:00", "2018-01-02 1200 +0530": "2018-01-02 00:30", "2018-01-02 1200": "2018-01-02 12:00",
		"2018-01-02T12:00:00Z": "2018-01-02 06:00", "2018-01-02T12:00:00": "2018-01-02 12:00", "2018-01-02 12:00:00": "2018-01-02 12:00", "2018-01-02T12:00:00-06:00": "2018-01-02 12:00",
		"1514898000": "2018-01-02 07:00", "1514898000000": "2018-01-02 07:00", "1514898000.5": "2018-01-02 07:00",
	} {
		m, err := wire.ParseMoment(text, chicago)
		require.NoError(t, err, text)
		require.Equal(t, want, string(m.Date)+" "+m.Time, text)
	}
	for _, none := range []string{"", "  ", "0", "1969-12-31", "12/31/1969 6:00:00 PM", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00"} {
		m, err := wire.ParseMoment(none, chicago)
		require.NoError(t, err, none)
		require.Nil(t, m, none)
	}
	for _, bad := range []string{"tomorrow", "2026-13-01", "31/12/2026", "12", "-5", "1e30", "2026-05-04 1300 +99"} {
		_, err := wire.ParseMoment(bad, chicago)
		require.ErrorContains(t, err, bad)
	}
}

func TestAnOrderGoesOutAndComesInAgain(t *testing.T) {
	due, at := models.Date("2030-07-01"), "13:30"
	text := "x"
	o := &models.WorkOrder{WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: "1", Address: models.Address{Address1: "a", City: "b", State: "TX", Zip: "01234"}, DueDate: &due, DueTime: &at,
		WorkOrderInfo: "{code}", Attributes: map[string]string{"attribute7": " \u00e9 ", "own": "stays"}, Reference: &text, Description: &text}, Lifecycle: models.Lifecycle{State: models.Assigned}}
	w, err := wire.OrderOf(o, "1", []models.Task{{TaskFields: models.TaskFields{Name: "A"}}}, chicago, nil)
	require.NoError(t, err)
	raw, err := json.Marshal(w)
	require.NoError(t, err)
	in := wire.DecodeOrder(raw, 1, chicago)
	require.Empty(t, in.Problems)
	require.Empty(t, in.Warnings)
	require.Equal(t, []any{"1", due, at, "{code}", "01234", map[string]string{"attribute7": " \u00e9 "}, "A"}, []any{in.Number, *in.Fields.DueDate, *in.Fields.DueTime, in.Fields.WorkOrderInfo, in.Fields.Address.Zip, in.Fields.Attributes, in.Tasks[0].Name})
	require.False(t, in.Says("reference"), "what only the office may see stays")
}

func TestAPayloadIsReadByPeersThatCutAtBraces(t *testing.T) {
	p, err := wire.Payload(wire.Member{Name: "username", Value: `a{"b}`}, wire.Member{Name: "timestamp", Value: nil}, wire.Member{Name: "n", Value: 5})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(p, "{")+strings.Count(p, "}")-1)
	var back map[string]any
	require.NoError(t, json.Unmarshal([]byte(p), &back))
	require.Equal(t, map[string]any{"username": `a{"b}`, "timestamp": nil, "n": 5.0}, back)
}

func TestOrdersAreReadOneByOneWhateverTheirNumber(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"before":1,"workOrders":[`)
	for i := range 20_000 {
		if i > 0 {
			body.WriteString(",")
		}
		body.WriteString(`{"workOrderNumber":"` + strings.Repeat("x", 300) + `"}`)
	}
	body.WriteString(`],"error":"e"}`)
	n := 0
	rest, err := wire.EachOrder(iotest.HalfReader(strings.NewReader(body.String())), false, func(json.RawMessage) error { n++; return nil })
	require.NoError(t, err)
	require.Equal(t, 20_000, n)
	require.Equal(t, `"e"`, string(rest["error"]))
	_, err = wire.EachOrder(strings.NewReader(`[{"a":"`+strings.Repeat("x", 5<<20)+`"}]`), false, func(json.RawMessage) error { return nil })
	require.ErrorContains(t, err, "larger than 4 MB")
}

func TestAListIsCheckedWhileItIsPassedOn(t *testing.T) {
	const order = `{"workOrderNumber":"1"}`
	many := func(text string, n int) string { return strings.Repeat(text+",", n) + text }
	for text, reason := range map[string]string{
		`[` + many(order, 5000) + `]`:                                         "",
		"\xEF\xBB\xBF{\"before\":{},\"workOrders\":[" + order + "]} and more": "",
		order:                 "",
		`{"workOrders":null}`: "",
		`[]`:                  "",
		`[5,` + order + `]`:   "",
		`[` + many(order, 5000) + `,{"workOrderNumber"`:                              "ends in the middle",
		`[` + many(order, 5000) + `}`:                                                "not JSON",
		strings.Repeat(`[`, 5<<20):                                                   "depth",
		`{"workOrders":[` + strings.Repeat(`[`, 70) + strings.Repeat(`]`, 70) + `]}`: "more than 64 deep",
		`[null]`:                     "Element 1 is no order",
		`[` + many(`1`, 5<<20) + `]`: "Element 1 is no order",
		`{` + many(`"a":1`, 100_000) + `,"workOrders":[` + order + `]}`:                                "beside workOrders",
		`{"a":[` + many(`1`, 1<<20) + `],"b":[` + many(`1`, 1<<20) + `],"workOrders":[` + order + `]}`: "beside workOrders",
	} {
		name := text[:min(len(text), 40)]
		c := wire.NewChecked(iotest.HalfReader(strings.NewReader(text)))
		passed, err := io.ReadAll(c)
		_, again := c.Read(make([]byte, 1))
		require.NoError(t, c.Close())
		if reason == "" {
			require.NoError(t, err, name)
			require.Equal(t, text, string(passed), name)
			require.ErrorIs(t, again, io.EOF)
			continue
		}
		var no *wire.ErrNotOrders
		require.ErrorAs(t, err, &no, name)
		require.ErrorAs(t, again, &no, name)
		require.Contains(t, no.Reason, reason, name)
	}
	c := wire.NewChecked(io.MultiReader(strings.NewReader(`[`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	_, err := io.ReadAll(c)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "what breaks off is not judged")
	require.NoError(t, c.Close())
}

// FuzzPush reads what anybody may push: nothing it holds may crash the reader, or make it say what can't be kept.
func FuzzPush(f *testing.F) {
	if testing.Short() {
		f.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	for _, seed := range []string{
		`{"workOrders":[{"workOrderNumber":"Simple","address1":"110 East Main Street","city":"Round Rock","state":"TX","zip":78664,"services":[{"serviceName":"Task"}]}]}`,
		`[{"workOrderNumber":1.0,"dueDate":"2018-01-02 1200 +5","options":"{\"a\":1}","attribute7":{"a":[1]},"services":"[{\"serviceName\":\"x\",\"surveyDynamic\":\"{}\"}]"}]`,
		`{"workOrders":null}`, `1`, ``, `[null,5,"x",[],{}]`, "\xEF\xBB\xBF[]", `{"workOrders":[{"workOrderNumber":"\u0000\ud800","services":{"serviceName":5}}]}`, `[{"a":1e999,"zip":-0,"gpsLatitude":"NaN","gpsLongitude":1e400}]`,
		`{"workOrders":[{"services":[{"serviceName":"x","options":{"a":{"b":[[[[]]]]}},"survey":null}]}],"workOrders":[1]}`,
	} {
		f.Add([]byte(seed))
	}
	for _, attack := range []string{`{"workOrders":` + strings.Repeat("[", 100_000), `[{"options":"` + strings.Repeat(`{\"a\":`, 20_000) + `"}]`, `[{"services":[` + strings.Repeat(`{},`, 100_000) + `{}]}]`,
		`[` + strings.Repeat(`{},`, 100_000) + `{}]`, `[{"attribute7":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}]`, strings.Repeat(`{"a":`, 50_000)} {
		f.Add([]byte(attack))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		orders := uint64(0) // one after another, none of them held
		spent := budget.Of(func() {
			for _, lax := range []bool{false, true} {
				line := int64(0)
				_, _ = wire.EachOrder(bytes.NewReader(body), lax, func(raw json.RawMessage) error {
					line++
					orders++
					in := wire.DecodeOrder(raw, line, chicago)
					prints := in.Fingerprint()
					again := wire.DecodeOrder(raw, line, chicago)
					if len(prints) != len(again.Fingerprint()) {
						t.Fatalf("the same order reads differently: %s", raw)
					}
					if strings.ContainsRune(in.Number, 0) {
						t.Fatalf("a number with NUL: %q", in.Number)
					}
					o := models.WorkOrderFields{}
					o.Take(&in, models.OfAnyone, models.OfIntegration, models.Shared)
					o.Normalise()
					var p models.Problems
					o.Check(&p)
					for i := range in.Tasks {
						fields := in.Tasks[i].Fields()
						fields.Normalise()
						if len(fields.Survey) > 0 {
							_ = models.CheckInlineSurvey(fields.Survey, "")
						}
					}
					return nil
				})
			}
		})
		spent.Within(t, 64<<20+400*uint64(len(body))+orders*(16<<10))
	})
}
