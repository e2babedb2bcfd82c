package api

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/hashicorp/golang-lru/v2/expirable"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/wire"
)

// The external-integration API, hosted by us for users with the subcontractor role (domain 8). Its answers have the
// shapes and words that systems in the field look for; failures are 200 with an error, as those read them.

const (
	badLogin     = "invalid username, password, or token"
	maxPayload   = 8 << 20
	peerRemember = time.Minute
)

// peerMemory remembers verified credentials for a minute, by their HMAC, with the credential version that they were good
// for: hashing a password for every picture would be the bottleneck. User and version are read on every request.
type peerMemory struct {
	key  [32]byte
	seen *expirable.LRU[string, rememberedPeer]
}

type rememberedPeer struct {
	userID  string
	version int64
}

func newPeerMemory() *peerMemory {
	m := &peerMemory{seen: expirable.NewLRU[string, rememberedPeer](maxThrottled, nil, peerRemember)}
	_, _ = rand.Read(m.key[:])
	return m
}

func (m *peerMemory) name(c wire.Credentials) string {
	h := hmac.New(sha256.New, m.key[:])
	for _, s := range []string{models.UsernameKey(c.Username), c.Password, c.Token} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return string(h.Sum(nil))
}

func (m *peerMemory) get(name string) (rememberedPeer, bool) { return m.seen.Get(name) }

func (m *peerMemory) put(name string, u *models.User) {
	m.seen.Add(name, rememberedPeer{u.ID, u.CredentialVersion})
}

func (s *Server) hostedRoutes() []outer {
	payload := &huma.Schema{Type: huma.TypeObject, Required: []string{"payload"}, Properties: map[string]*huma.Schema{
		"payload": {Type: huma.TypeString, Description: "What is said, as JSON, the credentials in it."}, "file": {Type: huma.TypeString, Format: "binary"}}}
	takes := []content{{media: "application/json", schema: anything()}, {media: "application/x-www-form-urlencoded", schema: payload}, {media: "multipart/form-data", schema: payload}}
	said := func(id, summary string, members map[string]*huma.Schema) outer {
		body := content{media: "application/json", schema: &huma.Schema{Type: huma.TypeObject, Properties: members, Required: []string{"error"}}}
		o := outer{method: http.MethodPost, path: "/integration/v2/" + id, id: id, summary: summary, takes: takes}
		for _, status := range []int{http.StatusOK, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage} {
			o.answers = append(o.answers, answer{status: status, content: []content{body}})
		}
		o.answers[0].says = "What is wrong stands in error"
		return o
	}
	truth := &huma.Schema{Type: huma.TypeBoolean}
	refusal := &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeString}, {Type: "null"}, {Type: huma.TypeObject, Required: []string{"error", "workOrderNumber"},
		Properties: map[string]*huma.Schema{"workOrderNumber": text(), "error": text()}}}}
	order := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"workOrderNumber"}, Properties: map[string]*huma.Schema{"workOrderNumber": text(), "clientStatus": text()}}
	return []outer{
		{method: http.MethodPost, path: "/integration/v2/:service", id: "callService", summary: "A service of the external-integration API by another spelling, such as validate.php", takes: takes, handle: s.hosted,
			answers: []answer{{status: http.StatusOK, content: []content{{media: "application/json", schema: anything()}}}, {status: http.StatusServiceUnavailable, content: []content{{media: "application/json", schema: anything()}}},
				{status: http.StatusRequestEntityTooLarge, content: []content{{media: "application/json", schema: anything()}}}, {status: http.StatusTooManyRequests, content: []content{{media: "application/json", schema: anything()}}},
				{status: http.StatusInsufficientStorage, content: []content{{media: "application/json", schema: anything()}}}, {status: http.StatusNotFound, content: []content{{media: "application/problem+json", of: reflect.TypeFor[Problem]()}}}}},
		said("validate", "Whether the credentials of a subcontractor are good", map[string]*huma.Schema{"error": text(), "validated": truth, "status": truth}),
		said("getWorkOrders", "The orders that are assigned to a subcontractor", map[string]*huma.Schema{"error": text(), "workOrders": {Type: huma.TypeArray, Items: order}}),
		said("uploadPictures", "Bring one photo, survey or file", map[string]*huma.Schema{"status": truth, "error": refusal}),
		said("status", "Tell how far orders are", map[string]*huma.Schema{"status": truth, "error": refusal}),
	}
}

// hosted is one call of the external-integration API.
func (s *Server) hosted(g *gin.Context) {
	service, _, _ := strings.Cut(g.Param("service"), ".") // .php and its like
	h := &hostedCall{Server: s, g: g}
	handle := map[string]func() (any, error){"validate": h.validate, "getworkorders": h.getWorkOrders, "uploadpictures": h.uploadPictures, "status": h.status}[strings.ToLower(service)]
	if handle == nil {
		(&call{Context: g, server: s}).fail(models.Errorf(models.NotFound, "The services are validate, getWorkOrders, uploadPictures and status."))
		return
	}
	defer h.close()
	err := h.read()
	if err == nil {
		err = h.authorise()
	}
	h.service = strings.ToLower(service)
	var answer any
	if err == nil {
		answer, err = handle()
	}
	h.answer(answer, err)
}

// hostedCall is one call while it is answered.
type hostedCall struct {
	*Server
	g       *gin.Context
	service string
	payload map[string]json.RawMessage
	file    io.Reader // what follows the payload, or what was put aside before it
	aside   *os.File
	member  *models.Member
	account *models.Account
	done    bool // the answer is written
	body    *strangersBody
	room    *sharedReader // of the file that was put aside
	text    *sharedReader // of the payload
	decoded func()        // gives back the memory of the payload
}

// strangersBody is a body whose time is bounded until its credentials are good; then it has time as long as it moves.
type strangersBody struct {
	r       io.ReadCloser
	control *http.ResponseController
	patient *patientReader
}

func (b *strangersBody) Read(p []byte) (int, error) {
	if b.patient != nil {
		return b.patient.Read(p)
	}
	return b.r.Read(p)
}

func (h *hostedCall) ctx() context.Context {
	return models.InAccount(h.g.Request.Context(), h.member.AccountID)
}

func (h *hostedCall) close() {
	if h.decoded != nil {
		h.decoded()
	}
	if h.text != nil {
		h.text.close()
	}
	if h.aside != nil {
		_ = h.aside.Close()
		_ = os.Remove(h.aside.Name())
	}
	if h.room != nil {
		h.room.close()
	}
}

// read finds the payload: a form field, url-encoded or multipart, or the body itself as JSON.
func (h *hostedCall) read() error {
	h.body = &strangersBody{r: h.g.Request.Body, control: http.NewResponseController(h.g.Writer)}
	body := bufio.NewReaderSize(h.body, 128<<10)
	kind, params, _ := mime.ParseMediaType(h.g.GetHeader("Content-Type"))
	var text []byte
	var err error
	switch {
	case kind == "multipart/form-data":
		text, err = h.readParts(multipart.NewReader(body, params["boundary"]))
	case firstByte(body) == '{':
		text, err = h.readText(body)
	default:
		var value io.Reader
		if value, err = formValue(body, "payload"); err == nil {
			text, err = h.readText(value)
		}
	}
	var no *wire.ErrNotOrders
	if errors.As(err, &no) {
		return models.Errorf(models.Malformed, "This request is not properly formatted: %s", no.Reason)
	}
	if err != nil {
		return err
	}
	if err := models.CheckJSON(text); err != nil {
		return err
	}
	if h.decoded, err = h.decoding(h.g.Request.Context(), int64(len(text))); err != nil {
		return err
	}
	if h.payload, err = wire.Members(text); err != nil {
		return models.Errorf(models.Malformed, "This request is not properly formatted: the payload is not JSON.")
	}
	if inner, there := h.payload["payload"]; there && len(h.payload) == 1 { // {"payload": {…}}
		if inner, err = wire.InlineSurvey(inner); err == nil {
			h.payload, err = wire.Members(inner)
		}
	}
	if err != nil {
		return models.Errorf(models.Malformed, "This request is not properly formatted: the payload is not JSON.")
	}
	return nil
}

// readText reads the payload, within what a stranger may keep here.
func (h *hostedCall) readText(r io.Reader) ([]byte, error) {
	h.text = &sharedReader{r: r, share: h.bounds.texts, network: models.Network(h.g.ClientIP())}
	return readAtMost(h.text, maxPayload)
}

func readAtMost(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, brokenOff(err)
	}
	if int64(len(text)) > most {
		return nil, models.Errorf(models.TooLarge, "The payload is larger than %d MB.", most>>20)
	}
	return text, nil
}

// readParts reads up to the payload, and lets the file that follows it be streamed. A file that comes first is put aside.
func (h *hostedCall) readParts(parts *multipart.Reader) ([]byte, error) {
	for count := 0; ; count++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, &wire.ErrNotOrders{Reason: "there is no form field payload"}
		}
		if err != nil || count == maxParts {
			return nil, &models.Error{Kind: models.Malformed, Message: "The request broke off or is no form: send it again.", Cause: err}
		}
		switch {
		case part.FormName() == "payload":
			text, err := h.readText(part)
			if h.file == nil {
				h.file = &nextFile{parts: parts}
			}
			return text, err
		case part.FileName() != "" || part.FormName() == "file":
			if err := h.putAside(part); err != nil {
				return nil, err
			}
		}
	}
}

func (h *hostedCall) putAside(part io.Reader) error {
	if h.aside != nil {
		return models.Errorf(models.Malformed, "Send one file a call.")
	}
	var err error
	if h.aside, err = os.CreateTemp("", "fieldproof-upload-"); err != nil {
		return err
	}
	h.room = &sharedReader{r: io.LimitReader(part, h.Intake.Limits.MaxBytes+1), share: h.bounds.aside, network: models.Network(h.g.ClientIP())}
	n, err := io.Copy(h.aside, h.room)
	if err != nil {
		return brokenOff(err)
	}
	if n > h.Intake.Limits.MaxBytes {
		return models.Errorf(models.TooLarge, "The file is larger than %d MB.", h.Intake.Limits.MaxBytes>>20)
	}
	if _, err := h.aside.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h.file = h.aside
	return nil
}

// nextFile is the first file that follows in a form; empty when there is none.
type nextFile struct {
	parts *multipart.Reader
	part  *multipart.Part
}

func (n *nextFile) Read(b []byte) (int, error) {
	for n.part == nil {
		part, err := n.parts.NextPart()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return 0, io.EOF
			}
			return 0, io.ErrUnexpectedEOF
		}
		if part.FileName() != "" || part.FormName() == "file" {
			n.part = part
		}
	}
	return n.part.Read(b)
}

// authorise finds the user that the credentials are of, whom they must still be good for.
func (h *hostedCall) authorise() error {
	ctx := h.g.Request.Context()
	creds := wire.CredentialsOf(h.payload)
	user, err := h.remembered(ctx, creds)
	if err != nil {
		return err
	}
	if user == nil {
		if user, err = h.judged(ctx, creds); err != nil {
			return err
		}
	}
	known(h.g)
	h.body.patient = &patientReader{r: h.body.r, control: h.body.control}
	if h.member, err = h.Store.MemberByID(ctx, user.ID); err != nil {
		return err
	}
	h.account, err = h.Store.AccountByID(ctx, h.member.AccountID)
	return err
}

// remembered is the user of credentials that need no judging: a token of ours, which nobody guesses, or what was judged
// a moment ago. Nil for all others.
func (h *hostedCall) remembered(ctx context.Context, creds wire.Credentials) (*models.User, error) {
	user, err := h.Store.PeerByToken(ctx, creds.Username, creds.Token)
	if err != nil || user != nil {
		return user, err
	}
	p, there := h.peers.get(h.peers.name(creds))
	if !there {
		return nil, nil
	}
	m, err := h.Store.MemberByID(ctx, p.userID)
	if models.KindOf(err) == models.NotFound {
		return nil, nil
	}
	if err == nil && m.Active && m.Role == models.Subcontractor && m.CredentialVersion == p.version {
		return &m.User, nil
	}
	return nil, err
}

// judged counts a try of credentials, and judges them.
func (h *hostedCall) judged(ctx context.Context, creds wire.Credentials) (*models.User, error) {
	limits, err := h.Store.PasswordLimits(ctx, "peer", creds.Username, h.g.ClientIP())
	if err != nil {
		return nil, err
	}
	wait, err := h.Store.Try(ctx, limits...)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		h.g.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return nil, tooMany(wait)
	}
	user, err := h.Store.PeerByPassword(ctx, creds.Username, creds.Password, creds.Token)
	if err != nil {
		return nil, err
	}
	h.peers.put(h.peers.name(creds), user)
	if err := h.Store.Forgive(ctx, limits...); err != nil {
		return nil, err
	}
	return user, h.Store.Write(models.InAccount(ctx, user.AccountID), func(tx *models.Tx) error { return tx.RememberNetwork(user, h.g.ClientIP()) })
}

// answer writes what a service answers. A failure of ours is a 503 that the peer repeats; everything else is a 200 that
// says what is wrong in the form that its readers look for.
func (h *hostedCall) answer(out any, err error) {
	if h.done {
		if err != nil {
			h.Log.Warn("an answer to a peer broke off", "service", h.service, "error", err)
			panic(http.ErrAbortHandler)
		}
		return
	}
	status, text := http.StatusOK, ""
	switch kind := models.KindOf(err); {
	case err == nil:
		h.g.JSON(http.StatusOK, out)
		return
	case kind == models.Unauthorized:
		text = badLogin
	case kind == models.TooMany || kind == models.TooLarge || kind == models.NoRoom:
		status, text = statusOf[kind], err.Error()
	case kind == models.Unavailable:
		status, text = statusOf[kind], err.Error()
		h.g.Header("Retry-After", strconv.Itoa(retryAfter))
	case kind != "":
		text = err.Error()
	default:
		h.Log.Error("a call of a peer failed", "service", h.service, "error", err)
		status, text = http.StatusServiceUnavailable, "The server can't answer now: send it again."
		h.g.Header("Retry-After", strconv.Itoa(retryAfter))
	}
	_, _ = io.CopyN(io.Discard, h.g.Request.Body, drains)
	switch h.service {
	case "validate", "":
		h.g.JSON(status, gin.H{"error": text, "validated": false, "status": false})
	case "getworkorders":
		h.g.JSON(status, gin.H{"error": text})
	default:
		h.g.JSON(status, gin.H{"status": false, "error": text})
	}
}

func (h *hostedCall) validate() (any, error) {
	push := wire.Text(h.payload, "pushkey")
	if push != "" && len(push) <= 2000 {
		sealed, err := h.Sealer.Seal("peer push key/"+h.member.ID, push)
		if err != nil {
			return nil, err
		}
		k := &models.PeerPushKey{UserID: h.member.ID, AccountID: h.member.AccountID, Sealed: sealed, UpdatedAt: models.Now()}
		if err := h.Store.Write(h.ctx(), func(tx *models.Tx) error { return tx.Save(k).Error }); err != nil {
			return nil, err
		}
	}
	return gin.H{"error": "", "validated": true}, nil
}

// hostedOverlap is how far before the time that a peer asks from changes are told again: rows commit late, and what is
// told twice changes nothing.
const hostedOverlap = 2 * time.Minute

func (h *hostedCall) getWorkOrders() (any, error) {
	var since *models.Time
	if text := wire.Text(h.payload, "timestamp"); text != "" && text != "0" {
		at := wire.ParseInstant(text, time.UTC)
		if at == nil {
			return nil, models.Errorf(models.Malformed, "This request is not properly formatted: timestamp %q is neither Unix seconds nor null.", text)
		}
		before := models.At(at.Add(-hostedOverlap))
		since = &before
	}
	h.g.Header("Content-Type", "application/json; charset=utf-8")
	out := &peerList{w: h.g.Writer, h: h}
	if err := h.eachAssigned(since, out.add); err != nil {
		return nil, err
	}
	if since != nil {
		taken, err := models.TakenSince(h.Store.Read(h.ctx()), h.member.ID, *since)
		if err != nil {
			return nil, err
		}
		for some := range slices.Chunk(taken, maxLimit) {
			numbers, err := peers.Numbers(h.ctx(), h.Store, h.member, some)
			if err != nil {
				return nil, err
			}
			for _, o := range some {
				status := "Cancelled"
				if o.Lifecycle.Hidden {
					status = "Deleted"
				}
				if err := out.add(map[string]string{"workOrderNumber": numbers[o.ID], "clientStatus": status}); err != nil {
					return nil, err
				}
			}
		}
	}
	return nil, out.end()
}

// peerList streams {"workOrders":[…],"error":""}.
type peerList struct {
	w     io.Writer
	h     *hostedCall
	begun bool
}

func (p *peerList) add(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	lead := ","
	if !p.begun {
		lead, p.begun, p.h.done = `{"workOrders":[`, true, true
	}
	_, err = p.w.Write(slices.Concat([]byte(lead), text))
	return err
}

func (p *peerList) end() error {
	tail := `],"error":""}`
	if !p.begun {
		tail = `{"workOrders":[` + tail
	}
	p.h.done = true
	_, err := io.WriteString(p.w, tail)
	return err
}

// eachAssigned goes through the orders that are assigned to the member, some at a time.
func (h *hostedCall) eachAssigned(since *models.Time, each func(any) error) error {
	zone := h.account.Location()
	for before := int64(0); ; {
		orders, err := models.AssignedTo(h.Store.Read(h.ctx()), h.member.ID, since, before, maxLimit)
		if err != nil || len(orders) == 0 {
			return err
		}
		db := h.Store.Read(h.ctx())
		ids := make([]string, len(orders))
		for i, o := range orders {
			ids[i] = o.ID
		}
		tasks, err := models.TasksOf(db, ids...)
		if err != nil {
			return err
		}
		numbers, err := peers.Numbers(h.ctx(), h.Store, h.member, orders)
		if err != nil {
			return err
		}
		for _, o := range orders {
			w, err := wire.OrderOf(o, numbers[o.ID], tasks[o.ID], zone, func(t *models.Task) (json.RawMessage, error) { return models.TemplateOf(db, t.SurveyHash) })
			if err != nil {
				return err
			}
			if err := each(w); err != nil {
				return err
			}
		}
		before = orders[len(orders)-1].Seq
	}
}

// uploadPictures takes one item: a photo, a survey, or another file.
func (h *hostedCall) uploadPictures() (any, error) {
	in := wire.DecodeItem(h.payload, h.account.Location())
	o, err := peers.OrderNumbered(h.ctx(), h.Store, h.member, in.Number)
	if err != nil {
		return nil, err
	}
	if in.UUID == "" {
		return nil, models.InvalidField("uuid", "Give the item a uuid, so that a repeat is known.")
	}
	if len(in.UUID) < 8 { // a number of the peer's own
		in.UUID = models.DerivedID("peer item", h.member.ID, in.Number, in.UUID)
	}
	n := intake.NewItem{OrderID: o.ID, Kind: models.Photo, UUID: in.UUID, EvidenceType: in.EvidenceType, TakenAt: in.TakenAt, Position: in.Position, Source: models.FromPeer,
		Notes: in.Notes, Device: in.Device, SHA256: in.SHA256, Claims: in.Claims, Origin: in.Origin, By: h.member}
	if len([]rune(n.EvidenceType)) > 60 {
		n.EvidenceType = string([]rune(n.EvidenceType)[:60])
	}
	tasks, err := models.TasksOf(h.Store.Read(h.ctx()), o.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks[o.ID] {
		if in.Task != "" && strings.EqualFold(t.CleanName, models.CleanTaskName(in.Task)) {
			n.TaskID = t.ID
		}
	}
	if n.TaskID == "" && in.Task != "" {
		n.Notes = strings.TrimSpace(n.Notes + "\nTask: " + in.Task) // nothing that was said is lost
	}
	stored, err := h.storeItem(&n, in)
	if err != nil {
		return nil, err
	}
	if _, _, err := h.Intake.AcceptItem(h.ctx(), n, stored); err != nil {
		return nil, err
	}
	return gin.H{"status": true, "error": nil}, nil
}

// storeItem stores the bytes of an item by its kind, and completes the item.
func (h *hostedCall) storeItem(n *intake.NewItem, in wire.Item) (*intake.Bytes, error) {
	switch {
	case in.FileType == "survey":
		answers, err := models.ParseAnswers(in.Answers)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(answers)
		if err != nil {
			return nil, err
		}
		n.Kind, n.SurveyID, n.Answers = models.SurveyResponse, in.SurveyID, string(text)
		return nil, nil
	case strings.HasPrefix(in.FileType, "check"):
		n.Kind = models.CheckIn
		return nil, nil
	case h.file == nil:
		return nil, models.InvalidField("file", "Send the file in a part named file, as multipart/form-data.")
	}
	head := bufio.NewReaderSize(h.file, 64<<10)
	if _, err := head.Peek(1); errors.Is(err, io.EOF) {
		return nil, models.InvalidField("file", "Send the file in a part named file, as multipart/form-data.")
	}
	if in.FileType == "picture" || in.FileType == "photo" {
		stored, err := h.Intake.StoreBytes(h.ctx(), head)
		if err != nil {
			return nil, brokenOff(err)
		}
		return stored, nil
	}
	n.Kind = models.File
	return h.Intake.StoreFile(h.ctx(), in.ContentType(), head)
}

// status takes what a peer reports of orders: viewed, begun, completed. Each is taken for itself; the first that can't be
// is told.
func (h *hostedCall) status() (any, error) {
	updates, err := wire.DecodeStatus(h.payload)
	if err != nil {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: workOrders is no list of objects.")
	}
	var refused gin.H
	for _, u := range updates {
		err := h.takeStatus(u)
		if err == nil {
			continue
		}
		if models.KindOf(err) == "" {
			return nil, err
		}
		if refused == nil {
			refused = gin.H{"workOrderNumber": u.Number, "error": err.Error()}
		}
	}
	h.Intake.Bells.Poke()
	if refused != nil {
		return gin.H{"status": false, "error": refused}, nil
	}
	return gin.H{"status": true, "error": nil}, nil
}

func (h *hostedCall) takeStatus(u wire.StatusUpdate) error {
	found, err := peers.OrderNumbered(h.ctx(), h.Store, h.member, u.Number)
	if err != nil {
		return err
	}
	if !h.member.Sees(found) {
		return models.Errorf(models.NotFound, "The work order %s is not assigned to you any more.", u.Number)
	}
	return h.Store.Write(h.ctx(), func(tx *models.Tx) error {
		o, err := tx.OrderForUpdate(found.ID)
		if err != nil {
			return err
		}
		switch {
		case u.FieldStatus == models.FieldViewed:
			return tx.FirstLook(o, h.member)
		case u.FieldStatus == models.FieldInProcess && o.Lifecycle.State == models.Assigned:
			return h.wish(tx, o, models.Start)
		case u.FieldStatus == models.FieldCompleted && (o.Lifecycle.State == models.Assigned || o.Lifecycle.State == models.InProgress):
			return h.wish(tx, o, models.Complete)
		}
		return nil
	})
}

// wish puts what a peer reports into the order's inbox: its workflow moves the order.
func (h *hostedCall) wish(tx *models.Tx, o *models.WorkOrder, event models.Event) error {
	a := &models.Action{ID: models.DerivedID("reported by a peer", o.ID, string(event), strconv.FormatInt(o.Lifecycle.Version, 10)), AccountID: o.AccountID, WorkOrderID: o.ID, Event: event,
		ActorID: h.member.ID, Inbox: true, Parameters: models.ActionParameters{FromPeer: true}}
	if err := tx.SaveAction(a); err != nil {
		return err
	}
	return tx.Ring(models.OrderBell, o.ID)
}

// multipartValue streams the value of one field of a multipart form.
func multipartValue(body io.Reader, boundary, name string) (io.Reader, error) {
	parts := multipart.NewReader(body, boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, noField(name)
		}
		if err != nil {
			return nil, &wire.ErrNotOrders{Reason: "The form can't be read: it broke off, or is no multipart/form-data."}
		}
		if part.FormName() == name {
			return part, nil
		}
	}
	return nil, noField(name)
}
