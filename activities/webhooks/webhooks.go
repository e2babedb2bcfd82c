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
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"fieldproof/activities/attempts"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/wire"
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

// SendWebhooks sends what is due at an endpoint, many at once, until nothing is. When every message of a batch fails
// the endpoint rests as a whole, and then a single message probes whether it is back.
func (w *Webhooks) SendWebhooks(ctx context.Context, destinationID string) (protocol.WebhookResult, error) {
	defer attempts.Beat(ctx)()
	var pass protocol.WebhookResult
	until := time.Now().Add(passTime)
	for time.Now().Before(until) {
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
			pass.NextSeconds = attempts.Until(d.ProbeAt)
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
	if err != nil || len(soonest) == 0 {
		return 0, err
	}
	return attempts.Until(soonest[0].NextAttemptAt), nil
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

// try is one try of a message.
type try = attempts.Try[models.WebhookMessage, *models.WebhookMessage]

func (w *Webhooks) sendBatch(ctx context.Context, d *models.Destination, due []*models.WebhookMessage) (sent int, err error) {
	var secrets models.DestinationSecrets
	if err := w.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets); err != nil {
		return 0, err
	}
	tries, failures := make([]try, len(due)), make([]error, len(due))
	slots := make(chan struct{}, sideways)
	var wg sync.WaitGroup
	for i, m := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			tries[i].Row = m
			tries[i].Outcome, failures[i] = attempts.Do(ctx, func(ctx context.Context) attempts.Outcome { return w.send(ctx, d, &secrets, m) })
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return 0, ctx.Err() // what was sent is sent again under the same id
	}
	var made []try // without those for which we had no bytes: the endpoint can nothing for it
	for i, t := range tries {
		if failures[i] != nil {
			continue
		}
		if made = append(made, t); t.Outcome.Err == nil {
			sent++
		}
	}
	return sent, errors.Join(w.record(ctx, d, made, sent), errors.Join(failures...))
}

// record writes the outcomes of a batch in one transaction, and with them whether the endpoint rests.
func (w *Webhooks) record(ctx context.Context, d *models.Destination, tries []try, sent int) error {
	if len(tries) == 0 {
		return nil
	}
	use := attempts.Use[models.WebhookMessage, *models.WebhookMessage]{Policy: d.Kind.Policy(), Alert: func(m *models.WebhookMessage, _ attempts.Verdict) *models.Alert {
		return &models.Alert{AccountID: d.AccountID, Kind: models.AlertFailedDelivery, Subject: m.ID, Says: "message_failed", Args: []any{"where", d.Name}}
	}}
	lastError, gone := "", false
	for _, t := range tries {
		if t.Outcome.Err != nil {
			lastError = models.ErrorText(t.Outcome.Err)
			gone = gone || t.Outcome.Status == http.StatusGone
		}
	}
	return w.Store.Write(ctx, func(tx *models.Tx) error {
		if err := use.Keep(tx, tries...); err != nil {
			return err
		}
		return w.judge(tx, d, sent, lastError, gone)
	})
}

// failingForDays is after how long without a single success an endpoint is switched off.
const failingForDays = 5 * 24 * time.Hour

// failingForLong is after how many failed probes in a row somebody is told.
const failingForLong = 4

// judge lets an endpoint rest or wakes it, by how its last batch went. What somebody changed of it meanwhile stays.
func (w *Webhooks) judge(tx *models.Tx, d *models.Destination, sent int, lastError string, gone bool) error {
	if sent > 0 && !gone && d.FailingSince == nil {
		return nil
	}
	woke := false
	var alert *models.Alert
	at, err := models.Edit(tx, "destination", func(d *models.Destination) error {
		switch {
		case gone:
			d.Enabled, d.LastError, d.ProbeAt = false, "The endpoint answered 410 Gone, so it was switched off.", nil
			alert = alertOf(d, "hook_gone", "")
		case sent > 0:
			woke = true
			d.Works()
		case d.FailingSince != nil && time.Since(d.FailingSince.Time) > failingForDays:
			d.Enabled, d.ProbeAt, d.LastError = false, nil, "The endpoint has taken nothing for days, so it was switched off. Its last answer: "+lastError
			alert = alertOf(d, "hook_off", lastError)
		default:
			if d.Fails(d.Kind.Policy(), lastError); d.Failures == failingForLong {
				alert = alertOf(d, "hook_fails", lastError)
			}
		}
		return nil
	}, "id = ?", d.ID)
	if err != nil {
		return err
	}
	if alert != nil {
		if err := tx.Raise(alert); err != nil {
			return err
		}
	}
	if woke {
		return tx.Model(&models.WebhookMessage{}).Where(unsent, at.ID).Update("next_attempt_at", models.Now()).Error
	}
	return nil
}

// alertOf is what people are told of a web-hook as a whole, with the last answer of its endpoint.
func alertOf(d *models.Destination, says, answer string) *models.Alert {
	return &models.Alert{AccountID: d.AccountID, Kind: models.AlertWebhookFailing, Subject: d.ID, Says: says, Args: []any{"where", d.Name}, Detail: answer}
}

// send tries one message.
func (w *Webhooks) send(ctx context.Context, d *models.Destination, secrets *models.DestinationSecrets, m *models.WebhookMessage) (o attempts.Outcome) {
	body, err := w.body(ctx, d, m)
	o.Request = fmt.Sprintf("POST %s, %s, %d bytes", models.Redact(d.Settings.URL), m.Type, len(body))
	if err != nil {
		o.Err = err
		return o
	}
	o.Status, o.Answer, o.Rest, o.Err = w.Post(ctx, d, secrets, m.ID, body)
	return o
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
			return nil, attempts.Ours(err)
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
	account, err := w.Store.AccountByID(ctx, d.AccountID)
	if err != nil {
		return nil, attempts.Ours(err)
	}
	return wire.FillTemplate(ctx, d.Settings.Template, account, m, file)
}

func (w *Webhooks) read(ctx context.Context, item *models.Item) ([]byte, error) {
	reader, err := w.Blobs.Get(ctx, item.BlobKey)
	if storage.IsAway(err) {
		return nil, attempts.Ours(err)
	}
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
