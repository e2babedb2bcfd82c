package models_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/budget"
)

// TestAMergePatchIsThatOfTheRFC takes the cases of RFC 7396, appendix A, that are about objects; members keep their order.
func TestAMergePatchIsThatOfTheRFC(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"z":1, "y" : {"x":"\u00e9<", "w":1.50} ,"a":[ 1, {"n":null} ]}`, ` {"y":{"w":1e400,"v":true},"Z":"\"z","z":2,"z":3} `, `{"z":3,"y":{"x":"\u00e9<","w":1e400,"v":true},"a":[ 1, {"n":null} ],"Z":"\"z"}`},
	} {
		got, err := models.MergeJSON([]byte(c[0]), []byte(c[1]))
		require.NoError(t, err, c)
		require.Equal(t, c[2], string(got), c)
	}
	for _, patch := range []string{"", "null", `["c"]`, `"bar"`, "5", `{"a"}`, `{"a":1`, `{} {}`, `{"a":1 "b":2}`, `{1:2}`} {
		_, err := models.MergeJSON([]byte(`{"a":"b"}`), []byte(patch))
		require.Equal(t, models.Malformed, models.KindOf(err), patch)
	}
}

func objectOf(members int, value string) string {
	var b strings.Builder
	for n := range members {
		fmt.Fprintf(&b, `,"k%06d":%s`, n, value)
	}
	return "{" + b.String()[1:] + "}"
}

// TestMergingTakesLittle merges twice the members for about twice the memory, and far more of them than any body has in
// a moment: what is quadratic in them lasts minutes.
func TestMergingTakesLittle(t *testing.T) {
	budget.Alone(t)
	merging := func(text, patch string) budget.Spent {
		return budget.Of(func() {
			_, err := models.MergeJSON([]byte(text), []byte(patch))
			require.NoError(t, err)
		})
	}
	spent := func(members int, have, change string) float64 {
		return float64(merging(objectOf(members, have), objectOf(members, change)).Bytes)
	}
	for _, c := range [][2]string{{`"v"`, `"w"`}, {`"v"`, "null"}, {`{"a":1}`, `{"a":null}`}, {"null", `{"b":[{}]}`}} {
		require.LessOrEqual(t, spent(8000, c[0], c[1]), 2.5*spent(4000, c[0], c[1]), c)
		large := objectOf(150_000, c[1])
		merging(objectOf(150_000, c[0]), large).Within(t, 64<<20+800*uint64(len(large)))
		merging("{}", large).Within(t, 64<<20+800*uint64(len(large)))
	}
	nested := strings.Repeat(`{"a":`, 64) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat("}", 64)
	merging("{}", nested).Within(t, 64<<20)
}

func TestAnObjectOfTooManyMembersIsNamed(t *testing.T) {
	require.NoError(t, models.CheckJSON([]byte(objectOf(2000, "1"))))
	for text, field := range map[string]string{
		objectOf(2001, "1"): "",
		`{"reference":"a:b","attributes":` + objectOf(2001, `"v"`):    "attributes",
		`{"options":{"a":{},"b":[{},` + objectOf(2001, `{"a":null}`):  "options.b[1]",
		`{"tasks":[{"name":"a"},{"options":` + objectOf(2001, "null"): "tasks[1].options",
		`{"` + strings.Repeat("x", 101) + `":` + objectOf(2001, "1"):  "",
		`{"a":[{"a":1},{"b":1}],"b\"":` + objectOf(2001, `"a\":"`):    `b\"`,
	} {
		err := models.CheckJSON([]byte(text))
		var invalid *models.Error
		require.ErrorAs(t, err, &invalid, field)
		require.Equal(t, models.Invalid, invalid.Kind)
		require.Equal(t, field, invalid.Fields[0].Field)
	}
	list := "[" + strings.Repeat(objectOf(1000, "1")+",", 100)
	require.NoError(t, models.CheckJSON([]byte(list)))
	require.Equal(t, models.Malformed, models.KindOf(models.CheckJSON([]byte(list+`{"a":1}`))), "all objects together have a bound too")
	for _, text := range []string{"]", "}}}}:::", strings.Repeat("}", 100) + strings.Repeat(":", 3000), `"`, `\`, ":,:"} {
		require.NoError(t, models.CheckJSON([]byte(text)), "another looks whether it is JSON")
	}
}

func TestHalfCharactersOfAJSONTextAreReplaced(t *testing.T) {
	for text, mended := range map[string]string{
		`{"a":"\ud800"}`: `{"a":"\ufffd"}`, `"\uDC00x"`: `"\ufffdx"`, `"\ud83d\ude00 \ud83d"`: `"\ud83d\ude00 \ufffd"`, `"\ud800\ud83d\ude00"`: `"\ufffd\ud83d\ude00"`,
		`"\\ud800"`: `"\\ud800"`, `"\u00e9\\\ud800"`: `"\u00e9\\\ufffd"`, `"\ud80`: `"\ud80`, `\`: `\`, ``: ``, `"\ud800\`: `"\ufffd\`,
	} {
		got := []byte(text)
		models.MendJSON(got)
		require.Equal(t, mended, string(got), text)
	}
}

func TestATextOfNothingThatIsSeenIsNone(t *testing.T) {
	for _, unseen := range []string{"", " \t\n", "\u200b\u200c\u200d", "\u2060\ufeff", "\u202e\u2066", "\u3164", "\u115f\uffa0", "\u2800", "\u00ad\u034f", "\ufe0f"} {
		require.False(t, models.Visible(unseen), "%+q", unseen)
		for field, c := range map[string]models.Comment{"author": {Author: unseen, Text: "x"}, "text": {Author: "x", Text: unseen}} {
			var wrong *models.Error
			require.ErrorAs(t, c.Check(), &wrong)
			require.Equal(t, field, wrong.Fields[0].Field, "%+q", unseen)
		}
	}
	for _, seen := range []string{"x", "\u200fمرحبا", "é", "❤\ufe0f", "👩\u200d🌾"} {
		c := models.Comment{Author: seen, Text: seen}
		require.NoError(t, c.Check())
		require.Equal(t, seen, c.Text)
	}
	c := models.Comment{Author: "\u202eknabred\u202c", Text: "a\u2066b\u2069\u200ec"}
	require.NoError(t, c.Check())
	require.Equal(t, []string{"knabred", "ab\u200ec"}, []string{c.Author, c.Text})
}

func TestWhatPeopleSetHasABoundOfMembers(t *testing.T) {
	problemsOf := func(fields *models.WorkOrderFields, task *models.TaskFields) []string {
		var problems models.Problems
		fields.Normalise()
		fields.Check(&problems)
		task.Normalise()
		task.Check(&problems, "tasks[0].")
		var names []string
		for _, p := range problems {
			names = append(names, p.Field)
		}
		return names
	}
	order, task := &models.WorkOrderFields{Priority: models.PriorityNormal}, &models.TaskFields{Name: "Lawn"}
	without := problemsOf(order, task)
	require.NoError(t, json.Unmarshal([]byte(objectOf(1001, `"v"`)), &order.Attributes))
	require.NoError(t, json.Unmarshal([]byte(objectOf(1001, `"v"`)), &order.Options))
	require.NoError(t, json.Unmarshal([]byte(objectOf(1001, `"v"`)), &task.Options))
	require.NoError(t, json.Unmarshal([]byte(objectOf(101, "1")), &task.RequiredPhotos))
	require.ElementsMatch(t, append(without, "attributes", "options", "tasks[0].options", "tasks[0].required_photos"), problemsOf(order, task))
	account := &models.Account{Name: "A", Zone: "UTC", QAPolicy: models.OfficeReview, CertificationRadius: 250, ReportLayout: 6, Language: "en", Region: "US", Units: models.Metric}
	require.NoError(t, account.Check())
	require.NoError(t, json.Unmarshal([]byte(objectOf(1001, `"v"`)), &account.Branding))
	require.Equal(t, models.Invalid, models.KindOf(account.Check()))
}
