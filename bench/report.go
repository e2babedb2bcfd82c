package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"rsc.io/qr"

	"fieldproof/models"
	"fieldproof/reports"
)

const reportPhotos = 500

// reportAgainstChromium compares a report of 500 photos with a running Chromium that loads a page with the same
// pictures, captions and QR codes and prints it; and its memory with its size.
func reportAgainstChromium(dir string) error {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("install the Debian package chromium: %w", err)
	}
	// Fifty pictures, each ten times under its own name: what is drawn does not depend on them.
	var pictures [][]byte
	for i := range 50 {
		pictures = append(pictures, scene(1600, 1200, uint64(i)))
	}
	content, r, err := proofInMemory(dir, reportPhotos, func(i int) []byte { return pictures[i%len(pictures)] })
	if err != nil {
		return err
	}
	html, err := sameAsPage(content)
	if err != nil {
		return err
	}
	ctx := context.Background()
	items := map[string]*models.Item{}
	for _, item := range content.Visits[0].Proof.Items {
		items[item.ID] = item
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, html)
			return
		}
		item := items[path.Base(req.URL.Path)]
		if item == nil {
			http.NotFound(w, req)
			return
		}
		reader, err := r.Media.Open(ctx, item, models.Display)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer reader.Close()
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = io.Copy(w, reader)
	}))
	defer server.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, stopAll := chromedp.NewExecAllocator(ctx, options...)
	defer stopAll()
	browser, stop := chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Run(browser, chromedp.Navigate("about:blank")); err != nil { // it runs already
		return err
	}
	var ours, theirs []time.Duration
	var size, grown uint64
	const runs = 5
	for range 3 { // on its own: watching the memory takes time
		var written counter
		growth, err := memoryGrowth(func() error { return r.Write(ctx, &written, content) })
		if err != nil {
			return err
		}
		size, grown = uint64(written), max(grown, growth)
	}
	for range runs + 1 { // the first of each warms up
		began := time.Now()
		if err := r.Write(ctx, io.Discard, content); err != nil {
			return err
		}
		ours = append(ours, time.Since(began))
		began = time.Now()
		var printed []byte
		err = chromedp.Run(browser, chromedp.Navigate(server.URL), chromedp.ActionFunc(func(ctx context.Context) error {
			var err error
			printed, _, err = page.PrintToPDF().WithTransferMode(page.PrintToPDFTransferModeReturnAsBase64).Do(ctx)
			return err
		}))
		if err != nil {
			return err
		}
		if len(printed) < 1<<20 {
			return fmt.Errorf("chromium printed %d bytes", len(printed))
		}
		theirs = append(theirs, time.Since(began))
	}
	a, b := median(ours[1:]), median(theirs[1:])
	fmt.Printf("report of %d photos, %d MB: ours %.0f ms, Chromium %.0f ms (medians of %d)\n", reportPhotos, size>>20, ms(a), ms(b), runs)
	verdict("report against a running Chromium, times faster", b.Seconds()/a.Seconds(), true, 25)
	verdict("its memory growth, in sizes of the PDF", float64(grown)/float64(size), false, 4)
	return propertyReport(ctx, content, r, size, a)
}

// propertyReport tells the same photos as ten visits of one property: beside the report of one order it may cost what it shows twice.
func propertyReport(ctx context.Context, of *reports.Content, r *reports.Reports, size uint64, alone time.Duration) error {
	const visits = 10
	all := of.Visits[0].Proof
	lat, lon := 30.5084, -97.679
	property := *of
	property.Property, property.Visits = &models.Property{Latitude: &lat, Longitude: &lon}, nil
	for n := range visits {
		visit := *all
		order := *all.Order
		order.ID, order.WorkOrderNumber = fmt.Sprint(n), fmt.Sprintf("B-%d", n)
		visit.Order, visit.Property, visit.Items = &order, property.Property, nil
		for i, item := range all.Items[n*len(all.Items)/visits : (n+1)*len(all.Items)/visits] {
			taken, at := *item, models.At(item.ReceivedAt.AddDate(0, 0, -7*n))
			taken.Shot, taken.ReceivedAt, taken.TakenAt = fmt.Sprintf("Place %d", i/2), at, &at
			visit.Items = append(visit.Items, &taken)
		}
		property.Visits = append(property.Visits, reports.Visit{Proof: &visit})
	}
	var written counter
	grown, err := memoryGrowth(func() error { return r.Write(ctx, &written, &property) })
	if err != nil {
		return err
	}
	var times []time.Duration
	for range 5 {
		began := time.Now()
		if err := r.Write(ctx, io.Discard, &property); err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	fmt.Printf("  the same photos as %d visits of a property: %d MB, %.0f ms\n", visits, uint64(written)>>20, ms(median(times)))
	verdict("the property's report, in sizes of the order's", float64(written)/float64(size), false, 1.1)
	verdict("its time, in times of the order's", median(times).Seconds()/alone.Seconds(), false, 2)
	verdict("its memory growth, in sizes of the PDF", float64(grown)/float64(written), false, 4)
	return nil
}

// sameAsPage is the report's photos as a web page.
func sameAsPage(c *reports.Content) (string, error) {
	var html strings.Builder
	html.WriteString(`<html><style>@page{size:letter} figure{display:inline-block;width:46%;margin:1%;break-inside:avoid;font:8pt sans-serif} figure>img{width:100%;height:2.3in;object-fit:contain} .code{width:40pt;float:right;image-rendering:pixelated}</style><body>`)
	p := c.Visits[0].Proof
	for i, item := range p.Items {
		code, err := qr.Encode(c.Verify(item), qr.M)
		if err != nil {
			return "", err
		}
		code.Scale = 2
		fmt.Fprintf(&html, `<figure><img src="/photo/%s"><figcaption><img class="code" src="data:image/png;base64,%s"><b>%d · %s</b><br>%s · no position<br>Certified: item – time – location –</figcaption></figure>`,
			item.ID, base64.StdEncoding.EncodeToString(code.PNG()), i+1, item.ReceivedAt.Format(time.RFC1123), p.Users[item.UploadedBy])
	}
	return html.String(), nil
}

// counter counts what is written to it.
type counter uint64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// memoryGrowth is by how many bytes the memory that Go holds grew at most while something ran.
func memoryGrowth(do func() error) (uint64, error) {
	held := func() uint64 {
		samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(samples)
		return samples[0].Value.Uint64() - samples[1].Value.Uint64()
	}
	runtime.GC()
	debug.FreeOSMemory()
	before := held()
	peak := before
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, held())
			case <-done:
				peak = max(peak, held())
				return
			}
		}
	}()
	err := do()
	close(done)
	<-watched
	return peak - before, err
}
