package intake

import (
	"context"
	"encoding/json"
	"fmt"

	"fieldproof/models"
)

// CreateSurvey keeps a new survey with its template.
func (in *Intake) CreateSurvey(ctx context.Context, by *models.Member, sv *models.Survey, template json.RawMessage) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		if err := tx.SaveSurvey(sv, template); err != nil {
			return err
		}
		return made(tx, by, sv.Audited())
	})
}

// EditSurvey gives a survey another template, as its next revision: [models.Conflict] when somebody else has made one
// since sv was read.
func (in *Intake) EditSurvey(ctx context.Context, by *models.Member, sv *models.Survey, template json.RawMessage) (edited *models.Survey, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if edited, err = models.One[models.Survey](tx.Locked().Where("id = ? AND deleted_at IS NULL", sv.ID), "survey"); err != nil {
			return err
		}
		if edited.Revision != sv.Revision {
			return models.Errorf(models.Conflict, "Somebody else has just changed this survey: it is revision %d now. Look at it, and change it again.", edited.Revision)
		}
		before := edited.Audited()
		if err := tx.SaveSurvey(edited, template); err != nil {
			return err
		}
		return changed(tx, by, before, edited.Audited())
	})
	return edited, err
}

// DeleteSurvey deletes a survey; tasks keep the template that they were given.
func (in *Intake) DeleteSurvey(ctx context.Context, by *models.Member, id string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		sv, err := models.One[models.Survey](tx.Locked().Where(stands, id), "survey")
		if err != nil {
			return err
		}
		if err := tx.Model(&models.Survey{}).Where("id = ?", id).Update("deleted_at", models.Now()).Error; err != nil {
			return err
		}
		return taken(tx, by, sv.Audited())
	})
}

// DuplicateSurvey makes of sv a new one under the first free template id; newID gives each number its row's id.
func (in *Intake) DuplicateSurvey(ctx context.Context, by *models.Member, sv *models.Survey, newID func(n int) string) (*models.Survey, error) {
	template, err := models.TemplateOf(in.Store.Read(models.InAccount(ctx, by.AccountID)), sv.Hash)
	if err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		meta, err := json.Marshal(map[string]any{"meta": map[string]string{"surveyTemplateId": fmt.Sprintf("%s__%d", sv.TemplateID, n), "name": fmt.Sprintf("%s (%d)", sv.Name, n)}})
		if err != nil {
			return nil, err
		}
		text, err := models.MergeJSON(template, meta)
		if err != nil {
			return nil, err
		}
		copied := &models.Survey{ID: newID(n), AccountID: sv.AccountID}
		err = in.CreateSurvey(ctx, by, copied, text)
		if models.KindOf(err) != models.Conflict || n == mostDuplicates {
			return copied, err
		}
	}
}
