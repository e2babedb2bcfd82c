package api

import (
	"context"
	"errors"
	"time"

	"fieldproof/mails"
	"fieldproof/models"
)

// mailFor is how long an answer waits for the mail server: who gets it can hand on by hand what was not mailed.
const mailFor = 5 * time.Second

// mailed writes in the name of the member, a mail to each address, and tells whether the mail server took all. Nothing depends on
// it: what the mails would have brought stands in the answer, so that a failure is for the log.
func (s *Server) mailed(c *call, to []string, letter func(by string, account *models.Account, logo []byte) *mails.Message) bool {
	if len(to) == 0 || s.Mails == nil || s.Mails.URL == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(c.ctx(), mailFor)
	defer cancel()
	err := s.mail(ctx, c.member, to, letter)
	if err != nil {
		s.Log.Warn("a mail was not sent", "route", c.FullPath(), "error", err)
	}
	return err == nil
}

func (s *Server) mail(ctx context.Context, by *models.Member, to []string, letter func(by string, account *models.Account, logo []byte) *mails.Message) error {
	account, err := s.Store.AccountByID(ctx, by.AccountID)
	if err != nil {
		return err
	}
	logo, err := s.Media.LogoOf(ctx, account)
	if err != nil {
		return err
	}
	var failures []error
	for _, address := range to {
		mail, err := letter(by.Called(), account, logo).Letter()
		if err != nil {
			return err
		}
		mail.To = []string{address}
		failures = append(failures, s.Mails.Send(ctx, mail))
	}
	return errors.Join(failures...)
}
