package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"fieldproof/intake"
	"fieldproof/models"
)

func (s *Server) surveyRoutes() []route {
	view, edit := with(models.CreateOrders), with(models.ManageAccount)
	return []route{
		get("/surveys", view, "The survey templates of the account, newest first", s.listSurveys),
		define(http.MethodPost, "/surveys", edit, http.StatusCreated, "Make, or import, a survey template: {meta, questions}", s.createSurvey).reads("new survey"),
		get("/surveys/:id", view, "A survey template", func(c *call) (models.SurveyView, error) {
			sv, err := c.survey()
			if err != nil {
				return models.SurveyView{}, err
			}
			return c.showSurvey(sv)
		}),
		patch[models.SurveyTemplate]("/surveys/:id", edit, "Change a survey template: a new revision; orders keep the one that they were made with", s.patchSurvey).reads("new survey"),
		remove("/surveys/:id", edit, "Delete a survey template; orders keep theirs", s.deleteSurvey),
		define(http.MethodPost, "/surveys/:id/duplicate", edit, http.StatusCreated, "Make a new survey template with the same questions", s.duplicateSurvey),
		get("/surveys/:id/template.json", view, "The template alone, to be imported elsewhere", func(c *call) (json.RawMessage, error) {
			sv, err := c.survey()
			if err != nil {
				return nil, err
			}
			c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.json"`, models.SafeName(sv.TemplateID)))
			return models.TemplateOf(c.server.Store.Read(c.ctx()), sv.Hash)
		}).writes("survey"),
	}
}

func (c *call) survey() (*models.Survey, error) {
	return models.One[models.Survey](c.server.Store.Read(c.ctx()).Where("id = ? AND deleted_at IS NULL", c.Param("id")), "survey")
}

func (c *call) showSurvey(sv *models.Survey) (models.SurveyView, error) {
	template, err := models.TemplateOf(c.server.Store.Read(c.ctx()), sv.Hash)
	return models.SurveyView{ID: sv.ID, SurveyTemplateID: sv.TemplateID, Reference: sv.Reference(), Name: sv.Name, Revision: sv.Revision, Template: template, CreatedAt: sv.CreatedAt, UpdatedAt: sv.UpdatedAt}, err
}

func (s *Server) listSurveys(c *call) (list[models.SurveyView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.SurveyView]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("deleted_at IS NULL").Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.Survey
	if err := q.Find(&rows).Error; err != nil {
		return list[models.SurveyView]{}, err
	}
	return pageByID(rows, limit, at, func(sv *models.Survey) string { return sv.ID }, func(sv *models.Survey) models.SurveyView {
		view, failed := c.showSurvey(sv)
		if failed != nil {
			err = failed
		}
		return view
	}), err
}

// templateIn is the template of a body: the body itself, or its member template.
func templateIn(body json.RawMessage) json.RawMessage {
	var wrapped struct {
		Template json.RawMessage `json:"template"`
	}
	if json.Unmarshal(body, &wrapped) == nil && len(wrapped.Template) > 0 && wrapped.Template[0] == '{' {
		return wrapped.Template
	}
	return body
}

func (s *Server) createSurvey(c *call, body json.RawMessage) (models.SurveyView, error) {
	sv := &models.Survey{ID: c.newID("survey"), AccountID: c.member.AccountID}
	if err := s.Intake.CreateSurvey(c.ctx(), c.member, sv, templateIn(body)); err != nil {
		return models.SurveyView{}, err
	}
	c.Header("Location", "/api/v1/surveys/"+sv.ID)
	return c.showSurvey(sv)
}

func (s *Server) patchSurvey(c *call, patch mergePatch) (models.SurveyView, error) {
	sv, err := c.survey()
	if err != nil {
		return models.SurveyView{}, err
	}
	template, err := models.TemplateOf(s.Store.Read(c.ctx()), sv.Hash)
	if err != nil {
		return models.SurveyView{}, err
	}
	if _, err := members(patch); err != nil {
		return models.SurveyView{}, err
	}
	if change := templateIn(json.RawMessage(patch)); len(change) > 0 {
		if template, err = models.MergeJSON(template, change); err != nil {
			return models.SurveyView{}, err
		}
	}
	sv, err = s.Intake.EditSurvey(c.ctx(), c.member, sv, template)
	if err != nil {
		return models.SurveyView{}, err
	}
	return c.showSurvey(sv)
}

func (s *Server) deleteSurvey(c *call) error {
	sv, err := c.survey()
	if err != nil {
		return err
	}
	return s.Intake.DeleteSurvey(c.ctx(), c.member, sv.ID)
}

func (s *Server) duplicateSurvey(c *call, _ nothing) (models.SurveyView, error) {
	sv, err := c.survey()
	if err != nil {
		return models.SurveyView{}, err
	}
	copied, err := s.Intake.DuplicateSurvey(c.ctx(), c.member, sv, func(n int) string { return c.newID(fmt.Sprint("survey", n)) })
	if err != nil {
		return models.SurveyView{}, err
	}
	return c.showSurvey(copied)
}

// NewSurveyResponse hands in the answers to a survey (contract: survey-responses).
type NewSurveyResponse struct {
	UUID     string          `json:"uuid" required:"true" example:"0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"`
	SurveyID string          `json:"survey_id,omitempty"`
	TaskID   string          `json:"task_id,omitempty"`
	Answers  json.RawMessage `json:"answers" as:"answers"`
	At       *models.Time    `json:"at,omitempty"`
	Device   string          `json:"device,omitempty"`

	Source models.ItemSource `json:"source,omitempty" words:"upload_source"` // mobile_camera when it is left out
}

// TaskSurvey is the survey of a task, with answers to begin from when it was sent back.
type TaskSurvey struct {
	TaskID   string          `json:"task_id"`
	SurveyID string          `json:"survey_id"`
	Template json.RawMessage `json:"template" as:"survey"`
	Answers  json.RawMessage `json:"answers" as:"answers"`
}

func (s *Server) surveyResponseRoutes() []route {
	return []route{
		get("/work-orders/:id/surveys", anyMember, "The surveys of a work order's tasks, as the order keeps them", s.taskSurveys),
		get("/work-orders/:id/survey-responses", anyMember, "The survey responses of a work order, newest first; the latest of a task counts", s.listResponses),
		define(http.MethodPost, "/work-orders/:id/survey-responses", with(models.UploadItems), http.StatusCreated, "Hand in the answers to a survey", s.createResponse).repeatable(),
	}
}

func (s *Server) taskSurveys(c *call) (list[TaskSurvey], error) {
	page := list[TaskSurvey]{Items: []TaskSurvey{}}
	o, err := c.order()
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	tasks, err := models.TasksOf(db, o.ID)
	if err != nil {
		return page, err
	}
	for _, t := range tasks[o.ID] {
		if t.SurveyHash == "" {
			continue
		}
		template, err := models.TemplateOf(db, t.SurveyHash)
		if err != nil {
			return page, err
		}
		answers := json.RawMessage(t.SurveyAnswers)
		if len(answers) == 0 {
			answers = json.RawMessage("[]")
		}
		page.Items = append(page.Items, TaskSurvey{t.ID, t.SurveyID, template, answers})
	}
	return page, nil
}

func (s *Server) listResponses(c *call) (list[models.SurveyResponseView], error) {
	return listItems(c, models.SurveyResponse, (*models.Item).ResponseView)
}

func (s *Server) createResponse(c *call, in NewSurveyResponse) (models.SurveyResponseView, error) {
	o, err := s.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	if err != nil {
		return models.SurveyResponseView{}, err
	}
	answers, err := models.ParseAnswers(in.Answers)
	if err != nil {
		return models.SurveyResponseView{}, err
	}
	if err := c.checkResponse(o, &in, answers); err != nil {
		return models.SurveyResponseView{}, err
	}
	source, err := sourceOf(in.Source)
	if err != nil {
		return models.SurveyResponseView{}, err
	}
	kept, err := json.Marshal(answers)
	if err != nil {
		return models.SurveyResponseView{}, err
	}
	at := in.At
	if at == nil {
		at = ptr(models.Now())
	}
	item, made, err := s.Intake.AcceptItem(c.ctx(), intake.NewItem{OrderID: o.ID, Kind: models.SurveyResponse, UUID: in.UUID, TaskID: in.TaskID, SurveyID: in.SurveyID, TakenAt: at,
		Source: source, Device: in.Device, By: c.member, Answers: string(kept)}, nil)
	if err != nil {
		return models.SurveyResponseView{}, err
	}
	if !made {
		c.status = http.StatusOK
	}
	return item.ResponseView(c.member.Alone()), nil
}

// checkResponse finds the survey that is answered, by task or by its id, and validates the answers against it. The request
// is completed by what was found.
func (c *call) checkResponse(o *models.WorkOrder, in *NewSurveyResponse, answers []models.SurveyAnswer) error {
	db := c.server.Store.Read(c.ctx())
	all, err := models.TasksOf(db, o.ID)
	if err != nil {
		return err
	}
	hash := ""
	for _, t := range all[o.ID] {
		if t.SurveyHash != "" && ((in.TaskID != "" && t.ID == in.TaskID) || (in.TaskID == "" && in.SurveyID != "" && t.SurveyID == in.SurveyID)) {
			in.TaskID, hash = t.ID, t.SurveyHash
			if in.SurveyID == "" {
				in.SurveyID = t.SurveyID
			}
			break
		}
	}
	if hash == "" {
		if in.SurveyID == "" {
			return models.InvalidField("survey_id", "Name the survey that is answered, or the task that asks for it.")
		}
		sv, found, _, err := models.FindSurvey(db, in.SurveyID)
		if models.KindOf(err) == models.NotFound {
			return models.InvalidField("survey_id", "The account has no survey %q.", in.SurveyID)
		}
		if err != nil {
			return err
		}
		hash = found
		if found == sv.Hash {
			in.SurveyID = sv.Reference()
		}
	}
	raw, err := models.TemplateOf(db, hash)
	if err != nil {
		return err
	}
	template, err := models.ParseSurvey(raw)
	if err != nil {
		return err
	}
	return template.CheckAnswers(answers)
}
