package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"fieldproof/archives"
	"fieldproof/models"
	"fieldproof/reports"
)

func (s *Server) resultRoutes() []route {
	return []route{
		stream(http.MethodGet, "/work-orders/:id/report.pdf", anyMember, "The report as PDF, as the order stands now; long ones come in parts", "application/pdf", s.report, "layout", "part").heads(PartsHeader),
		stream(http.MethodGet, "/work-orders/:id/archive.zip", anyMember, "Every original in folders, with a manifest", "application/zip", s.archive).ranged(),
		get("/work-orders/:id/publications", with(models.ViewPublications), "The publications of a work order with their deliveries, newest first", s.listPublications),
		get("/work-orders/:id/publishable", with(models.PublishOrders), "What a publication would release now, and what each destination lacks of it", s.publishable, "item_ids"),
		get("/work-orders/:id/messages", with(models.ViewPublications), "What goes and went to the systems of clients, newest first", s.listClientMessages),
		get("/deliveries/:id", with(models.ViewPublications), "A delivery with its attempts", s.readDelivery),
		define(http.MethodPost, "/deliveries/:id/retry", with(models.RetryDeliveries), http.StatusAccepted, "Try a delivery again now", s.retryDelivery),
	}
}

// proof is what a report or an archive of the address's order shows to the member.
func (c *call) proof() (*models.Proof, error) {
	o, err := c.order()
	if err != nil {
		return nil, err
	}
	proof, err := models.ProofOf(c.server.Store.Read(c.ctx()), o.ID, nil, c.member.Audience())
	return proof, err
}

func (s *Server) report(c *call) (any, error) {
	proof, err := c.proof()
	if err != nil {
		return nil, err
	}
	content, err := s.Reports.Of(c.ctx(), proof, nil)
	if err != nil {
		return nil, err
	}
	return nil, c.sendReport(c.ctx(), content, models.SafeName(proof.Order.DisplayNumber()))
}

// PartsHeader says in how many parts a report comes; ?part=2 asks for the second.
const PartsHeader = "Fieldproof-Report-Parts"

// sendReport answers with a report, of the layout and part that the address asks for.
func (c *call) sendReport(ctx context.Context, content *reports.Content, name string) error {
	layout, err := c.number("layout", 0)
	if err != nil {
		return err
	}
	part, err := c.number("part", 0)
	if err != nil {
		return err
	}
	if err := content.Choose(int(min(layout, 1000)), int(min(part, 1_000_000))); err != nil {
		return err
	}
	parts := content.Parts()
	if parts > 1 {
		name = fmt.Sprintf("%s_part%d", name, content.Part)
	}
	c.Header(PartsHeader, strconv.Itoa(parts))
	c.Header("Content-Type", "application/pdf")
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.pdf"`, name))
	return c.server.Reports.Write(ctx, c.started(), content)
}

func (s *Server) archive(c *call) (any, error) {
	proof, err := c.proof()
	if err != nil {
		return nil, err
	}
	file, err := s.Archives.Of(c.ctx(), proof, "")
	if err != nil {
		return nil, err
	}
	return nil, c.sendArchive(file, models.SafeName(proof.Order.DisplayNumber()))
}

// sendArchive answers with an archive. Ranges work, and cost only what they send.
func (c *call) sendArchive(file *archives.File, name string) error {
	defer file.Close()
	c.Header("Content-Type", "application/zip")
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.zip"`, name))
	c.Header("ETag", file.ETag)
	c.written = true
	watched := &watchedReader{File: file}
	http.ServeContent(c.Writer, c.Request, "", file.Modified, watched)
	return watched.err
}

// watchedReader remembers what ended a read: http.ServeContent keeps it for itself.
type watchedReader struct {
	*archives.File
	err error
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.File.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// started is the answer's body: once something is written to it, an error can only break the answer off.
func (c *call) started() io.Writer { return &startedWriter{c} }

type startedWriter struct{ c *call }

func (w *startedWriter) Write(b []byte) (int, error) {
	w.c.written = true
	return w.c.Writer.Write(b)
}

func (s *Server) listPublications(c *call) (list[models.PublicationView], error) {
	page := list[models.PublicationView]{Items: []models.PublicationView{}}
	o, err := c.order()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	publications, next, err := newest(db.Where("work_order_id = ?", o.ID), "number", limit, at, func(p *models.Publication) int64 { return p.Number })
	if err != nil {
		return page, err
	}
	page.NextCursor = next
	for _, p := range publications {
		view, err := models.ViewPublication(db, p)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, view)
	}
	return page, nil
}

// DeliveryDetail is a delivery with its attempts, oldest first.
type DeliveryDetail struct {
	models.DeliveryView
	AttemptLog []models.Attempt `json:"attempt_log"`
}

func (c *call) delivery() (*models.Delivery, error) {
	return models.One[models.Delivery](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "delivery")
}

func (c *call) showDelivery(d *models.Delivery) (DeliveryDetail, error) {
	db := c.server.Store.Read(c.ctx())
	views, err := models.ViewDeliveries(db, []models.Delivery{*d})
	if err != nil {
		return DeliveryDetail{}, err
	}
	detail := DeliveryDetail{DeliveryView: views[0], AttemptLog: []models.Attempt{}}
	return detail, db.Where("delivery_id = ?", d.ID).Order("id").Limit(1000).Find(&detail.AttemptLog).Error
}

func (s *Server) readDelivery(c *call) (DeliveryDetail, error) {
	d, err := c.delivery()
	if err != nil {
		return DeliveryDetail{}, err
	}
	return c.showDelivery(d)
}

func (s *Server) retryDelivery(c *call, _ nothing) (DeliveryDetail, error) {
	d, err := c.delivery()
	if err != nil {
		return DeliveryDetail{}, err
	}
	if err := s.Intake.RetryDelivery(c.ctx(), c.member, d); err != nil {
		return DeliveryDetail{}, err
	}
	c.Header("Location", "/api/v1/deliveries/"+d.ID)
	return c.showDelivery(d)
}

// ClientMessageView is an item or a status on its way to a client's system.
type ClientMessageView struct {
	ID            string                `json:"id"`
	Kind          string                `json:"kind" words:"client_message_kind"`
	Destination   models.DestinationRef `json:"destination"`
	ItemID        string                `json:"item_id"`
	DeliveryID    *string               `json:"delivery_id"` // of the publication that released it
	State         string                `json:"state" words:"delivery_state"`
	Attempts      int64                 `json:"attempts"`
	LastError     string                `json:"last_error"` // in the peer's words
	NextAttemptAt *models.Time          `json:"next_attempt_at"`
	DeliveredAt   *models.Time          `json:"delivered_at"`
	CreatedAt     models.Time           `json:"created_at"`
}

func (s *Server) listClientMessages(c *call) (list[ClientMessageView], error) {
	page := list[ClientMessageView]{Items: []ClientMessageView{}}
	o, err := c.order()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	rows, next, err := newest(db.Where("work_order_id = ?", o.ID), "seq", limit, at, func(m *models.ClientMessage) int64 { return m.Seq })
	if err != nil {
		return page, err
	}
	page.NextCursor = next
	named := map[string]models.DestinationRef{}
	for _, m := range rows {
		ref, known := named[m.DestinationID]
		if !known {
			d, err := models.One[models.Destination](db.Where("id = ?", m.DestinationID), "destination")
			if err != nil {
				return page, err
			}
			ref = models.DestinationRef{ID: d.ID, Name: d.Name, Kind: d.Kind}
			named[m.DestinationID] = ref
		}
		page.Items = append(page.Items, ClientMessageView{m.ID, m.Kind, ref, m.ItemID, m.DeliveryID, m.State, m.Attempts, m.LastError, m.NextAttemptAt, m.DeliveredAt, m.CreatedAt})
	}
	return page, nil
}

// mostChosen is how many items a publication may be asked about by their ids, in an address of some 8 kB.
const mostChosen = 200

func (s *Server) publishable(c *call) (*models.Publishable, error) {
	if err := c.knownQuery(); err != nil {
		return nil, err
	}
	chosen := models.ListOf(c.Request.URL.Query()["item_ids"])
	if len(chosen) > mostChosen {
		return nil, badParameter("item_ids", fmt.Sprintf("At most %d ids.", mostChosen))
	}
	o, err := c.order()
	if err != nil {
		return nil, err
	}
	account, err := s.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	db := s.Store.Read(c.ctx())
	terms, err := models.TermsOf(db, o, account)
	if err != nil {
		return nil, err
	}
	return models.ShowPublishable(db, o, terms, chosen)
}
