package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"fieldproof/models"
)

const reportPhotos = 60

// reportAgainstChromium compares a report of 60 photos with a running Chromium that loads a page with the same
// renditions and prints it.
func reportAgainstChromium(dir string) error {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("install the Debian package chromium: %w", err)
	}
	content, r, err := proofInMemory(dir, reportPhotos, func(i int) []byte { return scene(1600, 1200, uint64(i)) })
	if err != nil {
		return err
	}
	ctx := context.Background()
	var html strings.Builder
	html.WriteString("<html><body>")
	for i, item := range content.Visits[0].Proof.Items {
		reader, err := r.Media.Open(ctx, item, models.Display)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(reader)
		_ = reader.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&html, `<img style="width:45%%" src="data:image/jpeg;base64,%s"><p>Photo %d</p>`, base64.StdEncoding.EncodeToString(b), i)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, html.String())
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
	const runs = 11
	for range runs + 1 { // the first of each warms up
		began := time.Now()
		if err := r.Write(ctx, io.Discard, content); err != nil {
			return err
		}
		ours = append(ours, time.Since(began))
		began = time.Now()
		err := chromedp.Run(browser, chromedp.Navigate(server.URL), chromedp.ActionFunc(func(ctx context.Context) error {
			_, _, err := page.PrintToPDF().Do(ctx)
			return err
		}))
		if err != nil {
			return err
		}
		theirs = append(theirs, time.Since(began))
	}
	a, b := median(ours[1:]), median(theirs[1:])
	fmt.Printf("report of %d photos: ours %.0f ms, Chromium %.0f ms (medians of %d)\n", reportPhotos, ms(a), ms(b), runs)
	verdict("report against a running Chromium, times faster", b.Seconds()/a.Seconds(), true, 20)
	return nil
}
