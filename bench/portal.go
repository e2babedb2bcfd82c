package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chromedp/chromedp"

	"fieldproof/tests/rig"
)

var (
	portalOrders = flag.Int("orders", 100_000, "with how many orders the portal's list is measured")
	portalBulk   = flag.Int("bulk", 1000, "how many of them are approved at once")
	portalScroll = flag.Duration("scrolling", 10*time.Minute, "for how long it is scrolled before its memory is read")
)

const (
	paints       = 7
	listMoves    = 40 // of each kind
	framesFor    = 6 * time.Second
	framesRounds = 3
	eventsASec   = 50
	// What the portal's list promises, in milliseconds, MB and kB.
	paintWithin, memoryWithin, scriptsWithin = 1500, 300, 180
)

// watching stands in each page: it tells when all rows in view are there, and counts frames.
const watching = `
window.bench = {
  frame: () => new Promise((r) => requestAnimationFrame(r)),
  rows() {
    const list = document.querySelector('.List')?.getBoundingClientRect();
    const grid = document.querySelector('[role=grid]');
    if (!list || !grid || grid.ariaBusy === 'true') return false;
    const seen = [...grid.querySelectorAll('.Canvas [role=row]')].filter((r) => { const b = r.getBoundingClientRect(); return b.top < list.bottom && b.bottom > list.top + 40; });
    return seen.length > 5 && seen.every((r) => !r.querySelector('.wait'));
  },
  async until(is) {
    for (const began = performance.now(); ; ) {
      await bench.frame();
      const now = performance.now();
      if (is()) return now - began;
      if (now - began > 60000) throw new Error('it never came: ' + is);
    }
  },
  // What a click brings: after how long the rows are there, and after how long their count.
  async after(act, shows) {
    const began = performance.now();
    act();
    await bench.until(() => shows() && bench.rows());
    const rows = performance.now() - began;
    await bench.until(() => document.querySelector('.Orders .head .count'));
    return [rows, performance.now() - began];
  },
  async frames(ms, step) {
    let n = 0;
    for (const began = performance.now(); performance.now() - began < ms; n++) { step(n); await bench.frame(); }
    return n;
  },
  type(n) {
    if (n % 8) return;
    const field = document.querySelector('.Orders .search');
    field.value = 'oak street'.slice(0, (n / 8) % 11);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  },
  scroll(n) {
    const list = document.querySelector('.List');
    list.scrollTop = n % 400 ? list.scrollTop + 68 : Math.random() * list.scrollHeight;
  },
};
(async () => { await bench.until(() => bench.rows()); window.firstRows = performance.now(); })();
`

// portalsList measures the list of orders in Chromium.
func portalsList(dir string) error {
	in, err := rig.DevDurable(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	s, err := seed(in, *portalOrders)
	if err != nil {
		return err
	}
	fmt.Printf("the portal's list at %d orders, in Chromium over loopback:\n", *portalOrders)
	for _, part := range []func(*seeded) error{firstPaints, moves, underEvents, approvesOnScreen, remembers} {
		if err := part(s); err != nil {
			return err
		}
	}
	return nil
}

// list opens the list in a window with a cold cache, and waits for its rows.
func (s *seeded) list(query string) (window context.Context, stop func(), err error) {
	if window, stop, err = cold(s.u, watching); err != nil {
		return nil, nil, err
	}
	if err = chromedp.Run(window, chromedp.Navigate(s.in.URL+"/orders"+query)); err == nil {
		_, err = ask[float64](window, `bench.until(() => window.firstRows)`)
	}
	if err != nil {
		stop()
	}
	return window, stop, err
}

func firstPaints(s *seeded) error {
	var paint []float64
	scripts := 0.0
	for range paints {
		window, stop, err := s.list("")
		if err != nil {
			return err
		}
		at, err := ask[float64](window, `Promise.resolve(window.firstRows)`)
		if err == nil {
			scripts, err = ask[float64](window, `Promise.resolve(performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js')).reduce((n, e) => n + e.encodedBodySize, 0) / 1000)`)
		}
		stop()
		if err != nil {
			return err
		}
		paint = append(paint, at)
	}
	slices.Sort(paint)
	fmt.Printf("  the first rows of a cold cache: %.0f ms (median of %d; %.0f to %.0f)\n", paint[len(paint)/2], paints, paint[0], paint[len(paint)-1])
	verdict("the first rows of the list, of 1.5 s", paint[len(paint)/2]/paintWithin, false, 1)
	fmt.Printf("  scripts until they are there: %.0f kB as they are sent\n", scripts)
	verdict("scripts of the list's first screen, of 180 kB", scripts/scriptsWithin, false, 1)
	return nil
}

// moves times filters, sorts and jumps by the scrollbar to any place.
func moves(s *seeded) error {
	window, stop, err := s.list("")
	if err != nil {
		return err
	}
	defer stop()
	state := func(n int) string {
		return fmt.Sprintf(`((b) => bench.after(() => b.click(), () => b.ariaPressed === 'true'))(document.querySelectorAll('.StateStrip button')[%d])`, n)
	}
	sort := func(head string) string {
		return fmt.Sprintf(`((h) => { const was = h.ariaSort; return bench.after(() => h.querySelector('button').click(), () => h.ariaSort !== was); })([...document.querySelectorAll('[role=columnheader]')].find((h) => h.innerText.trim() === %q))`, head)
	}
	jump := func(int) string {
		return fmt.Sprintf(`((l) => bench.after(() => { l.scrollTop = %f * l.scrollHeight; }, () => true))(document.querySelector('.List'))`, rand.Float64())
	}
	for _, kind := range []struct {
		name   string
		script func(n int) string
	}{
		{"a filter", func(n int) string { return state([]int{2, 6, 1, 8}[n%4]) }},
		{"all of them again, and a filter", func(n int) string { return state([]int{0, 2}[n%2]) }},
		{"a sort", func(n int) string { return sort([]string{"Due", "Number"}[n/2%2]) }},
		{"a jump by the scrollbar", jump},
	} {
		var rows, counts []float64
		for n := range listMoves {
			times, err := ask[[]float64](window, kind.script(n))
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			rows, counts = append(rows, times[0]), append(counts, times[1])
		}
		slices.Sort(rows)
		slices.Sort(counts)
		fmt.Printf("  %s: rows after %.0f ms, 95 of 100 within %.0f; counts after %.0f ms (medians of %d)\n", kind.name, middle(rows), rows[len(rows)*95/100], middle(counts), listMoves)
		verdict("rows after "+kind.name+", of 200 ms", middle(rows)/rowsWithin, false, 1)
		verdict("counts after "+kind.name+", of a second", middle(counts)/countsWithin, false, 1)
	}
	return nil
}

// underEvents counts frames while somebody types and scrolls, by turns with a silent stream and with many events a second.
func underEvents(s *seeded) error {
	window, stop, err := s.list("")
	if err != nil {
		return err
	}
	defer stop()
	var ids []string
	if err := caught(func() {
		for place := range 10 {
			for _, o := range s.u.Want(200, "GET", fmt.Sprintf("/work-orders?limit=200&place=%d", place*200), nil).List("items") {
				ids = append(ids, o.(map[string]any)["id"].(string))
			}
		}
	}); err != nil {
		return err
	}
	frames := func(what string) (float64, error) {
		return ask[float64](window, fmt.Sprintf(`bench.frames(%d, bench.%s)`, framesFor.Milliseconds(), what))
	}
	for _, what := range []string{"scroll", "type"} {
		var ratios []float64
		var silent, loud, told float64
		for range framesRounds {
			a, err := frames(what)
			if err != nil {
				return err
			}
			heard, quiet := s.changing(ids)
			b, err := frames(what)
			quiet()
			if err != nil {
				return err
			}
			silent, loud, told = silent+a, loud+b, told+float64(heard.Load())
			ratios = append(ratios, b/a)
		}
		all := framesRounds * framesFor.Seconds()
		fmt.Printf("  %s: %.1f frames a second in silence, %.1f with %.1f events a second\n", what, silent/all, loud/all, told/all)
		verdict("frames while one "+what+"s under events, of those in silence", middle(ratios), true, 0.9)
	}
	return nil
}

// changing changes orders at an even pace until it is stopped, and counts how often.
func (s *seeded) changing(ids []string) (done *atomic.Int64, stop func()) {
	done = &atomic.Int64{}
	ctx, cancel := context.WithCancel(context.Background())
	work := make(chan string)
	ended := make(chan struct{})
	for range scripts {
		go func() {
			for id := range work {
				if caught(func() {
					s.u.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"reference": fmt.Sprint(rand.Uint64())})
				}) == nil {
					done.Add(1)
				}
			}
			ended <- struct{}{}
		}()
	}
	go func() {
		defer close(work)
		for tick := time.NewTicker(time.Second / eventsASec); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			select {
			case work <- ids[rand.IntN(len(ids))]:
			case <-ctx.Done():
			}
		}
	}()
	return done, func() {
		cancel()
		for range scripts {
			<-ended
		}
	}
}

// approvesOnScreen approves many orders by keys, beside as many that eight scripts approve.
func approvesOnScreen(s *seeded) error {
	n := *portalBulk
	ready := func(client string) (orders []string, err error) {
		orders = make([]string, n)
		_, err = atOnceDo(n, scripts, func(i int) error {
			return caught(func() {
				orders[i] = s.u.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"assignee": "~all~", "client_code": client})).Text("id")
				patiently(s.u, 200, "/work-orders/"+orders[i]+"/complete", rig.JSON{})
			})
		})
		return orders, err
	}
	theirs, err := ready("SCRIPTS")
	if err == nil {
		_, err = ready("SCREEN")
	}
	if err != nil {
		return err
	}
	window, stop, err := s.list("?client_code=SCREEN&state=completed")
	if err != nil {
		return err
	}
	defer stop()
	time.Sleep(2 * time.Second) // let what rang fall still
	began := time.Now()
	if _, err := atOnceDo(n, scripts, func(i int) error {
		return caught(func() { patiently(s.u, 200, "/work-orders/"+theirs[i]+"/approve", rig.JSON{}) })
	}); err != nil {
		return err
	}
	byScripts := time.Since(began)
	time.Sleep(2 * time.Second)
	times, err := ask[[]float64](window, `(async () => {
		await bench.until(() => document.querySelector('.Orders .head .count'));
		document.querySelector('[role=columnheader] .Check').click();
		await bench.until(() => document.querySelector('.SelectionBar'));
		const began = performance.now();
		document.querySelector('.Row[tabindex="0"]').focus();
		dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true }));
		await bench.until(() => document.querySelector('.Orders .Toasts .Toast'));
		const answered = performance.now() - began;
		for (;;) {
			await new Promise((r) => setTimeout(r, 20));
			if ([...document.querySelectorAll('[data-sonner-toast]')].some((t) => t.innerText.startsWith('Approved'))) return [answered, performance.now() - began];
			if (document.querySelector('.Orders .Toasts [role=alert]')) throw new Error(document.querySelector('.Orders .Toasts').innerText);
			if (performance.now() - began > 600000) throw new Error('it never ended');
		}
	})()`)
	if err != nil {
		return err
	}
	var approved float64
	if err := caught(func() {
		approved, _ = s.u.Want(200, "GET", "/work-orders/counts?client_code=SCREEN&state=approved", nil).Get("total").(float64)
	}); err != nil {
		return err
	}
	if int(approved) != n {
		return fmt.Errorf("of %d orders %.0f are approved", n, approved)
	}
	fmt.Printf("  %d orders approved by one key: the screen says so after %.0f ms, all are done after %.1f s; %d scripts take %.1f s\n", n, times[0], times[1]/1000, scripts, byScripts.Seconds())
	verdict("a bulk on the screen against the same by eight scripts", times[1]/1000/byScripts.Seconds(), false, 2)
	return nil
}

// remembers scrolls for a long time and reads what the page keeps.
func remembers(s *seeded) error {
	window, stop, err := s.list("")
	if err != nil {
		return err
	}
	defer stop()
	frames := 0.0
	for began := time.Now(); time.Since(began) < *portalScroll; {
		n, err := ask[float64](window, `bench.frames(5000, bench.scroll)`)
		if err != nil {
			return err
		}
		frames += n
	}
	mb, err := privateMemory(window)
	if err != nil {
		return err
	}
	if mb == 0 {
		return errors.New("no renderer was found")
	}
	fmt.Printf("  the renderer's own memory after %.0f s of scrolling, %.0f frames a second: %.0f MB\n", portalScroll.Seconds(), frames/portalScroll.Seconds(), mb)
	verdict("memory after scrolling, of 300 MB", mb/memoryWithin, false, 1)
	return nil
}
