package api

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fieldproof/intake"
	"fieldproof/models"
)

// Announcements tell of photos that are on a phone, a row each: what stands in a column, its name says.
type Announcements struct {
	Device  string   `json:"device"` // the id of the phone
	Columns []string `json:"columns" required:"true" words:"announcement_column"`
	Rows    [][]any  `json:"rows" required:"true"` // at most 500
}

// AnnouncedRows says what became of each row.
type AnnouncedRows struct {
	Results []models.Announced `json:"results"`
}

func (s *Server) announcementRoutes() []route {
	return []route{
		define(http.MethodPost, "/announcements", with(models.UploadItems), http.StatusOK, "Tell of photos that are on your phone, before their bytes come; each row is taken or refused by itself", s.announce).named("announce"),
		remove("/announcements/:uuid", with(models.UploadItems), "Withdraw what you announced: the photo was deleted on the phone", func(c *call) error {
			return s.Intake.Withdraw(c.ctx(), c.member, c.Param("uuid"))
		}).named("withdrawAnnouncement"),
		get("/work-orders/:id/announcements", anyMember, "Photos of a work order that are on phones, or were lost with them, newest first: to the office all, to others their own", s.listAnnouncements, "state").named("listAnnouncements"),
	}
}

// announcementColumns put what stands in a row where it goes; what they return says what is wrong.
var announcementColumns = map[string]func(n *intake.NewAnnouncement, v any) (wrong string){
	"uuid":          textColumn(func(n *intake.NewAnnouncement) *string { return &n.UUID }),
	"work_order_id": textColumn(func(n *intake.NewAnnouncement) *string { return &n.OrderID }),
	"task_id":       textColumn(func(n *intake.NewAnnouncement) *string { return &n.TaskID }),
	"evidence_type": textColumn(func(n *intake.NewAnnouncement) *string { return &n.EvidenceType }),
	"notes":         textColumn(func(n *intake.NewAnnouncement) *string { return &n.Notes }),
	"shot":          textColumn(func(n *intake.NewAnnouncement) *string { return &n.Shot }),
	"source": func(n *intake.NewAnnouncement, v any) string {
		text, is := v.(string)
		if v == nil {
			return ""
		}
		n.Source = models.ItemSource(text)
		return wrongUnless(is, "a text")
	},
	"sha256": func(n *intake.NewAnnouncement, v any) string {
		text, _ := v.(string)
		sum, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		n.SHA256 = hex.EncodeToString(sum)
		return wrongUnless(err == nil && len(sum) == 32, "the 32 bytes of a SHA-256 in base64url")
	},
	"size": func(n *intake.NewAnnouncement, v any) string {
		number, is := whole64(v)
		n.Size = number
		return wrongUnless(is, "a whole number")
	},
	"taken_at": func(n *intake.NewAnnouncement, v any) string {
		if v == nil {
			return ""
		}
		ms, is := whole64(v)
		at := time.UnixMilli(ms).UTC()
		if is = is && models.Keepable(at); is {
			n.TakenAt = ptr(models.At(at))
		}
		return wrongUnless(is, "milliseconds since 1970")
	},
	"offset_ms": func(n *intake.NewAnnouncement, v any) string {
		if v == nil {
			return ""
		}
		ms, is := whole64(v)
		n.OffsetMS = &ms
		return wrongUnless(is, "milliseconds")
	},
	"latitude":  numberColumn(func(n *intake.NewAnnouncement) **float64 { return &n.Position.Latitude }),
	"longitude": numberColumn(func(n *intake.NewAnnouncement) **float64 { return &n.Position.Longitude }),
	"accuracy":  numberColumn(func(n *intake.NewAnnouncement) **float64 { return &n.Position.Accuracy }),
}

func wrongUnless(right bool, want string) string {
	if right {
		return ""
	}
	return "Want " + want + "."
}

// whole64 is a JSON number that is whole.
func whole64(v any) (int64, bool) {
	f, is := v.(float64)
	if !is || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func textColumn(of func(*intake.NewAnnouncement) *string) func(*intake.NewAnnouncement, any) string {
	return func(n *intake.NewAnnouncement, v any) string {
		text, is := v.(string)
		*of(n) = text
		return wrongUnless((is && models.PlainText(text)) || v == nil, "plain text")
	}
}

func numberColumn(of func(*intake.NewAnnouncement) **float64) func(*intake.NewAnnouncement, any) string {
	return func(n *intake.NewAnnouncement, v any) string {
		if v == nil {
			return ""
		}
		number, is := v.(float64)
		*of(n) = &number
		return wrongUnless(is, "a number")
	}
}

func (s *Server) announce(c *call, in Announcements) (AnnouncedRows, error) {
	var p models.Problems
	if len(in.Device) > 300 {
		p.Add("device", "At most 300 characters.")
	}
	if len(in.Rows) == 0 {
		p.Add("rows", "Give a row for each photo, as columns names its values.").Code = models.CodeRequired
	}
	if len(in.Rows) > models.MostAnnounced {
		p.Add("rows", "At most %d photos at once: announce the others by another call.", models.MostAnnounced)
	}
	for i, name := range in.Columns {
		if announcementColumns[name] == nil {
			p.Add(fmt.Sprintf("columns[%d]", i), "There is no column %q; choose from %v.", name, models.AnnouncementColumns).Code = models.CodeUnknown
		} else if slices.Index(in.Columns, name) < i {
			p.Add(fmt.Sprintf("columns[%d]", i), "The column %s is there twice.", name)
		}
	}
	if err := p.Err(); err != nil {
		return AnnouncedRows{}, err
	}
	rows := make([]intake.NewAnnouncement, len(in.Rows))
	for i, values := range in.Rows {
		n := &rows[i]
		n.Source = models.MobileCamera
		if len(values) != len(in.Columns) {
			n.Problems.Add("rows", "The row has %d values for %d columns.", len(values), len(in.Columns))
			continue
		}
		for k, name := range in.Columns {
			if wrong := announcementColumns[name](n, values[k]); wrong != "" {
				n.Problems.Add(name, "%s", wrong).Code = models.CodeWrongType
			}
		}
	}
	results, err := s.Intake.Announce(c.ctx(), c.member, in.Device, rows)
	return AnnouncedRows{Results: results}, err
}

func (s *Server) listAnnouncements(c *call) (list[models.AnnouncementView], error) {
	page := list[models.AnnouncementView]{Items: []models.AnnouncementView{}}
	if err := c.knownQuery(); err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	states := models.ListOf(c.Request.URL.Query()["state"])
	for _, state := range states {
		if !slices.Contains(models.AnnouncementStates, state) {
			return page, badParameter("state", fmt.Sprintf("Choose from %v.", models.AnnouncementStates))
		}
	}
	if len(states) == 0 {
		states = []string{models.AnnouncementOpen, models.AnnouncementLost}
	}
	o, err := s.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	if err != nil {
		return page, err
	}
	if o.Lifecycle.Hidden {
		return page, models.Errorf(models.NotFound, "There is no such work order.")
	}
	db := s.Store.Read(c.ctx())
	q := c.member.AnnouncementsSeen(db.Where("announcements.work_order_id = ? AND announcements.state IN ?", o.ID, states)).Order("announcements.id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("announcements.id < ?", at.After)
	}
	var rows []*models.Announcement
	if err := q.Find(&rows).Error; err != nil {
		return page, err
	}
	views, err := models.ViewAnnouncements(db, rows...)
	if err != nil {
		return page, err
	}
	for i := range rows {
		if i == limit {
			at.After = rows[limit-1].ID
			page.NextCursor = at.text()
			break
		}
		page.Items = append(page.Items, views[i])
	}
	return page, nil
}

// wholePart is a whole number of a form.
func wholePart[T any](name string, of func(*T) **int64) part[T] {
	return part[T]{name: name, holds: huma.Schema{Type: huma.TypeInteger, Format: "int64"}, set: func(to *T, text string) string {
		if text == "" {
			return ""
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Sprintf("%q is no whole number.", text)
		}
		*of(to) = &v
		return ""
	}}
}
