package tests

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestMailsOnEachScreen opens each mail as a desk and a phone show it, light and dark: it is readable, fits, and fetches nothing
// but its own parts.
func TestMailsOnEachScreen(t *testing.T) {
	longer(t)
	t.Parallel()
	folder := filepath.Join(rig.Root(), "docs", "mails")
	mails, err := filepath.Glob(filepath.Join(folder, "*.html"))
	require.NoError(t, err)
	require.NotEmpty(t, mails)
	for screen, width := range map[string]int64{"desk": 720, "phone": 375} {
		for _, scheme := range []string{"light", "dark"} {
			ctx := browse(t, false)
			var mu sync.Mutex
			var asked []string
			chromedp.ListenTarget(ctx, func(e any) {
				if sent, is := e.(*network.EventRequestWillBeSent); is {
					mu.Lock()
					asked = append(asked, sent.Request.URL)
					mu.Unlock()
				}
			})
			require.NoError(t, chromedp.Run(ctx, network.Enable(), emulation.SetDeviceMetricsOverride(width, 900, 1, screen == "phone"),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})))
			for _, file := range mails {
				name := strings.TrimSuffix(filepath.Base(file), ".html") + "-" + screen + "-" + scheme
				var wide int64
				var ground string
				require.NoError(t, chromedp.Run(ctx, chromedp.Navigate("file://"+file), chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide),
					chromedp.Evaluate(`getComputedStyle(document.body).backgroundColor`, &ground)))
				require.LessOrEqual(t, wide, width, "%s fits", name)
				require.Equal(t, map[string]string{"light": "rgb(243, 245, 247)", "dark": "rgb(14, 19, 25)"}[scheme], ground, name)
				accessible(t, ctx, name)
				screenshot(t, ctx, name)
			}
			mu.Lock()
			for _, address := range asked {
				require.True(t, strings.HasPrefix(address, "file://"+folder+"/"), "%s was fetched", address)
			}
			require.GreaterOrEqual(t, len(asked), len(mails))
			mu.Unlock()
		}
	}
}
