package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"fieldproof/tests/rig"
)

// What the field app promises: milliseconds, kB, MB.
const (
	fieldLine                                           = 400_000 // bytes a second
	firstWithin, laterWithin, fieldScripts, savedWithin = 3000, 1000, 130, 1000
	shotRatio, shotsWithin, queueMemory, frameWithin    = 1.3, 30_000, 200, 100
	syncWithin, announceWithin, dayOrders, fieldQueue   = 60, 60, 40, 300
	fieldSlower, laterLoads, fieldShots, comparedShots  = 4, 7, 30, 15
	shotsInAll                                          = 100
)

// fieldWatching stands in each page of the app: when it first showed what somebody can work with.
const fieldWatching = `
(() => {
	const look = () => document.querySelector('.Row, input[autocomplete=username]') ? (window.usable = performance.now()) : requestAnimationFrame(look);
	look();
	// A camera of 1,920 × 1,080: what the browser's own picture of a camera has above that no phone's video gives.
	const devices = navigator.mediaDevices, opens = devices?.getUserMedia.bind(devices);
	if (opens) devices.getUserMedia = asked => opens({...asked, video: {...asked.video, width: {ideal: 1920, max: 1920}, height: {ideal: 1080, max: 1080}}});
	window.bench = {
		frame: () => new Promise(requestAnimationFrame),
		async until(is) { for (const began = performance.now(); !is();) { await bench.frame(); if (performance.now() - began > 60000) throw new Error('it never came: ' + is); } return performance.now(); },
		// When the finder shows that a photo was taken: it does so for less than a slow frame may last.
		taken: () => new Promise(r => { const o = new MutationObserver(() => { if (document.querySelector('.Finder.taken')) { o.disconnect(); r(performance.now()); } }); o.observe(document.querySelector('.Finder'), {attributes: true}); }),
		store: (name, act) => new Promise((ok, no) => { const asked = indexedDB.open('fieldproof'); asked.onerror = () => no(asked.error);
			asked.onsuccess = () => { const t = asked.result.transaction(name, 'readwrite'), r = act(name => t.objectStore(name)); t.oncomplete = () => { asked.result.close(); ok(r?.result ?? null); }; t.onerror = () => no(t.error); }; }),
	};
})();
`

// fieldPhone is the app in a browser of its own, over a line of its own.
type fieldPhone struct {
	window context.Context
	line   *rig.Line
	stop   func()
}

func newFieldPhone(url string) (*fieldPhone, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("install the Debian package chromium: %w", err)
	}
	p := &fieldPhone{line: rig.NewLine(fataler{}, url)}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(390, 844), chromedp.Flag("use-fake-device-for-media-stream", true))
	all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopFirst := chromedp.NewContext(all, chromedp.WithErrorf(func(string, ...any) {}))
	p.window, p.stop = ctx, func() { stopFirst(); stopAll() }
	err = chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(390, 844, 2, true), emulation.SetGeolocationOverride().WithLatitude(30.5).WithLongitude(-97.7).WithAccuracy(6), inEachPage(fieldWatching))
	for _, name := range []string{"camera", "geolocation"} {
		if err == nil {
			err = chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
				return browser.SetPermission(&browser.PermissionDescriptor{Name: name}, browser.PermissionSettingGranted).WithOrigin(p.line.URL).Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
			}))
		}
	}
	return p, err
}

func (p *fieldPhone) goes(path string) error {
	return chromedp.Run(p.window, chromedp.Navigate(p.line.URL+"/field"+path))
}

// enters signs in, and waits until the app is on the phone.
func (p *fieldPhone) enters(u *rig.User) error {
	if err := p.goes("/"); err != nil {
		return err
	}
	_, err := ask[any](p.window, fmt.Sprintf(`(async () => {
		await bench.until(() => document.querySelector('input[autocomplete=username]'));
		for (const [s, v] of [['username', %q], ['current-password', %q]]) { const e = document.querySelector('input[autocomplete=' + s + ']'); e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }
		setTimeout(() => document.querySelector('.Welcome form button.primary').click(), 50);
	})()`, u.Username, rig.Password))
	if err != nil {
		return err
	}
	if err := chromedp.Run(p.window, chromedp.WaitVisible(`.needs`)); err != nil {
		return err
	}
	if err := p.goes("/"); err != nil {
		return err
	}
	_, err = ask[any](p.window, `bench.until(() => document.querySelector('.Row') && navigator.serviceWorker.controller)`)
	return err
}

func fieldApp(dir string) error {
	in, err := rig.Dev(product(), filepath.Join(dir, "installation"))
	if err != nil {
		return err
	}
	defer in.Stop()
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("  the machine's load: %s", load)
	}
	return caught(func() {
		office := rig.SignUp(fataler{}, in.URL)
		crew := office.Colleague("crew")
		template := office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "day", "name": "Condition"}, "questions": daysQuestions()}).Text("reference")
		var orders []string
		for n := range dayOrders {
			orders = append(orders, office.Order(rig.JSON{"assignee": crew.Username, "due_date": "2026-12-04", "instructions": "<p>Close the gate. Every room, front and back.</p>", "work_order_info": "Key box on the meter, code 0417",
				"address": rig.JSON{"address1": fmt.Sprintf("%d Oak Street", n+1), "city": "Round Rock", "state": "TX", "zip": "78664"},
				"tasks":   []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"before": 1, "after": 1}}, {"name": "Condition", "kind": "survey", "survey_id": template}}}).Text("id"))
		}
		for _, part := range []func() error{
			func() error { return fieldLoads(in.URL, crew) }, func() error { return fieldSync(office, crew, orders) },
			func() error { return fieldCamera(in.URL, crew, orders[0]) }, func() error { return fieldShotsAlone(in.URL, crew, orders[1]) }, func() error { return fieldQueueOf(in.URL, crew, orders[0]) },
		} {
			if err := part(); err != nil {
				panic(brokenOff{err.Error()})
			}
		}
	})
}

// daysQuestions are those of a survey as long as people's are.
func daysQuestions() (all []rig.JSON) {
	for n := range 40 {
		all = append(all, rig.JSON{"id": fmt.Sprintf("q%d", n), "question": fmt.Sprintf("What is the condition of part %d of the building?", n), "answerType": "select", "answerOptions": []string{"Good", "Fair", "Bad", "Not there"}, "required": true})
	}
	return all
}

// fieldLoads opens the app on a slow line with a slow processor: the first time, then again and again, then without a network.
func fieldLoads(url string, crew *rig.User) error {
	p, err := newFieldPhone(url)
	if err != nil {
		return err
	}
	defer p.stop()
	p.line.SlowBack(fieldLine)
	if err := chromedp.Run(p.window, emulation.SetCPUThrottlingRate(fieldSlower)); err != nil {
		return err
	}
	if err := p.goes("/"); err != nil {
		return err
	}
	first, err := ask[float64](p.window, `bench.until(() => window.usable).then(() => window.usable)`)
	if err != nil {
		return err
	}
	scripts, err := ask[float64](p.window, `Promise.resolve(performance.getEntriesByType('resource').filter(e => e.name.endsWith('.js')).reduce((n, e) => n + e.encodedBodySize, 0) / 1000)`)
	if err != nil {
		return err
	}
	fmt.Printf("  the first load over 400 kB/s, four times slower: %.0f ms; its scripts %.0f kB as they are sent\n", first, scripts)
	verdict("first load, of 3 s", first/firstWithin, false, 1)
	verdict("scripts of the first load, of 130 kB", scripts/fieldScripts, false, 1)
	if err := p.enters(crew); err != nil {
		return err
	}
	if err := chromedp.Run(p.window, serviceworker.Enable()); err != nil {
		return err
	}
	for _, away := range []bool{false, true} {
		p.line.Away(away)
		var times []float64
		for range laterLoads {
			// As from the home screen: no page is open, and its service worker sleeps.
			if err := chromedp.Run(p.window, chromedp.Navigate("about:blank"), serviceworker.StopAllWorkers()); err != nil {
				return err
			}
			if err := p.goes("/"); err != nil {
				return err
			}
			at, err := ask[float64](p.window, `bench.until(() => document.querySelector('.Row')).then(() => window.usable)`)
			if err != nil {
				return err
			}
			times = append(times, at)
		}
		name := map[bool]string{false: "a later load", true: "one without a network"}[away]
		fmt.Printf("  %s: %.0f ms (%.0f to %.0f)\n", name, middle(times), slices.Min(times), slices.Max(times))
		verdict(name+", of 1 s", middle(times)/laterWithin, false, 1)
	}
	return nil
}

// fieldSync asks what changed of a day of orders when ten did.
func fieldSync(office, crew *rig.User, orders []string) error {
	size := func(cursor string) (int, error) {
		r, err := http.NewRequest(http.MethodGet, crew.URL+"/api/v1/sync"+cursor, nil)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Authorization", "Bearer "+crew.Token)
		r.Header.Set("Accept-Encoding", "gzip")
		a, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		return len(body), err
	}
	cursor := crew.Want(200, "GET", "/sync", nil).Text("cursor")
	all, err := size("")
	if err != nil {
		return err
	}
	for _, id := range orders[:10] {
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"instructions": "<p>Ring twice.</p>"})
	}
	changed, err := size("?cursor=" + cursor)
	if err != nil {
		return err
	}
	fmt.Printf("  a day of %d orders with surveys: %.1f kB as sent, ten that changed %.1f kB\n", len(orders), float64(all)/1000, float64(changed)/1000)
	verdict("the sync call when ten changed, of 60 kB", float64(changed)/1000/syncWithin, false, 1)
	return nil
}

// atCamera is a phone whose person has an order's camera open.
func atCamera(url string, crew *rig.User, order string) (*fieldPhone, error) {
	p, err := newFieldPhone(url)
	if err != nil {
		return nil, err
	}
	if err = p.enters(crew); err == nil {
		err = p.goes("/orders/" + order + "/camera")
	}
	if err != nil {
		p.stop()
	}
	return p, err
}

// fieldCamera shoots, beside bare frames of the same stream.
func fieldCamera(url string, crew *rig.User, order string) error {
	p, err := atCamera(url, crew, order)
	if err != nil {
		return err
	}
	defer p.stop()
	type shots struct {
		Width, Height float64
		Ready, Bare   []float64
		Saved         []float64
		Took, Kept    float64
	}
	s, err := ask[shots](p.window, fmt.Sprintf(`(async () => {
		await bench.until(() => document.querySelector('video') && document.querySelector('.shutter'));
		const video = document.querySelector('video'), shutter = document.querySelector('.shutter');
		await bench.until(() => video.videoWidth > 0 && shutter.ariaDisabled === 'false');
		const kept = () => bench.store(['items'], of => of('items').count());
		const ready = [], bare = [], saved = [], before = await kept();
		const said = () => document.querySelector('.Camera [role=status]')?.textContent.includes('Saved');
		for (let n = 0; n < %d; n++) {
			let at = performance.now();
			(await createImageBitmap(video)).close();
			bare.push(performance.now() - at);
			at = performance.now();
			const is = bench.taken();
			shutter.click();
			ready.push(await is - at);
			await bench.until(said);
			saved.push(performance.now() - at);
			await new Promise(r => setTimeout(r, 200));
		}
		const began = performance.now(), from = await kept();
		for (let n = 0; n < %d; n++) { await bench.until(() => shutter.ariaDisabled === 'false' && !document.querySelector('.Finder.taken')); const is = bench.taken(); shutter.click(); await is; }
		const took = performance.now() - began;
		for (let n = 0; n < 600 && await kept() - from < %d; n++) await new Promise(r => setTimeout(r, 100));
		return {Width: video.videoWidth, Height: video.videoHeight, Ready: ready, Bare: bare, Saved: saved, Took: took, Kept: await kept() - from};
	})()`, comparedShots, fieldShots, fieldShots))
	if err != nil {
		return err
	}
	fmt.Printf("  the camera at %.0f × %.0f: press to ready %.0f ms, a bare frame %.0f ms; saved after %.0f ms (%.0f at most)\n", s.Width, s.Height, middle(s.Ready), middle(s.Bare), middle(s.Saved), slices.Max(s.Saved))
	verdict("press to ready again, of a bare frame's time", middle(s.Ready)/middle(s.Bare), false, shotRatio)
	verdict("saved, of a second", middle(s.Saved)/savedWithin, false, 1)
	fmt.Printf("  %d shots took %.1f s; %.0f are kept\n", fieldShots, s.Took/1000, s.Kept)
	verdict("30 shots, of 30 s", s.Took/shotsWithin, false, 1)
	verdict("of them kept", s.Kept/fieldShots, true, 1)
	return nil
}

// fieldShotsAlone takes 100 shots in a browser that does nothing else: a bare frame, made to be compared, is memory that the
// browser keeps.
func fieldShotsAlone(url string, crew *rig.User, order string) error {
	p, err := atCamera(url, crew, order)
	if err != nil {
		return err
	}
	defer p.stop()
	all, err := ask[float64](p.window, fmt.Sprintf(`(async () => {
		await bench.until(() => document.querySelector('.shutter')?.ariaDisabled === 'false');
		const shutter = document.querySelector('.shutter'), kept = () => bench.store(['items'], of => of('items').count());
		const before = await kept();
		for (let n = 0; n < %d; n++) { await bench.until(() => shutter.ariaDisabled === 'false' && !document.querySelector('.Finder.taken')); const is = bench.taken(); shutter.click(); await is; }
		for (let n = 0; n < 600 && await kept() - before < %d; n++) await new Promise(r => setTimeout(r, 100));
		return await kept() - before;
	})()`, shotsInAll, shotsInAll))
	if err != nil {
		return err
	}
	mb, err := privateMemory(p.window)
	if err != nil {
		return err
	}
	fmt.Printf("  after %.0f shots: %.0f MB\n", all, mb)
	verdict("memory after 100 shots, of 200 MB", mb/queueMemory, false, 1)
	return nil
}

// fieldQueueOf has photos of 1 MB wait, looks at them, and announces them.
func fieldQueueOf(url string, crew *rig.User, order string) error {
	p, err := newFieldPhone(url)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.enters(crew); err != nil {
		return err
	}
	p.line.Away(true)
	_, err = ask[any](p.window, fmt.Sprintf(`(async () => {
		const thumb = await (await new Promise(r => Object.assign(document.createElement('canvas'), {width: 320, height: 240}).toBlob(r, 'image/jpeg'))).arrayBuffer();
		for (let n = 0; n < %d; n++) {
			const uuid = crypto.randomUUID(), data = new ArrayBuffer(1_000_000);
			crypto.getRandomValues(new Uint8Array(data, 0, 65536));
			const sha256 = [...new Uint8Array(await crypto.subtle.digest('SHA-256', data))].map(b => b.toString(16).padStart(2, '0')).join('');
			await bench.store(['items', 'bytes', 'thumbs'], of => { of('bytes').put({uuid, data}); of('thumbs').put({uuid, data: thumb}); of('items').put({uuid, owner: %q, kind: 'photo', order_id: %q, task_id: '', evidence_type: 'before', taken_at: Date.now() - n * 61000, zone: 'America/Chicago', offset_ms: -120,
				latitude: 30.5 + Math.random() / 100, longitude: -97.7 + Math.random() / 100, accuracy: 6, position_state: 'good', source: 'mobile_camera', notes: '', sha256, size: 1000000, width: 2048, height: 1536, state: 'kept', sent: 0, tries: 0, created_at: Date.now() - n * 61000}); });
		}
	})()`, fieldQueue, crew.ID, order))
	if err != nil {
		return err
	}
	if err := p.goes("/queue"); err != nil {
		return err
	}
	worst, err := ask[float64](p.window, `(async () => {
		await bench.until(() => document.querySelectorAll('.Row.item').length > 3);
		await new Promise(r => setTimeout(r, 3000));
		const main = document.querySelector('main');
		let last = await bench.frame(), worst = 0;
		for (const began = last; last - began < 8000;) { main.scrollTop += 40; if (main.scrollTop + main.clientHeight >= main.scrollHeight - 10) main.scrollTop = 0; const now = await bench.frame(); worst = Math.max(worst, now - last); last = now; }
		return worst;
	})()`)
	if err != nil {
		return err
	}
	mb, err := privateMemory(p.window)
	if err != nil {
		return err
	}
	fmt.Printf("  %d photos of 1 MB wait: %.0f MB, the longest frame while scrolling %.0f ms\n", fieldQueue, mb, worst)
	verdict("memory with 300 photos, of 200 MB", mb/queueMemory, false, 1)
	verdict("the longest frame while scrolling, of 100 ms", worst/frameWithin, false, 1)
	p.line.Tap()
	p.line.Slow(100_000) // the announcements are there before the bytes
	p.line.Away(false)
	body := 0
	for range 600 {
		if body = announcedIn(p.line); body > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Printf("  announcing %d photos: %.1f kB as sent\n", fieldQueue, float64(body)/1000)
	verdict("the announcement, of 60 kB", float64(body)/1000/announceWithin, false, 1)
	return nil
}

// announcedIn is how long the body of an announcement was that went over a line.
func announcedIn(line *rig.Line) int {
	for _, carried := range line.Carried() {
		_, rest, there := bytes.Cut(carried, []byte("POST /api/v1/announcements"))
		if !there {
			continue
		}
		head, _, whole := bytes.Cut(rest, []byte("\r\n\r\n"))
		_, length, said := bytes.Cut(head, []byte("Content-Length: "))
		var n int
		if _, err := fmt.Sscan(string(length), &n); whole && said && err == nil {
			return n
		}
	}
	return 0
}
