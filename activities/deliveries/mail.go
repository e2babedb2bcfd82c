package deliveries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wneessen/go-mail"

	"fieldproof/activities/attempts"
	"fieldproof/mails"
	"fieldproof/models"
)

// Post sends publications by mail.
type Post struct {
	Server *mails.Server
	// PublicURL is what links begin with.
	PublicURL string
}

// maxAttached is the largest report that is attached: larger ones many mail servers refuse.
const maxAttached = 20 << 20

// send mails a publication. The Message-ID is the delivery's own, because a mail server that took a mail and whose answer
// got lost gets it again.
func (p *Post) send(ctx context.Context, b *Deliveries, d *models.Delivery, destination *models.Destination, publication *models.Publication, proof *models.Proof) error {
	s := destination.Settings
	letter := mails.Letter{To: s.To, Subject: s.Subject, ID: d.ID, Sender: oneLine(proof.Account.Name)}
	if letter.Subject == "" {
		letter.Subject = fmt.Sprintf("Results of work order %s, %s", proof.Order.DisplayNumber(), proof.Order.Address.Line())
	}
	letter.Subject = oneLine(letter.Subject)
	var text strings.Builder
	if s.Message != "" {
		text.WriteString(strings.TrimSpace(s.Message) + "\n\n")
	}
	fmt.Fprintf(&text, "Work order %s\n%s\n%d photos\n", proof.Order.DisplayNumber(), proof.Order.Address.Line(), len(proof.Photos()))
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
			link = true
			text.WriteString("\nThe report is too large for a mail: the link below shows it.\n")
		} else {
			letter.Files = append(letter.Files, mails.File{Name: models.SafeName(proof.Order.DisplayNumber()) + ".pdf", ContentType: "application/pdf", Content: io.LimitReader(reader, maxAttached)})
		}
	}
	if link {
		url, err := p.link(ctx, b, d, proof)
		if err != nil {
			return database(err)
		}
		fmt.Fprintf(&text, "\nSee the results: %s\n", url)
	}
	entry, err := models.One[models.ChainEntry](b.Store.Read(ctx).Where("publication_id = ?", publication.ID).Order("sequence DESC"), "proof")
	if err != nil {
		return database(err)
	}
	fmt.Fprintf(&text, "\nProof: %d:%s\nKeep this line: with it you can check later that nothing was changed since.\n", entry.Sequence, entry.Head)
	letter.Text = text.String()
	return explainMail(p.Server.Send(ctx, letter))
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

func (p *Post) test(ctx context.Context, d *models.Destination) error {
	return p.Server.Send(ctx, mails.Letter{To: d.Settings.To, Subject: "A test by Fieldproof", ID: "test-" + models.NewID(),
		Text: "This mail was sent to try the destination " + oneLine(d.Name) + ".\n"})
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

// oneLine keeps what others wrote from becoming a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
