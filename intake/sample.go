package intake

import (
	"encoding/json"

	"fieldproof/models"
)

// What every new account begins with: an order, ready to be completed, with the work type that fills it and a survey.
// They teach the product by being used.

const (
	sampleSurvey   = "sampleInspection"
	sampleWorkType = "Sample: lawn cut"
)

// sampleTemplate is a survey with a question of each common kind, a trigger and a section.
func sampleTemplate() ([]byte, error) {
	type object = map[string]any
	return json.Marshal(object{
		"meta": object{"surveyTemplateId": sampleSurvey, "name": "Sample inspection", "version": 3.1},
		"questions": []object{
			{"id": "isOccupied", "question": "Is somebody living there?", "answerType": "yesNo", "required": true, "hint": "Look for lights, cars, a cut lawn.",
				"triggers": []object{{"answer": "Yes", "enable": []string{"whoAnswered"}}}},
			{"id": "whoAnswered", "question": "Who answered the door?", "answerType": "text", "hint": "Asked only when somebody lives there: the answer before enables this question."},
			{"type": "section", "question": "The lawn", "questions": []object{
				{"id": "height", "question": "How high was the grass, in inches?", "answerType": "number", "validation": object{"min": 0, "max": 100}},
				{"id": "condition", "question": "How does it look now?", "answerType": "select", "answerOptions": []string{"Good", "Fair", "Poor"}, "required": true},
				{"id": "hazards", "question": "What is in the way?", "answerType": "multiSelect", "answerOptions": []string{"Debris", "Pets", "Holes", "Nothing"}},
			}},
		},
	})
}

func sampleType() models.WorkTypeFields {
	reference, days := "SAMPLE", 7
	return models.WorkTypeFields{
		Name: sampleWorkType, Reference: &reference, DueInDays: &days,
		Instructions: "<p>Welcome. This is a sample order: complete it, and you have seen the product.</p><ol>" +
			"<li>Photograph the front of the house <b>before</b> and <b>after</b> the lawn is cut: the task asks for one photo of each, and the order can't be completed without them.</li>" +
			"<li>Answer the survey if you like: it shows each kind of question, and one that comes up only after a certain answer.</li>" +
			"<li>Press Complete. The office then reviews what you sent, approves and publishes it.</li></ol>",
		Tasks: []models.TaskFields{
			{Name: "Lawn cut", Instructions: "<p>Front and back yard, edges included.</p>", RequiredPhotos: map[string]int{"before": 1, "after": 1}},
			{Name: "Exterior inspection", Instructions: "<p>Any photos that you find useful. None is required.</p>"},
			{Name: "Condition report", Kind: models.SurveyTask, SurveyID: sampleSurvey, Instructions: "<p>A survey. It is voluntary here.</p>", Options: map[string]any{models.OptionSurvey: false}},
		},
	}
}

// makeSamples writes the survey and the work type, in the transaction that makes the account.
func makeSamples(tx *models.Tx, accountID string) error {
	template, err := sampleTemplate()
	if err != nil {
		return err
	}
	if err := tx.SaveSurvey(&models.Survey{ID: models.DerivedID("sample survey", accountID), AccountID: accountID}, template); err != nil {
		return err
	}
	return tx.SaveWorkType(&models.WorkType{ID: models.DerivedID("sample work type", accountID), AccountID: accountID, WorkTypeFields: sampleType()})
}

// samplePlace is where the sample order is: photos that its walk brings were taken around it.
var samplePlace = [2]float64{30.51, -97.68}

// newSampleOrder is the order that every new account begins with.
func newSampleOrder(by *models.Member) NewOrder {
	description := "Your first order. Assign it to a crew, add photos, complete, approve and publish it. It was filled by the work type " + sampleWorkType + "."
	return NewOrder{
		ID: models.DerivedID("sample order", by.AccountID), By: by, WorkType: sampleWorkType,
		Fields: models.WorkOrderFields{
			WorkOrderNumber: "SAMPLE-1",
			Address:         models.Address{Address1: "24 Larkspur Lane", City: "Round Rock", State: "TX", Zip: "78664", Country: "US"},
			Latitude:        &samplePlace[0],
			Longitude:       &samplePlace[1],
			Source:          models.Source{Provider: "Meridian Asset Services", WorkOrderNumber: "FC-88120-3"},
			WorkOrderInfo:   "Gate code 0000 (a sample)",
			Description:     &description,
		},
	}
}
