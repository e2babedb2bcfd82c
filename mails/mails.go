// Package mails writes mails, and sends them over the operator's SMTP server.
package mails

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// ErrNoServer says that the operator has named no SMTP server.
var ErrNoServer = errors.New("the operator has named no mail server (FIELDPROOF_SMTP_URL)")

// Server is an SMTP server.
type Server struct {
	// URL is smtp://user:password@host:port or smtps://…, with ?from= an address of its own; nil: nothing is mailed.
	URL *url.URL
	// PublicURL is the installation's: its host makes the sender's address when the server's URL gives none.
	PublicURL string
}

// Letter is one mail.
type Letter struct {
	To      []string
	Subject string // one line
	Text    string
	HTML    string // says the same; "" for the text alone
	// Pictures are what the HTML shows, as cid: and their name.
	Pictures []File
	ReplyTo  string // an address, "" for the sender's own
	// ID makes the Message-ID, the same over retries, so that a receiver can tell a repeat.
	ID     string
	Files  []File
	Sender string // the name beside the address, "" for none
}

// File is an attachment.
type File struct {
	Name, ContentType string
	Content           io.Reader
}

func (s *Server) host() string {
	if u, err := url.Parse(s.PublicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "localhost"
}

// Send sends a letter. [ErrNoServer] when there is no server.
func (s *Server) Send(ctx context.Context, l Letter) error {
	if s == nil || s.URL == nil {
		return ErrNoServer
	}
	message := mail.NewMsg()
	from := s.URL.Query().Get("from")
	if from == "" {
		from = "fieldproof@" + s.host()
	}
	var err error
	if l.Sender != "" {
		err = message.FromFormat(l.Sender, from)
	} else {
		err = message.From(from)
	}
	if err != nil {
		return err
	}
	if err := message.To(l.To...); err != nil {
		return err
	}
	if l.ReplyTo != "" {
		if err := message.ReplyTo(l.ReplyTo); err != nil {
			return err
		}
	}
	if l.ID != "" {
		message.SetMessageIDWithValue(l.ID + "@" + s.host())
	}
	message.SetDate()
	message.Subject(l.Subject)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // no absence answers it (RFC 3834)
	message.SetBodyString(mail.TypeTextPlain, l.Text)
	if l.HTML != "" {
		message.AddAlternativeString(mail.TypeTextHTML, l.HTML)
	}
	for _, p := range l.Pictures {
		if err := message.EmbedReader(p.Name, p.Content, mail.WithFileContentType(mail.ContentType(p.ContentType)), mail.WithFileContentID(p.Name)); err != nil {
			return err
		}
	}
	for _, f := range l.Files {
		if err := message.AttachReader(f.Name, f.Content, mail.WithFileContentType(mail.ContentType(f.ContentType))); err != nil {
			return err
		}
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, message)
}

func (s *Server) client() (*mail.Client, error) {
	options := []mail.Option{mail.WithTimeout(time.Minute), mail.WithTLSPortPolicy(mail.TLSOpportunistic)}
	port := map[string]int{"smtp": 587, "smtps": 465}[s.URL.Scheme]
	if s.URL.Scheme == "smtps" {
		options = append(options, mail.WithSSL())
	}
	if text := s.URL.Port(); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		port = n
	}
	options = append(options, mail.WithPort(port))
	if u := s.URL.User; u != nil {
		password, _ := u.Password()
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.Username()), mail.WithPassword(password))
	}
	return mail.NewClient(s.URL.Hostname(), options...)
}
