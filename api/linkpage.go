package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"fieldproof/models"
	"fieldproof/reports"
	"fieldproof/wording"
)

// sharedView is what the page of a link shows.
type sharedView struct {
	house
	Link     *models.Link
	Proof    *models.Proof
	Number   string
	Address  models.Address
	Lead     string // what was done, in a sentence
	Pair     []*pictured
	Verdict  verdict
	Record   models.ServiceRecord
	Tasks    []shownTask
	Surveys  []models.FilledSurvey
	CheckIns []string
	Maps     *reports.Maps
	Comments []models.Comment
	State    string
	Check    *pictured // whose page a copy is compared on: the last of the pair; nil where nothing can be shown
	Photos   int
	Bytes    int64 // of all originals
	Parts    []int // of the report
	Problem  string
}

// house is who shows a page, and for whom its words are. An account without a name is the installation itself.
type house struct {
	R       *wording.Reader
	Account *models.Account // nil: Fieldproof itself
	Logo    string          // its address, "" for none
	Brand   string          // the address of the style sheet with the account's colour
	Base    string          // the address of the link whose page it is, "" for another
}

// houseOf is an account's, whose logo and colour lie below an address.
func houseOf(a *models.Account, base string) house {
	h := house{R: wording.For(a), Account: a, Base: base}
	if a.LogoKey != "" {
		h.Logo = base + "/logo"
	}
	if a.Colour != "" {
		h.Brand = base + "/brand.css"
	}
	return h
}

// plain is the house where no account is known: it speaks its visitor's language.
func (c *call) plain() house {
	c.Writer.Header().Add("Vary", "Accept-Language")
	return house{R: c.reader()}
}

// shownTask is a task as the page shows it: sets of one shot side by side, then what stands alone.
type shownTask struct {
	Name   string
	Photos int
	Sets   []shownSet
	Single []*pictured
}

type shownSet struct {
	Shot   string
	Photos []*pictured
	Pairs  bool // has before and after
}

// pictured is a photo with what is said of it.
type pictured struct {
	*models.Item
	N       int
	Task    string
	Code    string // opens its original; "" for none
	Kind    string // its evidence type, as it is read
	Tag     string // its kind, and when
	Bold    string // what it shows, and when where the page's heading tells the rest
	By      string // who took it, and where
	Verdict wording.Verdict
	Said    string // what can be vouched for
	Alt     string
}

// verdict is what can be vouched for of all photos.
type verdict struct {
	Head   string
	Of     []meter
	Judged bool
	Why    string // leads to those that are not certified; "" where all are
}

type meter struct {
	Name  string
	Share string
	Wide  float64 // of 100
}

func (s *Server) sharedPage(c *call, l *models.Link) error {
	pass, _ := c.Cookie(passCookie(l))
	if !l.Admits(pass) {
		return s.askPassword(c, l, http.StatusOK, "")
	}
	return s.showShared(c, l, "", http.StatusOK)
}

// houseOfLink is the house of a link that shows nothing, or not yet: it speaks as the link's page does.
func (s *Server) houseOfLink(c *call, l *models.Link) (house, error) {
	ctx := models.InAccount(c.Request.Context(), l.AccountID)
	account, err := s.Store.AccountByID(ctx, l.AccountID)
	if err != nil {
		return house{}, err
	}
	order, err := models.One[models.WorkOrder](s.Store.Read(ctx).Where("id = ?", l.WorkOrderID), "work order")
	if err != nil {
		return house{}, err
	}
	return houseOf(account.ToClient(order.ClientCode), "/s/"+c.Param("token")), nil
}

func (s *Server) askPassword(c *call, l *models.Link, status int, problem string) error {
	h, err := s.houseOfLink(c, l)
	if err != nil {
		return err
	}
	if problem != "" {
		problem = h.R.Say("link_wrong_password", "account", h.Account.Name)
	}
	return c.html(status, "password.html", sharedView{house: h, Link: l, Problem: problem})
}

// linkRefused answers whoever holds a link with why it does not do what they ask: with its account's own head, in its language.
func (s *Server) linkRefused(c *call, l *models.Link, err error) error {
	kind := models.KindOf(err)
	if l == nil || kind == "" || c.written || c.wantsJSON() {
		return err
	}
	h, failed := s.houseOfLink(c, l)
	if failed != nil {
		return failed
	}
	h.Base = "" // no visit is noted
	if kind == models.Gone {
		return c.linkEnded(h, l)
	}
	return c.showProblem(h, err)
}

// endedView is the page of a link that shows nothing any more.
type endedView struct {
	house
	Why string
	// Kept tells that codes beside photos still open what they did.
	Kept bool
}

// linkEnded answers whoever holds a link that has ended: with nothing of what it showed.
func (c *call) linkEnded(h house, l *models.Link) error {
	v, account := endedView{house: h}, h.Account
	switch {
	case l.RevokedAt == nil && l.ExpiresAt != nil && l.ExpiresAt.Before(time.Now()):
		v.Why, v.Kept = v.R.Say("link_ended_expired", "day", v.R.Year(l.ExpiresAt.Time), "account", account.Name), true
	case l.RevokedAt != nil:
		v.Why = v.R.Say("link_ended_revoked", "account", account.Name)
	default:
		v.Why = v.R.Say("link_ended_gone", "account", account.Name)
	}
	return c.html(http.StatusGone, "ended.html", v)
}

func (s *Server) showShared(c *call, l *models.Link, problem string, status int) error {
	ctx := models.InAccount(c.Request.Context(), l.AccountID)
	db := s.Store.Read(ctx)
	release, err := s.roomToShow(ctx, l)
	if err != nil {
		return err
	}
	defer release()
	proof, err := s.sharedProof(c, l)
	if err != nil {
		return err
	}
	base := "/s/" + c.Param("token")
	v := sharedView{house: houseOf(proof.Account, base), Link: l, Proof: proof, Number: proof.Order.DisplayNumber(),
		Address: proof.Order.Address, Record: proof.ServiceRecord()}
	if problem != "" {
		v.Problem = v.R.Say(problem)
	}
	content := reports.Content{Account: proof.Account, Visits: []reports.Visit{{Proof: proof}}}
	for part := range content.Parts() {
		v.Parts = append(v.Parts, part+1)
	}
	if len(proof.Items) > 0 {
		if v.Maps, err = content.Maps(); err != nil {
			return err
		}
	}
	if v.Surveys, err = proof.Surveys(db); err != nil {
		return err
	}
	signer, err := s.Store.Signer(ctx, l.AccountID)
	if err != nil {
		return err
	}
	code := func(i *models.Item) string {
		if !l.AllowDownloads { // the code opens the original
			return ""
		}
		return signer.LinkCode(l.ID, i.ID)
	}
	v.fill(code)
	if l.AllowComments {
		if v.Comments, err = l.Comments(db, proof); err != nil {
			return err
		}
	}
	if v.State, err = s.stateOfShared(c, l, proof); err != nil {
		return err
	}
	if err := s.Store.Looked(c.Request.Context(), l, "page", c.ClientIP(), c.Request.UserAgent()); err != nil {
		return err
	}
	page, err := packed("link.html", v)
	if err != nil {
		return err
	}
	release() // who reads slowly keeps nobody from being shown theirs
	return c.sendPage(status, page)
}

// roomToShow waits for the memory that showing a link's order whole takes, and returns what gives it back, once.
func (s *Server) roomToShow(ctx context.Context, l *models.Link) (release func(), err error) {
	texts, err := models.TextsOf(s.Store.Read(ctx), l.WorkOrderID)
	if err != nil {
		return nil, err
	}
	release, err = s.decoding(ctx, texts)
	if models.KindOf(err) == models.Unavailable {
		return nil, refused(models.Unavailable, "problem_busy")
	}
	return sync.OnceFunc(release), err
}

// fill makes what is said of each photo, and of all.
func (v *sharedView) fill(code func(*models.Item) string) {
	r, p := v.R, v.Proof
	at := p.Property
	several := r.SeveralDays(v.Record)
	by := map[string]*pictured{}
	picture := func(i *models.Item, task string, alone bool) *pictured {
		v.Photos++
		said := r.Caption(p, i, several)
		x := &pictured{Item: i, N: v.Photos, Task: task, Code: code(i), Kind: said.Kind, Verdict: said.Verdict, Said: said.Certified,
			Tag: said.Kind + ", " + said.When, Bold: said.Kind + ", " + said.When + ".", By: said.By, Alt: said.Alt(task)}
		if alone {
			x.Bold, x.By = said.Alone, said.Taken
		}
		by[i.ID] = x
		return x
	}
	for _, t := range p.ByTask() {
		shown := shownTask{Name: r.Task(t.Task), Photos: len(t.Photos)}
		sets, single := t.Sets()
		for _, set := range sets {
			s := shownSet{Shot: cmp.Or(set.Shot, r.Say("link_linked"))}
			kinds := map[string]bool{}
			for _, i := range set.Photos {
				s.Photos = append(s.Photos, picture(i, t.Task, false))
				kinds[strings.ToLower(i.EvidenceType)] = i.Viewable()
			}
			s.Pairs = kinds["before"] && kinds["after"]
			shown.Sets = append(shown.Sets, s)
		}
		for _, i := range single {
			shown.Single = append(shown.Single, picture(i, t.Task, true))
		}
		v.Tasks = append(v.Tasks, shown)
	}
	for _, i := range p.KeyPair() {
		v.Pair = append(v.Pair, by[i.ID])
	}
	if last := len(v.Pair) - 1; last >= 0 {
		v.Check = v.Pair[last]
	}
	for _, i := range p.Items {
		v.Bytes += i.Size
		if i.Kind == models.CheckIn {
			when := i.ReceivedAt.Time
			if i.TakenAt != nil {
				when = i.TakenAt.Time
			}
			v.CheckIns = append(v.CheckIns, r.Moment(when)+", "+cmp.Or(p.Names[i.UploadedBy], r.Say("doc_nobody"))+". "+r.Checked(i, at, p.Account.CertificationRadius))
		}
	}
	v.Lead = r.Documented(v.Record, len(v.Tasks), len(v.Surveys), v.Photos)
	v.Verdict = verdictOf(r, v.Record.Total)
}

func verdictOf(r *wording.Reader, all models.TaskShare) verdict {
	head, judged := r.Judgement(all)
	v := verdict{Head: head, Judged: judged}
	for _, one := range []struct {
		key    string
		judged models.Judged
	}{{"doc_camera", all.Camera}, {"doc_time", all.Time}, {"doc_location", all.Location}} {
		m := meter{Name: wording.First(r.Say(one.key)), Share: r.Share(one.judged.Certified, one.judged.Of)}
		if one.judged.Of > 0 {
			m.Wide = 100 * float64(one.judged.Certified) / float64(one.judged.Of)
		}
		v.Of = append(v.Of, m)
	}
	if all.NotCertified > 0 {
		v.Why = r.Say("link_why", "n", all.NotCertified)
	}
	return v
}

func (s *Server) sharedBrand(c *call, l *models.Link) error {
	account, err := s.Store.AccountByID(models.InAccount(c.Request.Context(), l.AccountID), l.AccountID)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "private, max-age=300")
	c.Data(http.StatusOK, "text/css; charset=utf-8", brandSheet(account.Colour))
	return nil
}

// brandSheet is the style sheet of a colour, "" for none.
func brandSheet(colour string) []byte {
	if colour == "" {
		return nil
	}
	return []byte(":root { --brand: " + colour + "; }\n")
}
