package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

const (
	manyPhotos   = 5000
	fewPhotos    = 50
	openRounds   = 7
	pressedKeys  = 100
	indexAtMost  = 250_000 // bytes, gzipped
	keyMedian    = 50      // milliseconds
	key95th      = 100
	blankAtMost  = 100
	reviewWindow = 10 * time.Minute
)

// reviewing measures the portal's review in Chromium: how an order of 5,000 photos opens beside one of 50, how large its index
// is, how long a key takes to the next photo, and whether anything is blank while it scrolls.
func reviewing(dir string) error {
	in, err := rig.Dev(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	var many, few string
	if err := caught(func() { many, few = photographed(u, 1), photographed(u, 2) }); err != nil {
		return err
	}
	if err := copyPhotos(in, many, manyPhotos); err != nil {
		return err
	}
	index := u.Do("GET", "/work-orders/"+many+"/photo-index", nil, "Accept-Encoding", "gzip")
	fmt.Printf("review: the index of %d photos has %.0f kB gzipped\n", manyPhotos, float64(len(index.Body))/1000)
	verdict("the photo index, of its bound", float64(len(index.Body))/indexAtMost, false, 1)

	browser, stop, err := chromium()
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(browser, reviewWindow)
	defer cancel()
	enter := fmt.Sprintf(`fetch("/api/v1/sessions", {method: "POST", headers: {"Content-Type": "application/json"},
		body: JSON.stringify({username: %q, password: %q})}).then(r => r.status)`, u.Username, rig.Password)
	status := 0
	if err := chromedp.Run(ctx, chromedp.Navigate(in.URL+"/sign-in"), chromedp.Evaluate(enter, &status, promised)); err != nil || status != 201 {
		return fmt.Errorf("sign in: %d %w", status, err)
	}
	if err := opens(ctx, in.URL, many, few); err != nil {
		return err
	}
	for _, key := range []string{"j", "a"} {
		if err := keyToPhoto(ctx, in.URL, many, key); err != nil {
			return err
		}
	}
	return scrolls(ctx, in.URL, many)
}

// photographed is an order with some real photos, of which pictures are made.
func photographed(u *rig.User, seed uint64) string {
	order := u.Want(201, "POST", "/work-orders", rig.NewOrder(nil))
	id, task := order.Text("id"), order.Text("tasks", 0, "id")
	for n := range fewPhotos {
		u.Upload(id, rig.JPEG(1600, 1200, seed*1000+uint64(n)), "task_id", task, "evidence_type", []string{"before", "after"}[n%2], "taken_at",
			time.Now().Add(time.Duration(n)*time.Second).UTC().Format(time.RFC3339))
	}
	u.AwaitFor(3*time.Minute, "the renditions", func() bool {
		placeholders := u.Want(200, "GET", "/work-orders/"+id+"/photo-index", nil).List("placeholder")
		return len(placeholders) == fewPhotos && !slices.Contains(placeholders, any(""))
	})
	return id
}

// copyPhotos fills an order with copies of its photos, each with an id, a time and a placeholder of its own.
func copyPhotos(in *rig.Installation, order string, upTo int) error {
	ctx := models.AcrossAccounts(context.Background())
	store, err := models.Open(ctx, in.DatabaseURL)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Write(ctx, func(tx *models.Tx) error {
		var photos []*models.Item
		if err := tx.Where("work_order_id = ?", order).Order("id").Find(&photos).Error; err != nil {
			return err
		}
		copies := make([]*models.Item, 0, upTo)
		for n := len(photos); n < upTo; n++ {
			made := *photos[n%len(photos)]
			made.ID, made.UUID = models.NewID(), uuid.NewString()
			placeholder := make([]byte, 25)
			_, _ = rand.Read(placeholder)
			copy(placeholder, []byte{0x95, 0x08, 0x0a}) // its head says which shape and colours it has: that of a real one
			made.Placeholder = base64.StdEncoding.EncodeToString(placeholder)
			taken := models.At(made.TakenAt.Add(time.Duration(n) * 37 * time.Second))
			made.TakenAt = &taken
			copies = append(copies, &made)
		}
		return tx.CreateInBatches(copies, 200).Error
	})
}

func promised(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// inSight notes when all tiles that are in sight have their pictures.
const inSight = `(() => {
	const look = () => {
		const tiles = [...document.querySelectorAll(".Tile[id]")].filter(t => { const r = t.getBoundingClientRect(); return r.bottom > 0 &&
			r.top < innerHeight; });
		if (tiles.length >= 6 && tiles.every(t => t.querySelector("img")?.complete)) window.inSight = performance.now();
		else requestAnimationFrame(look);
	};
	requestAnimationFrame(look);
})()`

func opens(ctx context.Context, url, many, few string) error {
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(inSight).Do(ctx)
		return err
	}))
	if err != nil {
		return err
	}
	var times [2][]time.Duration
	for round := range openRounds + 1 {
		for i, order := range []string{many, few} {
			took := 0.0
			if err := chromedp.Run(ctx, network.ClearBrowserCache(), chromedp.Navigate(url+"/orders/"+order+"/review"), chromedp.Poll(`window.inSight`,
				&took)); err != nil {
				return err
			}
			if round > 0 {
				times[i] = append(times[i], time.Duration(took*float64(time.Millisecond)))
			}
		}
	}
	fmt.Printf("review: opens in %.0f ms at %d photos, in %.0f ms at %d (medians of %d)\n", ms(median(times[0])), manyPhotos, ms(median(times[1])),
		fewPhotos, openRounds)
	verdict(fmt.Sprintf("opening %d photos against %d", manyPhotos, fewPhotos), median(times[0]).Seconds()/median(times[1]).Seconds(), false, 1.5)
	return nil
}

// pressing presses a key some times, at the pace of a quick judge, and answers how long each next photo took to be drawn.
const pressing = `(async () => {
	const frame = () => new Promise(requestAnimationFrame);
	const took = [];
	for (let n = 0; n < %d; n++) {
		const before = document.querySelector(".r-main img").src;
		const began = performance.now();
		dispatchEvent(new KeyboardEvent("keydown", {key: %q, cancelable: true}));
		for (;;) {
			await frame();
			const now = document.querySelector(".r-main img");
			if (now && now.src !== before && now.complete && now.naturalWidth) break;
		}
		await frame();
		took.push(performance.now() - began);
		await new Promise(done => setTimeout(done, Math.max(0, 200 - (performance.now() - began))));
	}
	return took;
})()`

func keyToPhoto(ctx context.Context, url, order, key string) error {
	var took []float64
	err := chromedp.Run(ctx, chromedp.Navigate(url+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`), chromedp.Focus(`.Tile.at`),
		chromedp.KeyEvent("\r"), chromedp.WaitVisible(`.r-main img`),
		chromedp.Evaluate(fmt.Sprintf(pressing, pressedKeys, key), &took, promised))
	if err != nil {
		return err
	}
	slices.Sort(took)
	half, high := took[len(took)/2], took[len(took)*95/100]
	fmt.Printf("review: %q to the next photo %.0f ms, 95th percentile %.0f ms (of %d, at %d photos)\n", key, half, high, pressedKeys, manyPhotos)
	verdict(fmt.Sprintf("key %q to the next photo, of %d ms", key, keyMedian), half/keyMedian, false, 1)
	verdict(fmt.Sprintf("key %q at the 95th percentile, of %d ms", key, key95th), high/key95th, false, 1)
	return nil
}

// scrolling goes through the grid at some 6,000 pixels a second and answers for how long its middle was blank at most.
const scrolling = `(async () => {
	const grid = document.querySelector(".r-scroll");
	const box = grid.getBoundingClientRect();
	let longest = 0, since = 0, last = performance.now();
	for (const end = last + 6000; last < end;) {
		const now = await new Promise(requestAnimationFrame);
		grid.scrollTop += 6 * (now - last);
		last = now;
		const blank = [0.2, 0.5, 0.8].some(part => !document.elementFromPoint(box.left + 120, box.top + box.height * part)?.closest(".r-row"));
		if (!blank) since = 0;
		else if (!since) since = now;
		if (since) longest = Math.max(longest, now - since);
	}
	return longest;
})()`

func scrolls(ctx context.Context, url, order string) error {
	longest := 0.0
	if err := chromedp.Run(ctx, chromedp.Navigate(url+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`), chromedp.Evaluate(scrolling, &longest,
		promised)); err != nil {
		return err
	}
	fmt.Printf("review: nothing is blank for longer than %.0f ms while %d photos scroll by\n", longest, manyPhotos)
	verdict("blank while scrolling, of its bound", longest/blankAtMost, false, 1)
	return nil
}
