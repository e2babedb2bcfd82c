package rig

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// Line is a network between two: whoever connects to its URL reaches another, as far as the test lets them.
type Line struct {
	URL string

	to     string
	mu     sync.Mutex
	fault  func() Fault
	away   bool
	open   map[*wire]bool
	broken int
	drops  int64 // after how many bytes there all of it breaks; 0: never
	there  int64 // bytes since it did
	taps   []*bytes.Buffer
	tapped bool
	pace   *rate.Limiter // on the way there
	back   *rate.Limiter // on the way back
}

// Fault is what befalls one connection.
type Fault struct {
	Up, Down int64         // after how many bytes on the way there, or back, it is reset; negative: never
	Delay    time.Duration // of each piece on the way back
}

// Sound is a connection without a fault.
func Sound() Fault { return Fault{Up: -1, Down: -1} }

// wire is one connection: both its ends.
type wire struct{ near, far net.Conn }

func (w *wire) reset() {
	for _, c := range []net.Conn{w.near, w.far} {
		if c, ok := c.(*net.TCPConn); ok {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
}

// NewLine is a sound line to the host of a URL.
func NewLine(t testing.TB, to string) *Line {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{URL: "http://" + listener.Addr().String(), to: u.Host, fault: Sound, open: map[*wire]bool{}, pace: rate.NewLimiter(rate.Inf, packet), back: rate.NewLimiter(rate.Inf, packet)}
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
	})
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(c)
		}
	}()
	return l
}

// On decides what befalls connections from now on; those that are open end.
func (l *Line) On(fault func() Fault) {
	l.mu.Lock()
	l.fault = fault
	l.mu.Unlock()
	l.Cut()
}

// Away takes the line away, or brings it back.
func (l *Line) Away(away bool) {
	l.mu.Lock()
	l.away = away
	l.mu.Unlock()
	l.Cut()
}

// packet is how much a line with a pace carries at once.
const packet = 1400

// Slow has the line carry so many bytes a second there, over all its connections; 0: as many as there are.
func (l *Line) Slow(bytesPerSecond int) { l.pace.SetLimit(paceOf(bytesPerSecond)) }

// SlowBack is [Line.Slow] for the way back.
func (l *Line) SlowBack(bytesPerSecond int) { l.back.SetLimit(paceOf(bytesPerSecond)) }

func paceOf(bytesPerSecond int) rate.Limit {
	if bytesPerSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(bytesPerSecond)
}

// keep waits for as long as so many bytes take.
func keep(pace *rate.Limiter, bytes int) {
	for ; bytes > 0; bytes -= packet {
		_ = pace.WaitN(context.Background(), min(bytes, packet))
	}
}

// Cut resets every connection that is open.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.open {
		w.reset()
	}
}

// Drops has the line break as a whole after every so many bytes there, whichever connections carried them.
func (l *Line) Drops(every int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops, l.there = every, 0
}

// room is how many of the bytes there the line carries before it breaks as a whole, and whether it does.
func (l *Line) room(bytes int) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.there += int64(bytes); l.drops == 0 || l.there <= l.drops {
		return bytes, false
	}
	carries := max(0, bytes-int(l.there-l.drops))
	l.there = 0
	l.broken++
	return carries, true
}

// Broken is how many connections a fault has ended, and how often the whole line broke.
func (l *Line) Broken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// Tap has the line remember what it carries there from now on.
func (l *Line) Tap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tapped = true
}

// Carried is what each connection since the tap carried there, to the byte at which it broke. It waits for none that is open.
func (l *Line) Carried() (all [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tap := range l.taps {
		all = append(all, bytes.Clone(tap.Bytes()))
	}
	return all
}

// tap is where a connection notes what it carries there, nil when nobody asks.
func (l *Line) tap() func([]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tapped {
		return func([]byte) {}
	}
	tap := &bytes.Buffer{}
	l.taps = append(l.taps, tap)
	return func(carried []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		tap.Write(carried)
	}
}

func (l *Line) carry(near net.Conn) {
	w := &wire{near: near}
	l.mu.Lock()
	fault, away := l.fault, l.away
	l.mu.Unlock()
	if away {
		w.reset()
		return
	}
	f := fault()
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		w.reset()
		return
	}
	w.far = far
	l.mu.Lock()
	l.open[w] = true
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.copy(w, near, far, f.Up, func(n int) { keep(l.pace, n) }, l.tap(), l.room) })
	both.Go(func() {
		l.copy(w, far, near, f.Down, func(n int) { time.Sleep(f.Delay); keep(l.back, n) }, func([]byte) {}, nil)
	})
	both.Wait()
	l.mu.Lock()
	delete(l.open, w)
	l.mu.Unlock()
	_, _ = near.Close(), far.Close()
}

// copy carries what comes from one end to the other, up to the byte at which the connection breaks.
func (l *Line) copy(w *wire, from, to net.Conn, most int64, wait func(bytes int), tap func([]byte), room func(bytes int) (int, bool)) {
	piece := make([]byte, 16<<10)
	for carried := int64(0); ; {
		n, err := from.Read(piece)
		wait(n)
		if most >= 0 && carried+int64(n) > most {
			tap(piece[:most-carried])
			_, _ = to.Write(piece[:most-carried])
			l.mu.Lock()
			l.broken++
			l.mu.Unlock()
			w.reset()
			return
		}
		if n > 0 {
			broke := false
			if room != nil {
				n, broke = room(n)
			}
			carried += int64(n)
			tap(piece[:n])
			if broke {
				_, _ = to.Write(piece[:n])
				l.Cut()
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				w.reset()
				return
			}
		}
		if err != nil {
			if c, ok := to.(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
			return
		}
	}
}
