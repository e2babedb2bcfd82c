package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"

	"fieldproof/tests/rig"
)

// chromium starts a browser as a desk has it. stop ends it.
func chromium() (ctx context.Context, stop func(), err error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, fmt.Errorf("install the Debian package chromium: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1440, 900))
	all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopFirst := chromedp.NewContext(all, chromedp.WithErrorf(func(string, ...any) {})) // it tells of events that it does not know
	return ctx, func() { stopFirst(); stopAll() }, chromedp.Run(ctx)
}

// cold opens a browser that has nothing in its cache, in which u is signed in. Each document that it opens runs script first.
func cold(u *rig.User, script string) (window context.Context, stop func(), err error) {
	if window, stop, err = chromium(); err != nil {
		return nil, nil, err
	}
	err = chromedp.Run(window, network.SetCookie("fieldproof_session", u.Token).WithURL(u.URL).WithHTTPOnly(true), inEachPage(script))
	if err != nil {
		stop()
	}
	return window, stop, err
}

// inEachPage has each document that a window opens run a script first.
func inEachPage(script string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	})
}

// ask runs a script on a page and takes what its promise gives.
func ask[T any](window context.Context, script string) (answer T, err error) {
	err = chromedp.Run(window, chromedp.Evaluate(script, &answer, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return answer, err
}

// privateMemory is how much memory the largest renderer has for itself, in MB.
func privateMemory(browser context.Context) (most float64, err error) {
	processes, err := systeminfo.GetProcessInfo().Do(cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser))
	if err != nil {
		return 0, err
	}
	for _, p := range processes {
		if p.Type != "renderer" {
			continue
		}
		file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", p.ID))
		if err != nil {
			return 0, err
		}
		mb := 0.0
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var kb float64
			if name, rest, is := strings.Cut(lines.Text(), ":"); is && strings.HasPrefix(name, "Private_") {
				if _, err := fmt.Sscan(rest, &kb); err == nil {
					mb += kb / 1000
				}
			}
		}
		_ = file.Close()
		most = max(most, mb)
	}
	return most, nil
}
