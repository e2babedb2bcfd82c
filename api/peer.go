package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/wire"
)

// maxPayload is the most of a payload that is read, in bytes.
const maxPayload = 8 << 20

// callPeerService is one call of the external-integration API. Failures are 200 with an error, as its callers read them.
func (s *Server) callPeerService(g *gin.Context) {
	service, err := peers.ServiceOf(g.Param("service"))
	if err != nil {
		(&call{Context: g, server: s}).fail(err)
		return
	}
	p := &peerCall{Server: s, g: g, service: service}
	defer p.close()
	answer, err := p.serve()
	var none *peers.ErrNoService
	if errors.As(err, &none) {
		(&call{Context: g, server: s}).fail(err)
		return
	}
	p.answer(answer, err)
}

// peerCall is one call while it is answered.
type peerCall struct {
	*Server
	g       *gin.Context
	service *peers.Service
	file    io.Reader // what follows the payload, or what was put aside before it
	aside   *os.File
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

func (p *peerCall) close() {
	if p.decoded != nil {
		p.decoded()
	}
	if p.text != nil {
		p.text.close()
	}
	if p.aside != nil {
		_ = p.aside.Close()
		_ = os.Remove(p.aside.Name())
	}
	if p.room != nil {
		p.room.close()
	}
}

// read finds the payload: a form field, url-encoded or multipart, or the body itself as JSON.
func (p *peerCall) read() (payload map[string]json.RawMessage, err error) {
	p.body = &strangersBody{r: p.g.Request.Body, control: http.NewResponseController(p.g.Writer)}
	body := bufio.NewReaderSize(p.body, 128<<10)
	kind, params, _ := mime.ParseMediaType(p.g.GetHeader("Content-Type"))
	var text []byte
	switch {
	case kind == "multipart/form-data":
		text, err = p.readParts(multipart.NewReader(body, params["boundary"]))
	case firstByte(body) == '{':
		text, err = p.readText(body)
	default:
		var value io.Reader
		if value, err = formValue(body, "payload"); err == nil {
			text, err = p.readText(value)
		}
	}
	var no *wire.ErrNotOrders
	if errors.As(err, &no) {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: %s", no.Reason)
	}
	if err != nil {
		return nil, err
	}
	models.MendJSON(text)
	if err := models.CheckJSON(text); err != nil {
		return nil, err
	}
	if p.decoded, err = p.decoding(p.g.Request.Context(), int64(len(text))); err != nil {
		return nil, err
	}
	if payload, err = wire.Members(text); err != nil {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: the payload is not JSON.")
	}
	if inner, there := payload["payload"]; there && len(payload) == 1 { // {"payload": {…}}
		if inner, err = wire.InlineSurvey(inner); err == nil {
			payload, err = wire.Members(inner)
		}
	}
	if err != nil {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: the payload is not JSON.")
	}
	return payload, nil
}

// readText reads the payload, within what a stranger may keep here.
func (p *peerCall) readText(r io.Reader) ([]byte, error) {
	p.text = &sharedReader{r: r, share: p.bounds.texts, network: models.Network(p.g.ClientIP())}
	return readAtMost(p.text, maxPayload)
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
func (p *peerCall) readParts(parts *multipart.Reader) ([]byte, error) {
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
			text, err := p.readText(part)
			if p.file == nil {
				p.file = &nextFile{parts: parts}
			}
			return text, err
		case part.FileName() != "" || part.FormName() == "file":
			if err := p.putAside(part); err != nil {
				return nil, err
			}
		}
	}
}

func (p *peerCall) putAside(part io.Reader) error {
	if p.aside != nil {
		return models.Errorf(models.Malformed, "Send one file a call.")
	}
	var err error
	if p.aside, err = os.CreateTemp("", "fieldproof-upload-"); err != nil {
		return err
	}
	p.room = &sharedReader{r: io.LimitReader(part, p.Intake.Limits.MaxBytes+1), share: p.bounds.aside, network: models.Network(p.g.ClientIP())}
	n, err := io.Copy(p.aside, p.room)
	if err != nil {
		return brokenOff(err)
	}
	if n > p.Intake.Limits.MaxBytes {
		return models.Errorf(models.TooLarge, "The file is larger than %d MB.", p.Intake.Limits.MaxBytes>>20)
	}
	if _, err := p.aside.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.file = p.aside
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

// watched is a file that remembers why it could not be read to its end.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// serve reads the payload, and has the host answer whoever its credentials are good for.
func (p *peerCall) serve() (peers.Answer, error) {
	payload, err := p.read()
	if err != nil {
		return nil, p.service.Unread(err)
	}
	ctx := p.g.Request.Context()
	c, err := p.host.Admit(ctx, p.service, payload, p.g.ClientIP())
	if err != nil {
		return nil, err
	}
	known(p.g)
	p.body.patient = &patientReader{r: p.body.r, control: p.body.control}
	file := &watched{r: p.file}
	if p.file != nil {
		c.File = file
	}
	p.g.Header("Content-Type", "application/json; charset=utf-8")
	c.Out, c.As = p.g.Writer, func(contentType string) { p.g.Header("Content-Type", contentType) }
	answer, err := p.host.Answer(ctx, c)
	if err != nil && file.err != nil {
		err = brokenOff(errors.Join(err, file.err))
	}
	return answer, err
}

// answer writes what a service answers. A failure of ours is a 503 that the peer repeats; nearly everything else is a 200
// that says what is wrong.
func (p *peerCall) answer(out peers.Answer, err error) {
	switch written := p.g.Writer.Written(); {
	case err == nil && !written:
		p.g.JSON(http.StatusOK, out)
		return
	case err == nil:
		return
	case written:
		p.Log.Warn("an answer to a peer broke off", "service", p.service.Name(), "error", err)
		panic(http.ErrAbortHandler)
	}
	status := http.StatusOK
	switch kind := models.KindOf(err); kind {
	case models.TooMany, models.TooLarge, models.NoRoom, models.Unavailable:
		status = statusOf[kind]
	case "":
		p.fault(p.g.Request.Context(), "a call of a peer failed", "service", p.service.Name(), "error", err)
		status = http.StatusServiceUnavailable
	}
	var refused *models.Error
	if errors.As(err, &refused) && refused.Wait > 0 {
		p.g.Header("Retry-After", strconv.Itoa(int(math.Ceil(refused.Wait.Seconds()))))
	} else if status == http.StatusServiceUnavailable {
		p.g.Header("Retry-After", strconv.Itoa(retryAfter))
	}
	_, _ = io.CopyN(io.Discard, p.g.Request.Body, drains)
	p.g.JSON(status, p.service.Refusal(err))
}
