package peers

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/wire"
)

// Peer is a system that hosts the external-integration API (domain 8), as we call it.
type Peer struct {
	base, extension           string
	username, password, token string
	account                   string // what we are called to it, where it may be a Fieldproof: see [Peer.As]
	client                    *http.Client
}

// What a call of a peer may take.
const (
	callTime = 2 * time.Minute
	// FetchTime is for all orders of it, and mostOrders what they may hold.
	FetchTime  = 10 * time.Minute
	mostOrders = 256 << 20
	// mostSaid is what any other answer may hold.
	mostSaid = 1 << 20
)

// Of makes the peer of an integration; own is the installation's own address, for Share within it.
func Of(i *models.Integration, secrets models.IntegrationSecrets, own string, client *http.Client) *Peer {
	base := strings.TrimRight(i.Settings.URL, "/")
	if i.Kind == models.ShareIntegration {
		if base == "" {
			base = own
		}
		if !strings.HasSuffix(base, "/integration/v2") {
			base += "/integration/v2"
		}
	}
	extension := i.Settings.Extension
	if extension != "" && !strings.HasPrefix(extension, ".") {
		extension = "." + extension
	}
	digest := ""
	if secrets.Password != "" {
		sum := sha1.Sum([]byte(secrets.Password))
		digest = hex.EncodeToString(sum[:])
	}
	return &Peer{base: base, extension: extension, username: i.Settings.Username, password: digest, token: secrets.Token, client: client}
}

// Host is where the peer is, without the way to its services.
func (p *Peer) Host() string {
	u, err := url.Parse(p.base)
	if err != nil {
		return ""
	}
	return u.Host
}

// At makes the peer of an address with credentials of its own.
func At(base, extension, username, password, token string, client *http.Client) *Peer {
	i := &models.Integration{Settings: models.IntegrationSettings{URL: base, Extension: extension, Username: username}}
	return Of(i, models.IntegrationSecrets{Password: password, Token: token}, "", client)
}

// credentials are texts, always there and never null: peers look at one of them and trip over null.
func (p *Peer) credentials() []wire.Member {
	all := []wire.Member{{Name: "username", Value: p.username}, {Name: "password", Value: p.password}, {Name: "token", Value: p.token}}
	if p.account != "" {
		all = append(all, wire.Member{Name: "fieldproof", Value: Words}, wire.Member{Name: "account", Value: p.account})
	}
	return all
}

// call posts a payload to a service. The answer's body is handed over whatever the status, because peers answer failures
// with 200 and successes with other things.
func (p *Peer) call(ctx context.Context, service string, members ...wire.Member) (*http.Response, error) {
	return p.send(ctx, service, nil, members...)
}

// Upload is a file that goes with a payload. It is read while it is sent: a delivery costs a buffer, whatever its file's size.
type Upload struct {
	Name, ContentType string
	Size              int64
	Open              func(context.Context) (io.ReadCloser, error)
}

// slowest is how many bytes a second a line must carry at least, beside the time that every call has.
const slowest = 128 << 10

// source is a file while it is sent: it remembers whether reading it failed, which is no fault of the peer.
type source struct {
	io.Reader
	mu  sync.Mutex
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *source) failed() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// ErrSource is a file that could not be read while it was sent.
type ErrSource struct{ Cause error }

func (e *ErrSource) Error() string { return "the file could not be read: " + e.Cause.Error() }
func (e *ErrSource) Unwrap() error { return e.Cause }

type closing struct {
	io.Reader
	io.Closer
}

// send posts a payload: multipart, the payload its first part, then the file.
func (p *Peer) send(ctx context.Context, service string, file *Upload, members ...wire.Member) (*http.Response, error) {
	payload, err := wire.Payload(append(p.credentials(), members...)...)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("payload", payload); err != nil {
		return nil, err
	}
	if file != nil {
		header := textproto.MIMEHeader{"Content-Type": {file.ContentType},
			"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, models.SafeFileName(file.Name))}}
		if _, err := form.CreatePart(header); err != nil {
			return nil, err
		}
	}
	head := body.Len()
	if err := form.Close(); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/"+service+p.extension, &body)
	if err != nil {
		return nil, err
	}
	var from *source
	if file != nil {
		content, err := file.Open(ctx)
		if err != nil {
			return nil, &ErrSource{err}
		}
		from = &source{Reader: content}
		text := body.Bytes()
		request.Body = closing{io.MultiReader(bytes.NewReader(text[:head]), from, bytes.NewReader(text[head:])), content}
		request.ContentLength, request.GetBody = int64(len(text))+file.Size, nil
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("User-Agent", "Fieldproof")
	response, err := p.client.Do(request)
	if failed := from.failed(); err != nil && failed != nil && ctx.Err() == nil {
		return nil, &ErrSource{failed}
	}
	if err != nil {
		if errors.Is(err, guard.ErrAddress) {
			return nil, guard.ErrAddress
		}
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() {
			return nil, fmt.Errorf("%s did not answer in time", p.base)
		}
		return nil, fmt.Errorf("%s does not answer: %w", p.base, errors.Unwrap(err))
	}
	return response, nil
}

// Refused is an answer of a peer that is no success; it is shown in the peer's own words.
type Refused struct {
	Status  int // of HTTP
	Message string
	State   models.LinkState // where the link stands, when it is that by which the peer, a Fieldproof, refuses us; else ""
	Code    string           // of a Fieldproof: why, in a word
}

// stateSaid is where the link stands, as a peer says it when it refuses us.
func stateSaid(text string) models.LinkState {
	switch s := models.LinkState(text); s {
	case models.LinkWaiting, models.LinkPaused, models.LinkRefused, models.LinkEnded:
		return s
	}
	return ""
}

func (e *Refused) Error() string { return e.Message }

// Tell calls uploadPictures or status, and reads the answer: status true, a boolean, is success and nothing else. Peers
// answer failures with 200, JSON as text/html, and errors as text or object; what they say is shown. more is what else a
// Fieldproof answers.
func (p *Peer) Tell(ctx context.Context, service string, file *Upload, members ...wire.Member) (answered string, more map[string]json.RawMessage, err error) {
	within := callTime
	if file != nil {
		within += time.Duration(file.Size/slowest) * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	response, err := p.send(ctx, service, file, members...)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostSaid))
	if err != nil {
		return "", nil, fmt.Errorf("the peer's answer broke off: %w", err)
	}
	var answer struct {
		Status any             `json:"status"`
		Error  json.RawMessage `json:"error"`
		State  string          `json:"linkState"`
	}
	trimmed := bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xEF\xBB\xBF"))
	whole := json.Unmarshal(trimmed, &answer) == nil
	if whole {
		more, _ = wire.Members(trimmed)
	}
	if whole && answer.Status == true && response.StatusCode/100 == 2 {
		return said(body), more, nil
	}
	code := wire.Text(more, "code")
	if text := errorText(answer.Error); text != "" {
		return said(body), more, &Refused{Status: response.StatusCode, Message: "The peer said: " + text, Code: code, State: stateSaid(answer.State)}
	}
	return said(body), more, &Refused{Status: response.StatusCode, Message: fmt.Sprintf("The peer answered %s: %s", response.Status, said(body)), Code: code}
}

// Lacks asks a Fieldproof which of some items it lacks; at most [MostHeld] at a time.
func (p *Peer) Lacks(ctx context.Context, items []wire.Held) ([]string, error) {
	member, err := wire.HeldMember(items)
	if err != nil {
		return nil, err
	}
	_, more, err := p.Tell(ctx, "lacks", nil, member)
	if err != nil {
		return nil, err
	}
	lacking, err := wire.Texts(more["lacks"])
	if err != nil {
		return nil, &Refused{Status: http.StatusOK, Message: "The peer does not say what it lacks."}
	}
	return lacking, nil
}

// said is the beginning of an answer, for people.
func said(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 300)]), "�")), " ")
	if text == "" {
		return "nothing"
	}
	return text
}

// Validate asks the peer whether the credentials are good, and tells it where to push.
func (p *Peer) Validate(ctx context.Context, pushURL string) error {
	return p.validate(ctx, nil, wire.Member{Name: "pushkey", Value: pushURL})
}

// validate calls validate and reads more of its answer, where it went well, into also.
func (p *Peer) validate(ctx context.Context, also any, members ...wire.Member) error {
	var answer struct {
		Validated any `json:"validated"`
		Error     any `json:"error"`
		State     any `json:"linkState"`
	}
	status, body, err := p.ask(ctx, "validate", &answer, members...)
	if err != nil {
		return err
	}
	if answer.Validated == true {
		if also != nil && json.Unmarshal(body, also) != nil {
			return &Refused{Status: http.StatusOK, Message: "The peer validated, but what it says of itself can't be read: " + said(body)}
		}
		return nil
	}
	if text, ok := answer.Error.(string); ok && text != "" {
		state, _ := answer.State.(string)
		return &Refused{Status: http.StatusOK, Message: "The peer said: " + text, State: stateSaid(state)}
	}
	return &Refused{Status: http.StatusOK, Message: fmt.Sprintf("The peer answered %s and did not validate: %s", status, said(body))}
}

// ask calls a service and reads its answer into answer, whatever the status.
func (p *Peer) ask(ctx context.Context, service string, answer any, members ...wire.Member) (status string, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	response, err := p.call(ctx, service, members...)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, mostSaid))
	if err != nil {
		return "", nil, fmt.Errorf("the peer's answer broke off: %w", err)
	}
	body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xEF\xBB\xBF"))
	if bytes.Contains(body, []byte(`\u0000`)) || json.Unmarshal(body, answer) != nil { // NUL can't be kept
		return response.Status, body, &Refused{Status: response.StatusCode, Message: fmt.Sprintf("The peer answered %s, which is no answer to %s: %s", response.Status, service, said(body))}
	}
	return response.Status, body, nil
}

// Since is from where orders are fetched: by a time of the peer's clock or, of a Fieldproof, by the cursor that it gave last.
// The zero one fetches all. Where orders are named it is those, whenever they changed: by what a Fieldproof calls them.
type Since struct {
	At     *models.Time
	Cursor string
	Orders []string
}

// GetWorkOrders fetches the orders that changed since then to a file on the disk, so that a slow database never holds the
// peer's connection. Whoever called it removes the file. at is when the peer answered, by its own clock; nil when it does
// not say.
func (p *Peer) GetWorkOrders(ctx context.Context, since Since) (path string, at *models.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, FetchTime)
	defer cancel()
	from := wire.Member{Name: "timestamp"}
	switch {
	case len(since.Orders) > 0:
		ids, err := json.Marshal(since.Orders)
		if err != nil {
			return "", nil, err
		}
		from = wire.Member{Name: "orders", Value: string(ids)}
	case since.Cursor != "":
		from = wire.Member{Name: "cursor", Value: since.Cursor}
	case since.At != nil:
		from.Value = since.At.Unix()
	}
	response, err := p.call(ctx, "getWorkOrders", from)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	if said, err := http.ParseTime(response.Header.Get("Date")); err == nil && models.Keepable(said) {
		date := models.At(said)
		at = &date
	}
	file, err := os.CreateTemp("", "fieldproof-orders-")
	if err != nil {
		return "", nil, err
	}
	n, err := io.Copy(file, io.LimitReader(response.Body, mostOrders+1))
	err = errors.Join(err, file.Close())
	switch {
	case err != nil:
		err = fmt.Errorf("the peer's answer broke off after %d bytes: %w", n, err)
	case n > mostOrders:
		err = &Refused{Status: response.StatusCode, Message: fmt.Sprintf("The peer's answer is larger than %d MB.", mostOrders>>20)}
	case response.StatusCode/100 != 2:
		err = &Refused{Status: response.StatusCode, Message: "The peer answered " + response.Status + ": " + headOf(file.Name())}
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return file.Name(), at, err
}

func headOf(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	head := make([]byte, 300)
	n, _ := io.ReadFull(file, head)
	return said(head[:n])
}

// eachOrder reads a peer's answer: a list, null or nothing that is meant for none; an error text fails it. rest is what else
// the answer says.
func eachOrder(path string, each func(json.RawMessage) error) (rest map[string]json.RawMessage, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	orders := 0
	rest, err = wire.EachOrder(file, true, func(raw json.RawMessage) error {
		orders++
		if len(raw) == 0 || raw[0] != '{' {
			return nil // nulls between the orders
		}
		return each(raw)
	})
	var no *wire.ErrNotOrders
	if errors.As(err, &no) {
		return nil, &Refused{Status: http.StatusOK, Message: "The peer answered nonsense (" + no.Reason + "): " + headOf(path)}
	}
	if err != nil {
		return nil, err
	}
	if orders == 0 {
		if text := errorText(rest["error"]); text != "" && !strings.EqualFold(text, "success") {
			return nil, &Refused{Status: http.StatusOK, Message: "The peer said: " + text, State: stateSaid(wire.Text(rest, "linkState"))}
		}
		if text := errorText(rest["answer"]); text != "" && !harmless(text) {
			return nil, &Refused{Status: http.StatusOK, Message: "The peer answered nonsense: " + headOf(path)}
		}
	}
	return rest, nil
}

// harmless are the answers by which peers mean that there is nothing.
func harmless(text string) bool {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return true
	}
	return text == "true" || text == "null" || text == "success"
}

func errorText(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "false" {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")
	if text := []rune(s); len(text) > longestError {
		s = string(text[:longestError]) + "…"
	}
	return s
}

// longestError is how much of a peer's words is kept, in characters.
const longestError = 2000
