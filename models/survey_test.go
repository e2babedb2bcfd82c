package models_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/budget"
)

func FuzzSurveyTemplate(f *testing.F) {
	for _, seed := range []string{
		`{"meta":{"surveyTemplateId":"mySurvey","version":3.1,"name":"Display name"},"questions":[{"id":"question1","answerType":"yesNo"},{"type":"section","questions":[{"id":"question2","answerType":"yesNo"}]}]}`,
		`{"meta":{"surveyTemplateId":"a","name":"b"},"questions":[{"id":"a","answerType":"yesNo","triggers":[{"answer":true,"enable":["b"]}]},{"id":"b","answerType":"text","triggers":[{"answer":["x"],"enable":"a"}]}]}`,
		`{"questions":[{"id":5,"answerType":"select","answerOptions":[{"value":1},null,["x"]],"pictureMin":"2","pictureMax":1,"validation":{"pattern":"("}}]}`, `{}`, `[]`, `null`, `{"questions":null}`, `{"meta":5}`,
	} {
		f.Add([]byte(seed), []byte(`[{"id":"a","answer":"Yes"},{"id":"b","answer":["x",1,null],"pictures":[5]}]`))
	}
	for _, attack := range []string{strings.Repeat(`{"questions":[`, 9000), `{"questions":[` + strings.Repeat(`{"type":"section","questions":[`, 30) + strings.Repeat(`]}`, 30) + `]}`,
		`{"meta":{"surveyTemplateId":"a","name":"b"},"questions":[` + strings.Repeat(`{},`, 60_000) + `{}]}`, `{"questions":[{"id":"a","triggers":[` + strings.Repeat(`{"enable":[]},`, 20_000) + `{}]}]}`,
		`{"questions":[{"id":"a","answerType":"text","validation":{"pattern":"` + strings.Repeat("(a*)*", 100) + `{999}"}}]}`} {
		f.Add([]byte(attack), []byte(`[`+strings.Repeat(`{"id":"a"},`, 20_000)+`{"id":"b"}]`))
	}
	f.Fuzz(func(t *testing.T, template, answers []byte) {
		budget.Of(func() {
			s, err := models.ParseSurvey(template)
			if err != nil && models.KindOf(err) == "" {
				t.Fatalf("no reason for a person: %v", err)
			}
			given, wrong := models.ParseAnswers(json.RawMessage(answers))
			if wrong != nil && models.KindOf(wrong) == "" {
				t.Fatalf("no reason for a person: %v", wrong)
			}
			if err == nil && wrong == nil {
				_ = s.CheckAnswers(given)
			}
			_ = models.CheckInlineSurvey(json.RawMessage(template), "x.")
		}).Within(t, 64<<20+400*uint64(len(template)+len(answers)))
	})
}

func TestAnswersWithTriggersInAChain(t *testing.T) {
	s, err := models.ParseSurvey([]byte(`{"meta":{"surveyTemplateId":"a","name":"b"},"questions":[
		{"id":"a","answerType":"yesNo","triggers":[{"answer":"yes","enable":["b"]}]},
		{"id":"b","answerType":"single choice","answerOptions":["x","y"],"required":true,"triggers":[{"answer":"x","enable":["c"],"pictureMin":1}]},
		{"id":"c","answerType":"text","required":"true","validation":{"max":3,"pattern":"^a"}}]}`))
	require.NoError(t, err)
	for answers, field := range map[string]string{
		`{"a":"No"}`: "", `{"a":"No","c":"stays unasked"}`: "", `{"a":"Y"}`: "answers.b", `{"a":true,"b":"y"}`: "", `[{"id":"a","answer":"1"},{"id":"b","answer":"X"},{"id":"c","answer":"ab"}]`: "answers.b",
		`[{"id":"a","answer":"1"},{"id":"b","answer":"x","photos":["p"]},{"id":"c","answer":"abcd"}]`: "answers.c", `[{"id":"a","answer":"1"},{"id":"b","answer":"x","photos":["p"]},{"id":"c","answer":"b"}]`: "answers.c",
		`[{"id":"a","answer":"1"},{"id":"b","answer":"x","photos":["p"]},{"id":"c","answer":"ab"}]`: "", `[{"id":"a","answer":"Yes"},{"id":"a","answer":"No"}]`: "answers.a", `[{"answer":"Yes"}]`: "answers[0].id",
	} {
		given, err := models.ParseAnswers(json.RawMessage(answers))
		require.NoError(t, err)
		err = s.CheckAnswers(given)
		if field == "" {
			require.NoError(t, err, answers)
			continue
		}
		require.ErrorContains(t, err, field, answers)
	}
}

// TestThePhoneJudgesAnswersAsTheServerDoes holds one half; web/kit/survey.test.ts reads the same cases.
func TestThePhoneJudgesAnswersAsTheServerDoes(t *testing.T) {
	text, err := os.ReadFile("testdata/answers.json")
	require.NoError(t, err)
	var alike struct {
		Template json.RawMessage
		Cases    []struct {
			Name    string
			Answers json.RawMessage
			Wrong   []string
		}
	}
	require.NoError(t, json.Unmarshal(text, &alike))
	s, err := models.ParseSurvey(alike.Template)
	require.NoError(t, err)
	for _, c := range alike.Cases {
		given, err := models.ParseAnswers(c.Answers)
		require.NoError(t, err, c.Name)
		wrong := map[string]bool{}
		var refusal *models.Error
		if err := s.CheckAnswers(given); err != nil {
			require.ErrorAs(t, err, &refusal, c.Name)
			for _, f := range refusal.Fields {
				wrong[strings.TrimPrefix(f.Field, "answers.")] = true
			}
		}
		require.ElementsMatch(t, c.Wrong, slices.Collect(maps.Keys(wrong)), c.Name)
	}
}
