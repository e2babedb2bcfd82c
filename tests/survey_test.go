package tests

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// survey is a template with a question of most kinds, a section, a trigger and a photo.
func survey(id string) rig.JSON {
	return rig.JSON{"meta": rig.JSON{"surveyTemplateId": id, "version": 3.1, "name": "Inspection"}, "unknownMember": "kept",
		"questions": []rig.JSON{
			{"id": "isVacant", "question": "Vacant?", "answerType": "yesNo", "required": true, "triggers": []rig.JSON{{"answer": "No", "enable": []string{"whoLives"}}}},
			{"id": "whoLives", "question": "Who lives there?", "answerType": "text", "required": true},
			{"type": "section", "questions": []rig.JSON{
				{"id": "rooms", "answerType": "number", "validation": rig.JSON{"min": 1, "max": 20}},
				{"id": "seenOn", "answerType": "date"},
				{"id": "condition", "answerType": "select", "answerOptions": []string{"Good", "Bad"}},
				{"id": "systems", "answerType": "multiSelect", "answerOptions": []string{"Water", "Gas"}},
				{"id": "front", "answerType": "picture", "pictureMin": 1},
			}},
		}}
}

func answer(id string, value any, pictures ...string) rig.JSON {
	a := rig.JSON{"id": id, "answer": value}
	if len(pictures) > 0 {
		a["pictures"] = pictures
	}
	return a
}

func TestASurveyIsAnsweredAndWantedForCompletion(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		made := office.Want(201, "POST", "/surveys", survey("hpirFull"))
		require.Equal(t, "hpirFull-v1", made.Text("reference"))
		require.Equal(t, "kept", made.Text("template", "unknownMember"), "what nobody here knows is kept")
		office.WantField(409, "meta.surveyTemplateId", "POST", "/surveys", survey("HPIRfull"))
		require.Equal(t, "kept", office.Want(200, "GET", "/surveys/"+made.Text("id")+"/template.json", nil).Text("unknownMember"))
		require.Equal(t, "hpirFull__1", office.Want(201, "POST", "/surveys/"+made.Text("id")+"/duplicate", nil).Text("survey_template_id"))

		order := office.Order(rig.JSON{"assignee": crew.Username, "tasks": []rig.JSON{{"name": "Front", "required_photos": rig.JSON{"before": 1}}, {"name": "PCR", "kind": "survey", "survey_id": "hpirfull"}}})
		id, task := order.Text("id"), order.Text("tasks", 1, "id")
		require.Equal(t, "hpirFull-v1", order.Text("tasks", 1, "survey_id"))
		office.WantField(422, "tasks[0].survey_id", "POST", "/work-orders", rig.NewOrder(rig.JSON{"tasks": []rig.JSON{{"name": "A", "survey_id": "nothing"}}}))
		changed := survey("hpirFull")
		changed["questions"] = []rig.JSON{{"id": "other", "answerType": "text"}}
		require.EqualValues(t, 2, office.Want(200, "PATCH", "/surveys/"+made.Text("id"), changed).Get("revision"))
		kept := crew.Want(200, "GET", "/work-orders/"+id+"/surveys", nil)
		require.Equal(t, "isVacant", kept.Text("items", 0, "template", "questions", 0, "id"), "the order keeps the revision that it was made with")

		path := "/work-orders/" + id + "/survey-responses"
		post := func(answers ...rig.JSON) rig.JSON {
			return rig.JSON{"uuid": uuid.NewString(), "task_id": task, "answers": answers}
		}
		front := crew.Upload(id, rig.JPEG(60, 40, 1), "task_id", order.Text("tasks", 0, "id"), "evidence_type", "before", "source", "mobile_camera").Text("uuid")
		for field, bad := range map[string]rig.JSON{
			"answers.isVacant":  post(answer("front", nil, front)),
			"answers.whoLives":  post(answer("isVacant", "No"), answer("front", nil, front)),
			"answers.front":     post(answer("isVacant", "Yes")),
			"answers.rooms":     post(answer("isVacant", "Yes"), answer("front", nil, front), answer("rooms", "many")),
			"answers.seenOn":    post(answer("isVacant", "Yes"), answer("front", nil, front), answer("seenOn", "soon")),
			"answers.condition": post(answer("isVacant", "Yes"), answer("front", nil, front), answer("condition", "So so")),
			"answers.systems":   post(answer("isVacant", "Yes"), answer("front", nil, front), answer("systems", []string{"Water", "Air"})),
			"answers.colour":    post(answer("isVacant", "Yes"), answer("front", nil, front), answer("colour", "red")),
		} {
			crew.WantField(422, field, "POST", path, bad)
		}
		require.Contains(t, string(crew.Want(409, "POST", "/work-orders/"+id+"/complete", nil).Body), "PCR")
		early := post(answer("isVacant", "y"), answer("front", nil, "a-photo-that-comes-later"))
		crew.Want(201, "POST", path, early)
		late := crew.Want(409, "POST", "/work-orders/"+id+"/complete", nil)
		require.Equal(t, "tasks[1].survey.front", late.Text("errors", 0, "field"), "its photo has not arrived")
		elsewhere := office.Order(rig.JSON{"assignee": crew.Username, "tasks": []rig.JSON{{"name": "Front"}}})
		stranger := crew.Upload(elsewhere.Text("id"), rig.JPEG(60, 40, 2), "task_id", elsewhere.Text("tasks", 0, "id"), "evidence_type", "before").Text("uuid")
		crew.Want(201, "POST", path, post(answer("isVacant", "y"), answer("front", nil, stranger)))
		late = crew.Want(409, "POST", "/work-orders/"+id+"/complete", nil)
		require.Equal(t, "tasks[1].survey.front", late.Text("errors", 0, "field"), "a photo of another order is none of this one")
		good := post(answer("isVacant", "No"), answer("whoLives", "The owner"), answer("rooms", 3), answer("systems", []string{"gas"}), answer("front", nil, front))
		first := crew.Want(201, "POST", path, good)
		require.Equal(t, first.Text("id"), crew.Want(200, "POST", path, good).Text("id"), "the same again is the same")
		other := rig.JSON{"uuid": good["uuid"], "task_id": task, "answers": []rig.JSON{answer("isVacant", "Yes"), answer("front", nil, front)}}
		crew.WantField(409, "uuid", "POST", path, other)
		require.Len(t, crew.Want(200, "GET", path, nil).List("items"), 3)
		require.Equal(t, "completed", crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil).Text("state"))
		require.EqualValues(t, 3, office.Want(200, "GET", "/work-orders/"+id, nil).Get("item_counts", "survey_responses"))
	})
}

func TestATemplateIsRefusedByItsQuestion(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		with := func(questions ...rig.JSON) rig.JSON {
			return rig.JSON{"meta": rig.JSON{"surveyTemplateId": "x", "name": "X"}, "questions": questions}
		}
		text := func(id string, more ...any) rig.JSON {
			q := rig.JSON{"id": id, "answerType": "text"}
			for i := 0; i+1 < len(more); i += 2 {
				q[more[i].(string)] = more[i+1]
			}
			return q
		}
		enable := func(ids ...string) []rig.JSON { return []rig.JSON{{"answer": "Yes", "enable": ids}} }
		for field, bad := range map[string]rig.JSON{
			"meta.surveyTemplateId":                {"meta": rig.JSON{"surveyTemplateId": "no hyphens-please", "name": "X"}, "questions": []rig.JSON{text("a")}},
			"meta.name":                            {"meta": rig.JSON{"surveyTemplateId": "x"}, "questions": []rig.JSON{text("a")}},
			"questions":                            with(),
			"questions[1].id":                      with(text("a"), text("a")),
			"questions[0].id":                      with(text("")),
			"questions[1].questions[0].answerType": with(text("a"), rig.JSON{"type": "section", "questions": []rig.JSON{{"id": "b", "answerType": "colour"}}}),
			"questions[0].answerOptions":           with(rig.JSON{"id": "a", "answerType": "select"}),
			"questions[0].triggers":                with(text("a", "triggers", enable("a"))),
			"questions[2].triggers":                with(text("b"), text("c"), text("a", "triggers", enable("nowhere"))),
		} {
			office.WantField(422, field, "POST", "/surveys", bad)
		}
		circle := office.WantField(422, "questions[0].triggers", "POST", "/surveys", with(text("a", "triggers", enable("b")), text("b", "triggers", enable("c")), text("c", "triggers", enable("a"))))
		require.Contains(t, string(circle.Body), "a enables b enables c enables a")
	})
}

func TestOptionsDecideWhatCompletes(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"options": rig.JSON{"required_photos": rig.JSON{"After": 1}, "allowed_sources": []string{"mobile_camera"}},
			"tasks": []rig.JSON{{"name": "A"}, {"name": "B", "options": rig.JSON{"before_min": "1", "after_min": 0, "check_in_required": "true", "allowed_sources": []string{"web_upload"}}}}})
		id := order.Text("id")
		complete := func() string {
			fields := []string{}
			for _, e := range crew.Do("POST", "/work-orders/"+id+"/complete", nil).List("errors") {
				fields = append(fields, e.(map[string]any)["field"].(string))
			}
			return strings.Join(fields, " ")
		}
		put := func(task int, evidence, source string) {
			office.Upload(id, rig.JPEG(30, 30, uint64(len(evidence)+len(source))), "task_id", order.Text("tasks", task, "id"), "evidence_type", evidence, "source", source)
		}
		require.Equal(t, "tasks[0].required_photos.after tasks[1].required_photos.before check_ins", complete())
		put(0, "after", "mobile_gallery")
		require.Equal(t, "tasks[0].required_photos.after tasks[0].options.allowed_sources tasks[1].required_photos.before check_ins", complete(), "a source that is not allowed does not count")
		put(0, "after", "mobile_camera")
		put(1, "before", "web_upload")
		require.Equal(t, "check_ins", complete())
		crew.Want(201, "POST", "/work-orders/"+id+"/check-ins", rig.JSON{"uuid": uuid.NewString(), "latitude": 1, "longitude": 2})
		require.Equal(t, "", complete())
		require.Equal(t, "completed", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"))
	})
}

func TestADrawnSignatureIsNoPhotoOfAWrongSource(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, o := crewWithOrder(t, in, rig.JSON{"options": rig.JSON{"allowed_sources": []string{"mobile_camera"}}, "tasks": []rig.JSON{{"name": "Hand over", "survey": rig.JSON{
			"meta": rig.JSON{"surveyTemplateId": "handOver", "name": "Hand over"}, "questions": []rig.JSON{{"id": "signed", "answerType": "signature", "required": true, "pictureMin": 1}}}}}})
		order, task := o.Text("id"), o.Text("tasks", 0, "id")
		signature := crew.Upload(order, rig.JPEG(1200, 480, 1), "task_id", task, "evidence_type", "signature", "source", "mobile_gallery").Text("uuid")
		crew.Want(201, "POST", "/work-orders/"+order+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": task, "answers": []rig.JSON{answer("signed", "Signed", signature)}})
		crew.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
		office.AwaitState(order, "completed")
	})
}
