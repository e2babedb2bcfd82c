// Package integrations holds what an integration does by itself: it keeps its schedule, fetches orders from a peer that
// speaks the external-integration API, and files from a watched folder.
package integrations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	enumspb "go.temporal.io/api/enums/v1"

	"fieldproof/activities/attempts"
	"fieldproof/guard"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/remotes"
	"fieldproof/workflows/protocol"
)

// Integrations does what integrations do by themselves.
type Integrations struct {
	Store    *models.Store
	Intake   *intake.Intake
	Sealer   *models.Sealer
	Remotes  *remotes.Remotes
	Temporal client.Client
	Log      *slog.Logger
	// PublicURL is what push keys begin with.
	PublicURL string

	client *http.Client
}

// New makes an Integrations whose calls reach only what network allows.
func New(store *models.Store, in *intake.Intake, sealer *models.Sealer, r *remotes.Remotes, network *guard.Network, c client.Client, publicURL string, log *slog.Logger) *Integrations {
	return &Integrations{Store: store, Intake: in, Sealer: sealer, Remotes: r, Temporal: c, Log: log, PublicURL: publicURL, client: network.Client(peers.FetchTime)}
}

// SecretsOf opens the secrets of an integration.
func (a *Integrations) SecretsOf(i *models.Integration) (s models.IntegrationSecrets, err error) {
	return s, a.Sealer.Open("integration/"+i.ID, i.Secrets, &s)
}

// AskFetch asks for what changed, as the schedule does.
func (a *Integrations) AskFetch(ctx context.Context, in protocol.IntegrationInput) error {
	err := a.Store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
		i, err := models.One[models.Integration](tx.Where("id = ?", in.IntegrationID), "integration")
		if models.KindOf(err) == models.NotFound || (err == nil && (i.DeletedAt != nil || !i.Enabled || i.Asked != "")) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.AskRefresh(i.ID, models.AskedChanges)
	})
	a.Intake.Bells.Poke()
	return err
}

// PlanIntegration brings the integration's schedule up to its row and tells what is to be done now.
func (a *Integrations) PlanIntegration(ctx context.Context, in protocol.IntegrationInput) (protocol.IntegrationPlan, error) {
	i, err := models.One[models.Integration](a.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", in.IntegrationID), "integration")
	if models.KindOf(err) == models.NotFound {
		return protocol.IntegrationPlan{}, nil
	}
	if err != nil {
		return protocol.IntegrationPlan{}, err
	}
	if err := a.schedule(ctx, i); err != nil {
		return protocol.IntegrationPlan{}, err
	}
	plan := protocol.IntegrationPlan{Name: i.ClientCode}
	if i.DeletedAt != nil || !i.Enabled || !i.Fetches() {
		return plan, a.forget(ctx, i)
	}
	switch {
	case i.Fetching != "":
		plan.Fetch = true // a run was killed
	case i.Asked != "" && (i.RetryAt == nil || !i.RetryAt.After(time.Now())):
		plan.Fetch = true
	case i.RetryAt != nil && i.Asked != "":
		plan.WaitSeconds = attempts.Until(i.RetryAt)
	case i.Kind == models.WatchedFolder && i.Status != models.IntegrationError:
		settle, err := a.unmoved(ctx, i)
		if err != nil {
			return plan, err
		}
		plan.Fetch = settle
	}
	return plan, nil
}

// forget ends what was asked of an integration that does not fetch.
func (a *Integrations) forget(ctx context.Context, i *models.Integration) error {
	if i.Asked == "" && i.Fetching == "" && i.Status == models.IntegrationIdle {
		return nil
	}
	return a.Store.Write(models.InAccount(ctx, i.AccountID), func(tx *models.Tx) error {
		return tx.Model(&models.Integration{}).Where("id = ?", i.ID).Updates(map[string]any{"asked": "", "fetching": "", "retry_at": nil, "status": models.IntegrationIdle}).Error
	})
}

// schedule makes, changes or deletes the Temporal Schedule of an integration, so that it is as its row says.
func (a *Integrations) schedule(ctx context.Context, i *models.Integration) error {
	id := protocol.ScheduleID(i.ID)
	handle := a.Temporal.ScheduleClient().GetHandle(ctx, id)
	wanted := i.DeletedAt == nil && i.Enabled && i.Fetches() && i.Settings.EveryMinutes > 0
	if !wanted {
		err := handle.Delete(ctx)
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) {
			return nil
		}
		return err
	}
	every := time.Duration(i.Settings.EveryMinutes) * time.Minute
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}, Jitter: min(every/2, 10*time.Minute)}
	described, err := handle.Describe(ctx)
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		_, err := a.Temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{ID: id, Spec: spec, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Minute,
			Note: "Fetches of integration " + i.ClientCode,
			Action: &client.ScheduleWorkflowAction{ID: "scheduled-fetch/" + i.ID, Workflow: protocol.ScheduledFetch, TaskQueue: protocol.MainQueue, Args: []any{protocol.IntegrationInput{IntegrationID: i.ID}},
				StaticSummary: "scheduled fetch of " + i.ClientCode}})
		if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			return nil
		}
		return err
	case err != nil:
		return err
	}
	if have := described.Schedule.Spec; have != nil && len(have.Intervals) == 1 && have.Intervals[0].Every == every {
		return nil
	}
	return handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		in.Description.Schedule.Spec = &spec
		return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
	}})
}

// Fetch fetches once. What fails is told in the integration's row, and when it is tried again; only a database that does
// not answer is an error of the activity.
func (a *Integrations) Fetch(ctx context.Context, in protocol.IntegrationInput) error {
	i, err := models.One[models.Integration](a.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", in.IntegrationID), "integration")
	if err != nil {
		return err
	}
	ctx = models.InAccount(ctx, i.AccountID)
	account, err := a.Store.AccountByID(ctx, i.AccountID)
	if err != nil {
		return err
	}
	asked := ""
	err = a.Store.Write(ctx, func(tx *models.Tx) error {
		asked, err = tx.BeginRefresh(i.ID)
		return err
	})
	if err != nil {
		return err
	}
	defer attempts.Beat(ctx)()
	until := new(models.Now()) // changes up to here come in
	again := time.Duration(0)  // a watched folder looks again at files that have not settled
	outcome, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		if i.Kind == models.WatchedFolder {
			again, o.Err = a.watch(ctx, account, i)
		} else {
			until, o.Err = a.pull(ctx, account, i, asked)
		}
		var told *peers.Refused
		o.Refused = errors.As(o.Err, &told)
		return o
	})
	if err != nil {
		return err
	}
	return a.record(ctx, i, until, again, outcome)
}

// record writes how a fetch went: idle after a success, else the error, and when it is tried again.
func (a *Integrations) record(ctx context.Context, i *models.Integration, until *models.Time, again time.Duration, o attempts.Outcome) error {
	now := models.Now()
	return a.Store.Write(ctx, func(tx *models.Tx) error {
		fresh, err := models.One[models.Integration](tx.Locked().Where("id = ?", i.ID), "integration")
		if err != nil {
			return err
		}
		changed := map[string]any{"last_refresh_at": now, "fetching": "", "retry_at": nil}
		if o.Err == nil {
			changed["status"], changed["last_error"], changed["failures"], changed["received_until"] = models.IntegrationIdle, "", 0, until
			switch {
			case fresh.Asked != "": // somebody asked for more meanwhile
				changed["status"] = models.IntegrationPending
			case again > 0:
				changed["asked"], changed["retry_at"] = models.AskedChanges, models.At(now.Add(again))
			}
			return tx.Model(&models.Integration{}).Where("id = ?", i.ID).Updates(changed).Error
		}
		tries := models.Tries{Attempts: fresh.Failures}
		verdict := attempts.Judge(models.FetchPolicy, &tries, o)
		changed["status"], changed["last_error"], changed["failures"], changed["asked"] = models.IntegrationError, tries.LastError, tries.Attempts, ""
		if verdict != attempts.GivenUp {
			changed["asked"], changed["retry_at"] = fresh.AskAgain(), tries.NextAttemptAt
		} else {
			err := tx.Raise(&models.Alert{AccountID: i.AccountID, Kind: models.AlertPeerTrouble, Subject: i.ID, Detail: tries.LastError,
				Says: "fetch_failed", Args: []any{"client", i.ClientCode}})
			if err != nil {
				return err
			}
		}
		if err := tx.Log(&models.LogEntry{AccountID: i.AccountID, IntegrationID: i.ID, Kind: models.LogRefresh, Outcome: "failed", Summary: tries.LastError}, nil); err != nil {
			return err
		}
		return tx.Model(&models.Integration{}).Where("id = ?", i.ID).Updates(changed).Error
	})
}

// pull fetches orders from a peer and takes them in. until is up to when changes have come in, see [peers.Fetched].
func (a *Integrations) pull(ctx context.Context, account *models.Account, i *models.Integration, asked string) (until *models.Time, err error) {
	secrets, err := a.SecretsOf(i)
	if err != nil {
		return nil, err
	}
	fetch := peers.Fetch{Intake: a.Intake, Account: account, Integration: i, Bulk: true}
	if asked != models.AskedAll {
		fetch.Since.At = i.ReceivedUntil
	}
	fetched, err := fetch.From(ctx, peers.Of(i, secrets, a.PublicURL, a.client))
	var keeping *peers.ErrKeeping
	if errors.As(err, &keeping) {
		err = attempts.Ours(keeping.Cause)
	}
	return fetched.Until, err
}

// Test tries an integration now: a peer is asked to validate, and so told the push key; a folder is listed.
func (a *Integrations) Test(ctx context.Context, i *models.Integration) error {
	secrets, err := a.SecretsOf(i)
	if err != nil {
		return err
	}
	switch {
	case i.Peer():
		err = peers.Of(i, secrets, a.PublicURL, a.client).Validate(ctx, models.PushURL(a.PublicURL, secrets.PushKey))
	case i.Kind == models.WatchedFolder:
		err = a.testFolder(ctx, i, secrets)
	default:
		return nil
	}
	outcome, summary := "ok", "The test went through."
	if err != nil {
		outcome, summary = "failed", err.Error()
	}
	logged := a.Store.Write(models.InAccount(ctx, i.AccountID), func(tx *models.Tx) error {
		return tx.Log(&models.LogEntry{AccountID: i.AccountID, IntegrationID: i.ID, Kind: models.LogValidate, Outcome: outcome, Summary: fmt.Sprintf("test: %s", summary)}, nil)
	})
	return errors.Join(err, logged)
}
