package postbox

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mail is one that came, taken apart.
type Mail struct {
	mail.Header
	Subject, Text, HTML string
	Files               map[string]string // by name
	Shown               map[string]string // what the HTML shows, by content id
}

// Read takes a mail apart.
func Read(t testing.TB, raw string) Mail {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	m := Mail{Header: message.Header, Files: map[string]string{}, Shown: map[string]string{}}
	m.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	require.NoError(t, err)
	m.read(t, message.Header.Get, message.Body)
	return m
}

func (m *Mail) read(t testing.TB, header func(string) string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	require.NoError(t, err)
	if strings.HasPrefix(kind, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			require.NoError(t, err)
			m.read(t, part.Header.Get, part)
		}
	}
	switch strings.ToLower(header("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	require.NoError(t, err)
	said := strings.ReplaceAll(string(content), "\r\n", "\n")
	_, named, err := mime.ParseMediaType(header("Content-Disposition"))
	switch {
	case header("Content-ID") != "":
		m.Shown[strings.Trim(header("Content-ID"), "<>")] = string(content)
	case err == nil:
		m.Files[named["filename"]] = string(content)
	case kind == "text/html":
		m.HTML += said
	default:
		m.Text += said
	}
}
