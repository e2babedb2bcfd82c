package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fieldproof/mails"
	"fieldproof/models"
)

// Mailer mails alerts to the addresses that accounts have set, over the operator's SMTP server: one mail an account for
// all that is new.
type Mailer struct {
	Store *models.Store
	Log   *slog.Logger
	// PublicURL is where the alerts can be seen.
	PublicURL string
	// Server is the operator's; without a URL alerts are only shown.
	Server *mails.Server
}

const (
	// mailLease is for how long alerts belong to the one who mails them; after it another tries.
	mailLease = 2 * time.Minute
	// mailedAtMost is how many alerts one mail tells of.
	mailedAtMost = 100
	// mailFor is for how long an alert that could not be mailed is tried.
	mailFor = 24 * time.Hour
)

// Run mails until ctx ends.
func (m *Mailer) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := m.MailAlerts(ctx); err != nil && ctx.Err() == nil {
			m.Log.Warn("alerts could not be mailed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// MailAlerts mails what is due.
func (m *Mailer) MailAlerts(ctx context.Context) error {
	across := models.AcrossAccounts(ctx)
	var accounts []string
	if err := m.Store.Read(across).Model(&models.Alert{}).Where("mail_due_at <= ?", models.Now()).Distinct().Pluck("account_id", &accounts).Error; err != nil {
		return err
	}
	var failures []error
	for _, id := range accounts {
		if err := m.mailAccount(models.InAccount(ctx, id), id); err != nil {
			failures = append(failures, fmt.Errorf("account %s: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

func (m *Mailer) mailAccount(ctx context.Context, accountID string) error {
	account, err := m.Store.AccountByID(ctx, accountID)
	if err != nil {
		return err
	}
	alerts, err := m.claim(ctx, account)
	if err != nil || len(alerts) == 0 {
		return err
	}
	if failure := m.send(ctx, account, alerts); failure != nil {
		return failure // the lease runs out, and they are tried again
	}
	ids := make([]string, len(alerts))
	for i, a := range alerts {
		ids[i] = a.ID
	}
	return m.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Model(&models.Alert{}).Where("id IN ?", ids).Updates(map[string]any{"mailed_at": models.Now(), "mail_due_at": nil}).Error
	})
}

// claim takes the alerts that are due for this process. Those of an account without an address are only shown.
func (m *Mailer) claim(ctx context.Context, account *models.Account) (alerts []models.Alert, err error) {
	err = m.Store.Write(ctx, func(tx *models.Tx) error {
		now := models.Now()
		if m.Server.URL == nil || account.AlertEmail == "" {
			return tx.Model(&models.Alert{}).Where("mail_due_at <= ?", now).Update("mail_due_at", nil).Error
		}
		if err := tx.Locked().Where("mail_due_at <= ?", now).Order("id").Limit(mailedAtMost).Find(&alerts).Error; err != nil || len(alerts) == 0 {
			return err
		}
		ids := make([]string, len(alerts))
		for i, a := range alerts {
			ids[i] = a.ID
		}
		if err := tx.Model(&models.Alert{}).Where("id IN ? AND created_at < ?", ids, models.At(now.Add(-mailFor))).Update("mail_due_at", nil).Error; err != nil {
			return err
		}
		return tx.Model(&models.Alert{}).Where("id IN ? AND mail_due_at IS NOT NULL", ids).Update("mail_due_at", models.At(now.Add(mailLease))).Error
	})
	return alerts, err
}

func (m *Mailer) send(ctx context.Context, account *models.Account, alerts []models.Alert) error {
	told := mails.Alerts{Account: account, Alerts: alerts, Orders: map[string]*models.WorkOrder{}, Portal: m.PublicURL}
	if id := alerts[0].WorkOrderID; id != nil {
		o, err := models.One[models.WorkOrder](m.Store.Read(ctx).Where("id = ?", *id), "work order")
		if err != nil && models.KindOf(err) != models.NotFound {
			return err
		}
		told.Orders[*id] = o
	}
	head, err := m.Store.Head(ctx, account.ID)
	if err != nil {
		return err
	}
	if head != nil {
		told.Entry = head.Text()
	}
	letter, err := told.Mail().Letter()
	if err != nil {
		return err
	}
	letter.To, letter.ID = []string{account.AlertEmail}, "alert-"+alerts[0].ID
	return m.Server.Send(ctx, letter)
}
