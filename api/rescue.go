package api

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"reflect"
	"time"

	"fieldproof/intake"
	"fieldproof/models"
)

func (s *Server) rescueRoutes() []route {
	bring := stream(http.MethodPost, "/rescues", with(models.UploadItems), "Bring a file with what a phone could not send", "", s.bringRescue).
		fills(formOf("The rescue file: ZIP, at most 40 MB", rescueParts)).gives(reflect.TypeFor[models.RescueView]())
	bring.status = http.StatusAccepted
	return []route{
		bring,
		get("/rescues/:id", anyMember, "A rescue file, and what became of each item in it", func(c *call) (models.RescueView, error) {
			r, err := models.One[models.Rescue](s.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "rescue file")
			if err != nil {
				return models.RescueView{}, err
			}
			if !c.member.SeesRescue(r) {
				return models.RescueView{}, models.Errorf(models.NotFound, "There is no such rescue file.")
			}
			return c.showRescue(r)
		}),
	}
}

// rescueParts are the parts beside a rescue file.
var rescueParts = []part[intake.RescueFile]{
	textPart("work_order_id", func(f *intake.RescueFile) *string { return &f.OrderID }).saying("Where items go whose own order is not known here, because it was made on the phone."),
}

func (c *call) showRescue(r *models.Rescue) (models.RescueView, error) {
	db := c.server.Store.Read(c.ctx())
	var items []models.RescueItem
	if err := db.Where("rescue_id = ?", r.ID).Order("position").Find(&items).Error; err != nil {
		return models.RescueView{}, err
	}
	users, err := models.PeopleOf(db, []string{r.BroughtBy, r.ClaimedBy})
	return r.View(items, users), err
}

func (s *Server) bringRescue(c *call) (any, error) {
	body := &patientReader{r: c.Request.Body, control: http.NewResponseController(c.Writer)}
	c.Request.Body = body
	f, err := c.readRescue()
	if f.Path != "" {
		defer func() { _ = os.Remove(f.Path) }()
	}
	if err != nil {
		return nil, err
	}
	// What is not done in time the sweeper goes on with: the answer says what waits.
	left := answersWithin - rescueAnswers - time.Since(body.last)
	defer c.within(left)()
	if err := c.authorise(); err != nil {
		return nil, err // the session ended while the bytes came
	}
	whole := c.Request
	r, err := s.Intake.Rescue(c.ctx(), *f, c.member)
	if err != nil {
		return nil, err
	}
	c.Request = whole.WithContext(detached(whole.Context()))
	defer c.within(rescueAnswers)()
	c.Header("Location", "/api/v1/rescues/"+r.ID)
	return c.showRescue(r)
}

// rescueAnswers is how much of the time for an answer is left for what it says.
const rescueAnswers = 2 * time.Second

// readRescue reads the parts of a request in any order, the file to the disk. What it returns may have to be removed, also when
// it fails.
func (c *call) readRescue() (*intake.RescueFile, error) {
	f := &intake.RescueFile{}
	parts, err := c.Request.MultipartReader()
	if err != nil {
		return f, models.Errorf(models.Malformed, "Send the rescue file as multipart/form-data, in a part named file.")
	}
	var problems models.Problems
	for count := 0; ; count++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || count == maxParts {
			if large := tooLarge(err); large != nil {
				return f, large
			}
			return f, &models.Error{Kind: models.Malformed, Message: "The upload broke off or is no multipart/form-data: send it again.", Cause: err}
		}
		if part.FormName() == "file" {
			if err := saveRescue(f, part); err != nil {
				return f, err
			}
			continue
		}
		text, err := readPart(part)
		if err != nil {
			return f, err
		}
		setPart(rescueParts, f, part.FormName(), text, &problems)
	}
	if f.Path == "" {
		problems.Add("file", "Send the rescue file in a part named file.").Code = models.CodeRequired
	}
	return f, problems.Err()
}

func saveRescue(f *intake.RescueFile, part *multipart.Part) error {
	if f.Path != "" {
		return models.InvalidField("file", "Send one file at a time.")
	}
	file, err := os.CreateTemp("", "fieldproof-rescue-")
	if err != nil {
		return err
	}
	f.Path, f.Name = file.Name(), part.FileName()
	n, err := io.Copy(file, io.LimitReader(part, intake.MaxRescue+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return brokenOff(err)
	}
	if n > intake.MaxRescue {
		return models.Errorf(models.TooLarge, "The file is larger than %d MB: a rescue file has at most 40.", intake.MaxRescue>>20)
	}
	return nil
}
