package deliveries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wneessen/go-mail"

	"fieldproof/activities/attempts"
	"fieldproof/mails"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/wording"
)

// Post sends publications by mail.
type Post struct {
	Server *mails.Server
	Media  *media.Media
	// PublicURL is what links begin with.
	PublicURL string
}

// maxAttached is the largest report that is attached: of larger ones a mail carries the link.
const maxAttached = 9 << 20

// send mails a publication. The Message-ID is the delivery's own, because a mail server that took a mail and whose answer
// got lost gets it again.
func (p *Post) send(ctx context.Context, b *Deliveries, d *models.Delivery, destination *models.Destination, publication *models.Publication, proof *models.Proof) error {
	s := destination.Settings
	said := mails.Ready{Proof: proof, Subject: s.Subject, Message: s.Message}
	var files []mails.File
	link := s.Attach == models.MailLink || s.Attach == models.MailBoth
	if s.Attach != models.MailLink {
		reader, err := b.Blobs.Get(ctx, publication.ReportPart(1))
		if err != nil {
			return fmt.Errorf("the report: %w", stored(err))
		}
		defer reader.Close()
		several, err := b.Blobs.Has(ctx, publication.ReportPart(2))
		if err != nil {
			return stored(err)
		}
		if several || reader.Size() > maxAttached {
			link, said.TooBig = true, true
		} else {
			said.Report = reader.Size()
			files = append(files, mails.File{Name: models.SafeName(proof.Order.DisplayNumber()) + ".pdf", ContentType: "application/pdf", Content: io.LimitReader(reader, maxAttached)})
		}
	}
	var err error
	if link {
		if said.Link, err = p.link(ctx, b, d, proof); err != nil {
			return database(err)
		}
	}
	entry, err := models.One[models.ChainEntry](b.Store.Read(ctx).Where("publication_id = ?", publication.ID).Order("sequence DESC"), "proof")
	if err != nil {
		return database(err)
	}
	said.Entry = fmt.Sprintf("%d:%s", entry.Sequence, entry.Head)
	surveys, err := proof.Surveys(b.Store.Read(ctx))
	if err != nil {
		return database(err)
	}
	said.Surveys = len(surveys)
	if said.Logo, err = p.Media.LogoOf(ctx, proof.Account); err != nil {
		return stored(err)
	}
	if said.Pair, err = p.pair(ctx, proof); err != nil {
		return database(stored(err))
	}
	letter, err := said.Mail().Letter()
	if err != nil {
		return err
	}
	letter.To, letter.ID, letter.Files = s.To, d.ID, files
	return explainMail(p.Server.Send(ctx, letter))
}

// pair are the photos by which the order is known at a glance. A mail goes without what can't be drawn.
func (p *Post) pair(ctx context.Context, proof *models.Proof) (pair []mails.Picture, err error) {
	r := wording.For(proof.Account)
	for _, i := range proof.KeyPair() {
		picture, err := p.Media.Small(ctx, i)
		if models.KindOf(err) == models.Unsupported {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		when := i.ReceivedAt.Time
		if i.TakenAt != nil {
			when = i.TakenAt.Time
		}
		kind := r.Evidence(i.EvidenceType)
		alt := kind
		if of := cmp.Or(i.Shot, proof.TaskName(i)); of != "" {
			alt = of + ", " + strings.ToLower(kind)
		}
		pair = append(pair, mails.Picture{JPEG: picture, Tag: mails.Line(kind + ", " + r.Clock(when)), Alt: mails.Line(alt)})
	}
	return pair, nil
}

// link makes the link of the delivery. Its token follows from the delivery, so that a retry mails the same one.
func (p *Post) link(ctx context.Context, b *Deliveries, d *models.Delivery, proof *models.Proof) (string, error) {
	signer, err := b.Store.Signer(ctx, d.AccountID)
	if err != nil {
		return "", err
	}
	by := "mail/" + d.ID
	token := signer.Code(by)
	return p.PublicURL + "/s/" + token, b.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.KeepLink(token, proof.Order, models.LinkFields{AllowDownloads: true}, by)
	})
}

func (p *Post) test(ctx context.Context, b *Deliveries, d *models.Destination) error {
	account, err := b.Store.AccountByID(ctx, d.AccountID)
	if err != nil {
		return database(err)
	}
	letter, err := mails.Tried(account, d.Name).Letter()
	if err != nil {
		return err
	}
	letter.To, letter.ID = d.Settings.To, "test-"+models.NewID()
	return p.Server.Send(ctx, letter)
}

func explainMail(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, mails.ErrNoServer) {
		return attempts.Final(err)
	}
	var refused *mail.SendError
	if errors.As(err, &refused) && !refused.IsTemp() && refused.Reason == mail.ErrSMTPRcptTo {
		return attempts.Final(fmt.Errorf("the mail server refuses the address: %w", err))
	}
	return err
}
