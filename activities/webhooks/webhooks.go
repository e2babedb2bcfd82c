// Package webhooks sends the messages of web-hook endpoints, by the Standard Webhooks rules
// (https://www.standardwebhooks.com): one id a message over all tries, a signature over id, time and body.
package webhooks

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.temporal.io/sdk/activity"
	"gorm.io/gorm"

	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/workflows/protocol"
)

// Webhooks sends messages.
type Webhooks struct {
	Store  *models.Store
	Blobs  *storage.Store
	Sealer *models.Sealer
	Client *http.Client
	Log    *slog.Logger
}

// New makes a Webhooks whose requests reach only what network allows.
func New(store *models.Store, blobs *storage.Store, sealer *models.Sealer, network *guard.Network, log *slog.Logger) *Webhooks {
	return &Webhooks{Store: store, Blobs: blobs, Sealer: sealer, Client: network.Client(20 * time.Second), Log: log}
}

const (
	batchSize = 128
	sideways  = 16 // messages under way at once to one endpoint
	passTime  = 40 * time.Minute
)

// retries are the rests after each failed try of a message, and of an endpoint that rests as a whole; the last repeats
// until the message is given up.
var retries = []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}

// restAfter is up to a fifth longer than the table says, so that what failed together does not come back together.
func restAfter(failures int64) time.Duration {
	rest := retries[min(max(failures, 1), int64(len(retries)))-1]
	return rest + rand.N(rest/5)
}

// SendWebhooks sends what is due at an endpoint, many at once, until nothing is. When every message of a batch fails
// the endpoint rests as a whole, and then a single message probes whether it is back.
func (w *Webhooks) SendWebhooks(ctx context.Context, destinationID string) (protocol.WebhookResult, error) {
	var pass protocol.WebhookResult
	until := time.Now().Add(passTime)
	for time.Now().Before(until) {
		if activity.IsActivity(ctx) {
			activity.RecordHeartbeat(ctx, pass.Sent)
		}
		d, err := models.One[models.Destination](w.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", destinationID), "destination")
		if models.KindOf(err) == models.NotFound {
			return pass, nil
		}
		if err != nil {
			return pass, err
		}
		scoped := models.InAccount(ctx, d.AccountID)
		if d.DeletedAt != nil || !d.Enabled {
			return pass, w.dropAll(scoped, d)
		}
		pass.LastError = "the endpoint takes nothing; its log says why"
		if d.ProbeAt != nil && d.ProbeAt.After(time.Now()) {
			pass.NextSeconds = seconds(time.Until(d.ProbeAt.Time))
			return pass, nil
		}
		due, err := w.due(scoped, d)
		if err != nil {
			return pass, err
		}
		if len(due) == 0 {
			pass.NextSeconds, err = w.next(scoped, d)
			return pass, err
		}
		sent, err := w.sendBatch(scoped, d, due)
		pass.Sent += sent
		if err != nil {
			return pass, err
		}
	}
	pass.NextSeconds = 1
	return pass, nil
}

func seconds(d time.Duration) int64 { return max(1, int64(d.Seconds()+0.999)) }

const unsent = "destination_id = ? AND state IN ('pending', 'retrying')"

func (w *Webhooks) due(ctx context.Context, d *models.Destination) ([]*models.WebhookMessage, error) {
	var due []*models.WebhookMessage
	q := w.Store.Read(ctx).Where(unsent+" AND next_attempt_at <= ?", d.ID, models.Now())
	if d.FailingSince != nil {
		// One that somebody waits for, and that the endpoint has not refused yet, is the best probe.
		return due, q.Order("CASE WHEN delivery_id IS NULL THEN 1 ELSE 0 END, attempts, seq").Limit(1).Find(&due).Error
	}
	return due, q.Order("next_attempt_at, seq").Limit(batchSize).Find(&due).Error
}

func (w *Webhooks) next(ctx context.Context, d *models.Destination) (int64, error) {
	var soonest []models.WebhookMessage
	err := w.Store.Read(ctx).Select("next_attempt_at").Where(unsent, d.ID).Order("next_attempt_at").Limit(1).Find(&soonest).Error
	if err != nil || len(soonest) == 0 || soonest[0].NextAttemptAt == nil {
		return 0, err
	}
	return seconds(time.Until(soonest[0].NextAttemptAt.Time)), nil
}

// dropAll ends the messages of an endpoint that is switched off or deleted.
func (w *Webhooks) dropAll(ctx context.Context, d *models.Destination) error {
	reason := "the web-hook was switched off"
	if d.DeletedAt != nil {
		reason = "the web-hook was deleted"
	}
	return w.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Model(&models.WebhookMessage{}).Where(unsent, d.ID).
			Updates(map[string]any{"state": models.DeliveryFailed, "last_error": reason, "next_attempt_at": nil}).Error
	})
}

// answer is what became of one try.
type answer struct {
	message *models.WebhookMessage
	at      models.Time
	took    time.Duration
	status  int
	said    string
	size    int // of the body that was sent
	err     error
	rest    time.Duration // asked for by Retry-After
}

func (w *Webhooks) sendBatch(ctx context.Context, d *models.Destination, due []*models.WebhookMessage) (sent int, err error) {
	var secrets models.DestinationSecrets
	if err := w.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets); err != nil {
		return 0, err
	}
	answers := make([]answer, len(due))
	slots := make(chan struct{}, sideways)
	var wg sync.WaitGroup
	for i, m := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			answers[i] = w.send(ctx, d, &secrets, m)
			if activity.IsActivity(ctx) {
				activity.RecordHeartbeat(ctx)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return 0, ctx.Err() // what was sent is sent again under the same id
	}
	for _, a := range answers {
		if a.err == nil {
			sent++
		}
	}
	return sent, w.record(ctx, d, answers, sent)
}

// record writes the outcomes of a batch in one transaction, and with them whether the endpoint rests.
func (w *Webhooks) record(ctx context.Context, d *models.Destination, answers []answer, sent int) error {
	return w.Store.Write(ctx, func(tx *models.Tx) error {
		now := models.Now()
		attempts := make([]models.Attempt, len(answers))
		var lastError string
		gone := false
		var arrived []string
		for i, a := range answers {
			m := a.message
			m.Attempts++
			attempts[i] = models.Attempt{AccountID: d.AccountID, DeliveryID: m.DeliveryID, MessageID: &m.ID, At: a.at, Milliseconds: a.took.Milliseconds(), Status: int64(a.status), Answer: a.said,
				Request: fmt.Sprintf("POST %s, %s, %d bytes", models.Redact(d.Settings.URL), m.Type, a.size)}
			m.NextAttemptAt = nil
			switch {
			case a.err == nil:
				m.State, m.LastError, m.DeliveredAt = models.DeliveryDelivered, "", &now
			case now.After(m.GiveUpAt.Time):
				m.State, m.LastError = models.DeliveryFailed, models.ErrorText(a.err)
			default:
				next := models.At(now.Add(max(restAfter(m.Attempts), a.rest)))
				m.State, m.LastError, m.NextAttemptAt = models.DeliveryRetrying, models.ErrorText(a.err), &next
			}
			if a.err == nil {
				arrived = append(arrived, m.ID)
				continue
			}
			attempts[i].Error, lastError = models.ErrorText(a.err), models.ErrorText(a.err)
			gone = gone || a.status == http.StatusGone
			if err := tx.Select("state", "attempts", "last_error", "next_attempt_at", "delivered_at").Updates(m).Error; err != nil {
				return err
			}
			if m.State == models.DeliveryFailed {
				if err := tx.Raise(alertOf(d, models.AlertFailedDelivery, m.ID, "A web-hook message did not reach "+d.Name, m.LastError, "Mend the endpoint, then replay its messages.")); err != nil {
					return err
				}
			}
		}
		if len(arrived) > 0 {
			err := tx.Model(&models.WebhookMessage{}).Where("id IN ?", arrived).
				Updates(map[string]any{"state": models.DeliveryDelivered, "attempts": gorm.Expr("attempts + 1"), "last_error": "", "next_attempt_at": nil, "delivered_at": now}).Error
			if err != nil {
				return err
			}
		}
		if err := tx.Create(&attempts).Error; err != nil {
			return err
		}
		return w.judge(tx, d, sent, lastError, gone)
	})
}

// failingForDays is after how long without a single success an endpoint is switched off.
const failingForDays = 5 * 24 * time.Hour

// failingForLong is after how many failed probes in a row somebody is told.
const failingForLong = 4

// judge lets an endpoint rest or wakes it, by how its last batch went.
func (w *Webhooks) judge(tx *models.Tx, d *models.Destination, sent int, lastError string, gone bool) error {
	now := models.Now()
	columns := []string{"failing_since", "failures", "probe_at", "last_error", "enabled"}
	switch {
	case gone:
		d.Enabled, d.LastError, d.ProbeAt = false, "The endpoint answered 410 Gone, so it was switched off.", nil
		if err := tx.Raise(alertOf(d, models.AlertWebhookFailing, d.ID, d.Name+" was switched off", d.LastError, "Give the web-hook a new address, switch it on and replay its messages.")); err != nil {
			return err
		}
	case sent == 0 && d.FailingSince != nil && now.Sub(d.FailingSince.Time) > failingForDays:
		d.Enabled, d.ProbeAt, d.LastError = false, nil, "The endpoint has taken nothing for days, so it was switched off. Its last answer: "+lastError
		if err := tx.Raise(alertOf(d, models.AlertWebhookFailing, d.ID, d.Name+" was switched off", d.LastError, "Mend the endpoint, switch the web-hook on, and replay what failed.")); err != nil {
			return err
		}
	case sent == 0:
		if d.FailingSince == nil {
			d.FailingSince = &now
		}
		d.Failures++
		probe := models.At(now.Add(restAfter(d.Failures)))
		d.ProbeAt, d.LastError = &probe, lastError
		if d.Failures == failingForLong {
			if err := tx.Raise(alertOf(d, models.AlertWebhookFailing, d.ID, d.Name+" does not take our messages", lastError, "Mend the endpoint; the messages are kept and sent again by themselves for three days.")); err != nil {
				return err
			}
		}
	case d.FailingSince != nil:
		d.FailingSince, d.Failures, d.ProbeAt, d.LastError = nil, 0, nil, ""
		if err := tx.Model(&models.WebhookMessage{}).Where(unsent, d.ID).Update("next_attempt_at", now).Error; err != nil {
			return err
		}
	default:
		return nil
	}
	return tx.Select(columns).Updates(d).Error
}

func alertOf(d *models.Destination, kind, subject, title, detail, remedy string) *models.Alert {
	return &models.Alert{AccountID: d.AccountID, Kind: kind, Subject: subject, Title: title, Detail: detail, Remedy: remedy}
}

// send tries one message.
func (w *Webhooks) send(ctx context.Context, d *models.Destination, secrets *models.DestinationSecrets, m *models.WebhookMessage) answer {
	a := answer{message: m, at: models.Now()}
	body, err := w.body(ctx, d, m)
	if err != nil {
		a.err = err
		return a
	}
	a.size = len(body)
	a.status, a.said, a.rest, a.err = w.Post(ctx, d, secrets, m.ID, body)
	a.took = time.Since(a.at.Time)
	return a
}

// message is the body of a web-hook (contract: web-hook body).
type message struct {
	Type      string          `json:"type"`
	Timestamp models.Time     `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// maxInline is the largest photo that is put into a body.
const maxInline = 20 << 20

// body writes a message as it was frozen; the photo, when the endpoint wants it, is read from its immutable bytes.
func (w *Webhooks) body(ctx context.Context, d *models.Destination, m *models.WebhookMessage) ([]byte, error) {
	var photo []byte
	if m.ItemID != "" && d.Settings.IncludeFile {
		item, err := models.One[models.Item](w.Store.Read(ctx).Select("blob_key", "size").Where("id = ?", m.ItemID), "item")
		if err != nil {
			return nil, err
		}
		if item.BlobKey != "" && item.Size <= maxInline {
			if photo, err = w.read(ctx, item); err != nil {
				return nil, err
			}
		}
	}
	if d.Settings.Template != "" {
		return w.filled(ctx, d, m, base64.StdEncoding.EncodeToString(photo))
	}
	data := json.RawMessage(m.Data)
	if photo == nil {
		return json.Marshal(message{Type: m.Type, Timestamp: m.At, Data: data})
	}
	// The file's place is marked and filled last: JSON's encoder would go through its megabytes again at every level.
	mark := "file of " + m.ID
	data, err := withFile(data, mark)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(message{Type: m.Type, Timestamp: m.At, Data: data})
	if err != nil {
		return nil, err
	}
	before, after, found := bytes.Cut(text, []byte(`"`+mark+`"`))
	if !found {
		return nil, errors.New("webhooks: a body lost the place of its file")
	}
	body := make([]byte, 0, len(text)+base64.StdEncoding.EncodedLen(len(photo)))
	body = append(append(body, before...), '"')
	body = base64.StdEncoding.AppendEncode(body, photo)
	return append(append(body, '"'), after...), nil
}

// filled is the body by the endpoint's own template.
func (w *Webhooks) filled(ctx context.Context, d *models.Destination, m *models.WebhookMessage, file string) ([]byte, error) {
	var data models.WebhookData
	if err := json.Unmarshal([]byte(m.Data), &data); err != nil {
		return nil, err
	}
	account, err := w.Store.AccountByID(ctx, d.AccountID)
	if err != nil {
		return nil, err
	}
	c, err := contentOf(account, data, m.Type, m.ID, m.At)
	if err != nil {
		return nil, err
	}
	c.File = file
	return render(d.Settings.Template, c)
}

func (w *Webhooks) read(ctx context.Context, item *models.Item) ([]byte, error) {
	reader, err := w.Blobs.Get(ctx, item.BlobKey)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	photo := make([]byte, item.Size)
	_, err = io.ReadFull(reader, photo)
	return photo, err
}

func withFile(data json.RawMessage, file string) (json.RawMessage, error) {
	var members, fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(members["item"], &fields); err != nil {
		return nil, err
	}
	fields["file"] = json.RawMessage(`"` + file + `"`)
	var err error
	if members["item"], err = json.Marshal(fields); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// Post sends one signed body to an endpoint. Any 2xx is success; the error says what the other side answered.
func (w *Webhooks) Post(ctx context.Context, d *models.Destination, secrets *models.DestinationSecrets, id string, body []byte) (status int, said string, rest time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Settings.URL, bytes.NewReader(body))
	if err != nil {
		return 0, "", 0, err
	}
	now := time.Now()
	signature, err := sign(secrets, id, now, body)
	if err != nil {
		return 0, "", 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Fieldproof")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	if secrets.Authorization != "" {
		request.Header.Set("Authorization", secrets.Authorization)
	}
	response, err := w.Client.Do(request)
	if err != nil {
		if errors.Is(err, guard.ErrAddress) {
			return 0, "", 0, guard.ErrAddress
		}
		return 0, "", 0, err
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
	said = strings.ToValidUTF8(strings.ReplaceAll(string(answer), "\x00", ""), "�")
	if response.StatusCode/100 == 2 {
		return response.StatusCode, said, 0, nil
	}
	if after, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && after > 0 {
		rest = min(time.Duration(after)*time.Second, time.Hour)
	}
	return response.StatusCode, said, rest, fmt.Errorf("the endpoint answered %s", response.Status)
}

// sign makes the signature header; after a rotation the old secret signs along for its last day.
func sign(secrets *models.DestinationSecrets, id string, at time.Time, body []byte) (string, error) {
	keys := []string{secrets.Signing}
	if secrets.OldSigning != "" && secrets.OldUntil != nil && at.Before(secrets.OldUntil.Time) {
		keys = append(keys, secrets.OldSigning)
	}
	var signatures []string
	for _, key := range keys {
		signer, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			return "", err
		}
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

// Test sends a message of type test, once, and tells what the endpoint answered.
func (w *Webhooks) Test(ctx context.Context, d *models.Destination) (status int, err error) {
	var secrets models.DestinationSecrets
	if err := w.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets); err != nil {
		return 0, err
	}
	body, err := json.Marshal(message{Type: "test", Timestamp: models.Now(), Data: json.RawMessage(`{"message":"A test by Fieldproof."}`)})
	if err != nil {
		return 0, err
	}
	status, _, _, err = w.Post(ctx, d, &secrets, "msg_"+models.NewID(), body)
	return status, err
}
