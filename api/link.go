package api

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"fieldproof/archives"
	"fieldproof/mails"
	"fieldproof/models"
)

// CommentFields are what a member may write of a comment.
type CommentFields struct {
	ItemID string `json:"item_id,omitempty"`
	Text   string `json:"text" required:"true"`
	Inside bool   `json:"inside,omitempty"` // for the account alone
}

func (s *Server) linkRoutes() []route {
	view, share := with(models.ViewPublications), with(models.PublishOrders)
	return []route{
		get("/work-orders/:id/links", view, "The secure web links of a work order, newest first", s.listLinks),
		define(http.MethodPost, "/work-orders/:id/links", share, http.StatusCreated, "Make a secure web link; its url is shown once", s.createLink),
		get("/links/:id", view, "A secure web link", func(c *call) (models.LinkView, error) {
			l, err := c.link()
			if err != nil {
				return models.LinkView{}, err
			}
			return c.showLink(l, "")
		}),
		remove("/links/:id", share, "Revoke a secure web link", s.revokeLink),
		get("/links/:id/views", view, "Who looked at a secure web link, newest first", s.listLinkViews),
		get("/work-orders/:id/comments", view, "Comments on a work order, newest first", s.listComments),
		define(http.MethodPost, "/work-orders/:id/comments", with(models.UploadItems), http.StatusCreated,
			"Say something of an order: links that allow comments show what the office says, unless it is inside; what the field says stays inside", s.createComment),
	}
}

func (c *call) link() (*models.Link, error) {
	return models.One[models.Link](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "link")
}

func (c *call) showLink(l *models.Link, url string) (models.LinkView, error) {
	users, err := models.PeopleOf(c.server.Store.Read(c.ctx()), []string{l.CreatedBy})
	return l.View(users[l.CreatedBy], url), err
}

func (s *Server) listLinks(c *call) (list[models.LinkView], error) {
	o, err := c.order()
	if err != nil {
		return list[models.LinkView]{}, err
	}
	limit, at, err := c.page()
	if err != nil {
		return list[models.LinkView]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("work_order_id = ?", o.ID).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.Link
	if err := q.Find(&rows).Error; err != nil {
		return list[models.LinkView]{}, err
	}
	users, err := models.PeopleOfRows(s.Store.Read(c.ctx()), rows, func(l **models.Link) string { return (*l).CreatedBy })
	return pageByID(rows, limit, at, func(l *models.Link) string { return l.ID }, func(l *models.Link) models.LinkView { return l.View(users[l.CreatedBy], "") }), err
}

func (s *Server) createLink(c *call, in models.LinkFields) (models.LinkView, error) {
	o, err := c.order()
	if err != nil {
		return models.LinkView{}, err
	}
	l, token, err := s.Intake.CreateLink(c.ctx(), c.member, o, in)
	if err != nil {
		return models.LinkView{}, err
	}
	c.Header("Location", "/api/v1/links/"+l.ID)
	view, err := c.showLink(l, s.PublicURL+"/s/"+token)
	if err == nil && len(in.MailTo) > 0 {
		all := s.mailed(c, in.MailTo, func(by string, account *models.Account, logo []byte) *mails.Message {
			return mails.Shared{Account: account, Logo: logo, By: by, Order: o.For(models.ForClient), Link: view.URL, Password: view.HasPassword, Fields: in, Message: in.Message}.Mail()
		})
		view.Mailed = &all
	}
	return view, err
}

func (s *Server) revokeLink(c *call) error {
	l, err := c.link()
	if err != nil {
		return err
	}
	return s.Intake.RevokeLink(c.ctx(), c.member, l.ID)
}

func (s *Server) listLinkViews(c *call) (list[models.LinkViewRow], error) {
	page := list[models.LinkViewRow]{Items: []models.LinkViewRow{}}
	l, err := c.link()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	rows, next, err := newest(s.Store.Read(c.ctx()).Where("link_id = ?", l.ID), "id", limit, at, func(v *models.LinkViewRow) int64 { return v.ID })
	page.Items, page.NextCursor = append(page.Items, rows...), next
	return page, err
}

func (s *Server) listComments(c *call) (list[models.Comment], error) {
	o, err := c.order()
	if err != nil {
		return list[models.Comment]{}, err
	}
	limit, at, err := c.page()
	if err != nil {
		return list[models.Comment]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("work_order_id = ?", o.ID).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []models.Comment
	err = q.Find(&rows).Error
	return pageByID(rows, limit, at, func(c models.Comment) string { return c.ID }, func(c models.Comment) models.Comment { return c }), err
}

func (s *Server) createComment(c *call, in CommentFields) (models.Comment, error) {
	// A note may come from a phone that was offline while the order was given to somebody else.
	o, err := s.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	if err != nil {
		return models.Comment{}, err
	}
	id := models.NewID()
	if c.repeatable != "" {
		id = models.DerivedID(c.repeatable, "comment")
	}
	comment := models.Comment{ID: id, AccountID: o.AccountID, WorkOrderID: o.ID, ItemID: in.ItemID, Author: c.member.Called(), Text: in.Text,
		Inside: in.Inside || c.may(models.ViewPublications) != nil, At: models.Now()}
	return comment, s.Intake.KeepComment(c.ctx(), &comment)
}

// sharedRoutes are the pages of secure web links. The token is a secret: it stands in no log.
func (s *Server) sharedRoutes() []outer {
	// A link that has ended still tells whose it was, and whom to ask.
	lasting := []string{"/logo", "/brand.css"}
	at := func(method, path, id, summary string, fn func(*call, *models.Link) error, answers ...answer) outer {
		afterwards := slices.Contains(lasting, path)
		o := outer{method: method, path: "/s/:token" + path, id: id, summary: summary, handle: func(g *gin.Context) {
			s.page(g, func(c *call) error {
				find := func() (*models.Link, error) { return s.Store.LinkByToken(c.Request.Context(), c.Param("token")) }
				l, err := find()
				if err == nil {
					c.Writer = &watchedWriter{ResponseWriter: c.Writer, c: c, asked: time.Now(), still: func() error {
						_, err := find()
						return err
					}}
				}
				if models.KindOf(err) == models.NotFound {
					return refused(models.NotFound, "problem_link")
				}
				if err == nil || (l != nil && afterwards) {
					err = fn(c, l)
				}
				return s.linkRefused(c, l, err)
			})
		}}
		o.answers = append(pageProblems(http.StatusUnauthorized, http.StatusForbidden, http.StatusGone, http.StatusUnprocessableEntity, http.StatusBadRequest), answers...)
		return o
	}
	form := func(o outer, names ...string) outer {
		schema := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
		for _, name := range names {
			schema.Properties[name] = text()
		}
		o.takes = []content{{media: "application/x-www-form-urlencoded", schema: schema}}
		o.answers = append(o.answers, answer{status: http.StatusSeeOther, says: "Done: to the page"})
		return o
	}
	bytes := func(o outer) outer { o.ranges = true; return o }
	report := func(o outer) outer {
		o.query, o.tells = []string{"layout", "part"}, []string{PartsHeader}
		return o
	}
	admitted := func(fn func(*call, *models.Link) error) func(*call, *models.Link) error {
		return func(c *call, l *models.Link) error {
			pass, _ := c.Cookie(passCookie(l))
			if !l.Admits(pass) {
				return refused(models.Unauthorized, "problem_link_locked")
			}
			return fn(c, l)
		}
	}
	logo := func(c *call, l *models.Link) error {
		account, err := s.Store.AccountByID(models.InAccount(c.Request.Context(), l.AccountID), l.AccountID)
		if err != nil {
			return err
		}
		return c.sendLogo(account)
	}
	return []outer{
		at(http.MethodGet, "", "showLink", "The page of a secure web link, or the question for its password", s.sharedPage, html(http.StatusOK)),
		form(at(http.MethodPost, "/password", "openLink", "Give the password of a link", s.sharedPassword), "password"),
		at(http.MethodGet, "/state", "getLinkState", "Changes whenever the page would show something else", admitted(s.sharedState), answer{status: http.StatusOK, content: []content{jsonOf[SharedState]()}}),
		form(at(http.MethodPost, "/comments", "commentOnLink", "Say something about the order, or one of its items", admitted(s.sharedComment)), "item_id", "author", "text"),
		bytes(at(http.MethodGet, "/items/:item/:rendition", "getLinkItem", "A photo that the link shows", admitted(s.sharedPhoto),
			append(pageProblems(http.StatusUnsupportedMediaType), file("*/*"))...)),
		bytes(at(http.MethodGet, "/logo", "getLinkLogo", "The account's logo", logo, file("image/png"))),
		at(http.MethodGet, "/brand.css", "getLinkBrand", "The account's colour, as a style sheet", s.sharedBrand, file("text/css")),
		report(at(http.MethodGet, "/report.pdf", "getLinkReport", "The report of what the link shows", admitted(s.sharedReport), file("application/pdf"))),
		bytes(at(http.MethodGet, "/archive.zip", "getLinkArchive", "Every original that the link shows", admitted(s.sharedArchive), file("application/zip"))),
	}
}

// SharedState changes whenever the page of a link would show something else.
type SharedState struct {
	State  string `json:"state"`
	Photos int    `json:"photos"`
}

func passCookie(l *models.Link) string { return "fieldproof_link_" + strings.ReplaceAll(l.ID, "-", "") }

func (s *Server) sharedProof(c *call, l *models.Link) (*models.Proof, error) {
	db := s.Store.Read(models.InAccount(c.Request.Context(), l.AccountID))
	o, err := models.One[models.WorkOrder](db.Where("id = ? AND NOT hidden", l.WorkOrderID), "work order")
	if models.KindOf(err) == models.NotFound {
		return nil, models.Errorf(models.Gone, "What this link showed was taken back. Ask whoever sent it.")
	}
	if err != nil {
		return nil, err
	}
	return models.PublishedProof(db, o.ID, l.ItemIDs)
}

// stateOfShared changes whenever the page would show something else.
func (s *Server) stateOfShared(c *call, l *models.Link, proof *models.Proof) (string, error) {
	db := s.Store.Read(models.InAccount(c.Request.Context(), l.AccountID))
	surveys, err := proof.Surveys(db)
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	shown := json.NewEncoder(h)
	account := proof.Account
	parts := []any{account.Name, account.LogoKey, account.Zone, account.Colour, account.Address, account.Phone, account.Language, account.Region, account.Units, proof.Names, proof.Order.DisplayNumber(), proof.Order.Address, proof.Map(600, 340), proof.ServiceRecord()}
	for _, i := range proof.Items {
		parts = append(parts, i.ID, i.Shot, archives.Describe(proof, i, ""))
	}
	for _, i := range proof.KeyPair() {
		parts = append(parts, i.ID)
	}
	for _, f := range surveys {
		parts = append(parts, f.Name, f.Task, f.Item.ID, f.Answers)
	}
	for _, part := range parts {
		if err := shown.Encode(part); err != nil {
			return "", err
		}
	}
	comments := 0
	if l.AllowComments {
		said, err := l.Comments(db, proof)
		if err != nil {
			return "", err
		}
		comments = len(said)
		for _, comment := range said {
			h.Write([]byte(comment.ID))
		}
	}
	return fmt.Sprintf("%x-%d", h.Sum64(), comments), nil
}

func (s *Server) sharedState(c *call, l *models.Link) error {
	release, err := s.roomToShow(models.InAccount(c.Request.Context(), l.AccountID), l)
	if err != nil {
		return err
	}
	defer release()
	proof, err := s.sharedProof(c, l)
	if err != nil {
		return err
	}
	state, err := s.stateOfShared(c, l, proof)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, SharedState{state, len(proof.Photos())})
	return nil
}

func (s *Server) sharedPassword(c *call, l *models.Link) error {
	ctx := c.Request.Context()
	base := "/s/" + c.Param("token")
	limits, err := s.Store.LinkPasswordLimits(ctx, l, c.ClientIP())
	if err != nil {
		return err
	}
	if err := c.limited(ctx, limits...); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 4096)
	password := c.PostForm("password")
	fits := l.PasswordHash == ""
	if !fits {
		if fits, err = l.PasswordFits(ctx, password); err != nil {
			return err
		}
	}
	if !fits {
		if err := s.Store.Looked(ctx, l, "wrong_password", c.ClientIP(), c.Request.UserAgent()); err != nil {
			return err
		}
		return s.askPassword(c, l, http.StatusForbidden, "wrong")
	}
	if err := s.Store.Forgive(ctx, limits...); err != nil {
		return err
	}
	http.SetCookie(c.Writer, &http.Cookie{Name: passCookie(l), Value: l.Pass(), Path: base, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.PublicURL, "https:")})
	c.Redirect(http.StatusSeeOther, base)
	return nil
}

// commentsAtMost in a window, of one link from one address.
const commentsAtMost = 30

func (s *Server) sharedComment(c *call, l *models.Link) error {
	if !l.AllowComments {
		return refused(models.Forbidden, "problem_link_comments")
	}
	ctx := c.Request.Context()
	if err := c.limited(ctx, models.Limit{Key: "comments/" + l.ID + "/" + models.Network(c.ClientIP()), Most: commentsAtMost, Window: models.PasswordWindow}); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 64<<10)
	proof, err := s.sharedProof(c, l)
	if err != nil {
		return err
	}
	comment := models.Comment{ID: models.NewID(), AccountID: l.AccountID, WorkOrderID: l.WorkOrderID, LinkID: l.ID, ItemID: c.PostForm("item_id"),
		Author: strings.ToValidUTF8(c.PostForm("author"), ""), Text: strings.ToValidUTF8(c.PostForm("text"), ""), At: models.Now()}
	if comment.ItemID != "" && !slices.ContainsFunc(proof.Items, func(i *models.Item) bool { return i.ID == comment.ItemID }) {
		return refused(models.NotFound, "problem_link_item")
	}
	err = s.Intake.KeepComment(c.Request.Context(), &comment)
	if models.KindOf(err) == models.Invalid {
		return s.showShared(c, l, "link_wrong_"+problemOf(err).Errors[0].Field, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	if err := s.Store.Looked(ctx, l, "comment", c.ClientIP(), c.Request.UserAgent()); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, "/s/"+c.Param("token")+"#comments")
	return nil
}

func (s *Server) sharedPhoto(c *call, l *models.Link) error {
	ctx := models.InAccount(c.Request.Context(), l.AccountID)
	item, err := models.PublishedItem(s.Store.Read(ctx), c.Param("item"))
	if models.KindOf(err) == models.NotFound || (err == nil && (!l.Shows(item) || item.BlobKey == "")) {
		return refused(models.NotFound, "problem_link_item")
	}
	if err != nil {
		return err
	}
	switch name := c.Param("rendition"); {
	case name == "original" && l.AllowDownloads:
		reader, err := s.Blobs.Get(ctx, item.BlobKey)
		if err != nil {
			return err
		}
		defer reader.Close()
		if err := s.Store.Looked(ctx, l, "original", c.ClientIP(), c.Request.UserAgent()); err != nil {
			return err
		}
		c.serveBytes(item, reader, item.ContentType, item.SHA256, item.UUID+item.Extension(), true)
		return nil
	case (name == "display" || name == "thumbnail") && item.Kind == models.Photo:
		r := models.Display
		if name == "thumbnail" {
			r = models.Thumbnail
		}
		reader, err := s.Media.Open(ctx, item, r)
		if err != nil {
			return err
		}
		defer reader.Close()
		c.serveRendition(item, r, reader)
		return nil
	}
	return refused(models.NotFound, "problem_link_file")
}

func (s *Server) sharedDownload(c *call, l *models.Link, what string) (*models.Proof, error) {
	if !l.AllowDownloads {
		return nil, refused(models.Forbidden, "problem_link_downloads")
	}
	proof, err := s.sharedProof(c, l)
	if err != nil {
		return nil, err
	}
	return proof, s.Store.Looked(c.Request.Context(), l, what, c.ClientIP(), c.Request.UserAgent())
}

func (s *Server) sharedReport(c *call, l *models.Link) error {
	proof, err := s.sharedDownload(c, l, "report")
	if err != nil {
		return err
	}
	ctx := models.InAccount(c.Request.Context(), l.AccountID)
	content, err := s.Reports.OfLink(ctx, proof, l)
	if err != nil {
		return err
	}
	return c.sendReport(ctx, content, models.SafeName(proof.Order.DisplayNumber()))
}

func (s *Server) sharedArchive(c *call, l *models.Link) error {
	proof, err := s.sharedDownload(c, l, "archive")
	if err != nil {
		return err
	}
	file, err := s.Archives.Of(models.InAccount(c.Request.Context(), l.AccountID), proof, "")
	if err != nil {
		return err
	}
	return c.sendArchive(file, models.SafeName(proof.Order.DisplayNumber()))
}
