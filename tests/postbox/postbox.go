// Package postbox is a mail server for tests.
package postbox

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Postbox is an SMTP server (RFC 5321) that keeps the mails which it gets.
type Postbox struct {
	net.Listener
	mu      sync.Mutex
	mails   []string
	down    bool
	refused string
	loses   bool
}

// New starts a mail server for a test.
func New(t *testing.T) *Postbox {
	p, err := Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// Open starts a mail server.
func Open() (*Postbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Postbox{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.talk(c)
		}
	}()
	return p, nil
}

func (p *Postbox) talk(c net.Conn) {
	defer c.Close()
	say := func(s string) { _, _ = c.Write([]byte(s + "\r\n")) }
	say("220 postbox")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		switch word, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); word {
		case "EHLO", "HELO":
			say("250 postbox")
		case "RCPT":
			p.mu.Lock()
			if p.refused != "" && strings.Contains(lines.Text(), p.refused) {
				say("550 no such mailbox")
			} else {
				say("250 ok")
			}
			p.mu.Unlock()
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for lines.Scan() && lines.Text() != "." {
				mail.WriteString(lines.Text() + "\n")
			}
			p.mu.Lock()
			if p.down {
				say("451 try again later")
			} else if p.loses {
				p.loses = false
				p.mails = append(p.mails, mail.String())
				p.mu.Unlock()
				return
			} else {
				p.mails = append(p.mails, mail.String())
				say("250 taken")
			}
			p.mu.Unlock()
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// Mails are those that were taken, whole.
func (p *Postbox) Mails() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.mails...)
}

// Down has the server answer that it can't take mails now, or takes them again.
func (p *Postbox) Down(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Refuse has the server refuse an address for good.
func (p *Postbox) Refuse(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = address
}

// LoseNextAnswer has the server take the next mail and break off before it says so.
func (p *Postbox) LoseNextAnswer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loses = true
}
