package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldproof/activities/deliveries"
	"fieldproof/archives"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
)

// bed is the part of a test that helpers of tests want, for a measurement.
type bed struct {
	testing.TB
	dir  string
	ends []func()
}

func (b *bed) Helper() {}
func (b *bed) TempDir() string {
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		panic(err)
	}
	return dir
}
func (b *bed) Cleanup(end func())           { b.ends = append(b.ends, end) }
func (b *bed) Errorf(f string, args ...any) { panic(fmt.Errorf(f, args...)) }
func (b *bed) Fatalf(f string, args ...any) { panic(fmt.Errorf(f, args...)) }
func (b *bed) Fatal(args ...any)            { panic(errors.New(fmt.Sprint(args...))) }
func (b *bed) FailNow()                     { panic(errors.New("it failed")) }

// clean ends what was begun, the newest first.
func (b *bed) clean() {
	for _, end := range slices.Backward(b.ends) {
		end()
	}
}

// noise is bytes that no compression makes smaller.
func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

const (
	zipPhotos = 700
	zipBytes  = 3_000_000
	zipRuns   = 3
)

// zips compares an archive of 2 GB with zip -0 of the same files, both to /dev/null, from a warm cache.
func zips(dir string) error {
	if _, err := exec.LookPath("zip"); err != nil {
		return fmt.Errorf("install the Debian package zip: %w", err)
	}
	b := &bed{dir: dir}
	defer b.clean()
	h := house.New(b)
	for n := range zipPhotos {
		h.PhotoOf(h.Order, n, noise(uint64(n), zipBytes))
	}
	h.Publish(h.Order)
	a := &archives.Archives{Store: h.Store, Blobs: h.Blobs}
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	var ours, theirs []time.Duration
	var size int64
	var readBefore, grown uint64
	for range zipRuns + 1 { // the first of each warms the cache
		growth, err := memoryGrowth(func() error {
			before, err := bytesRead()
			if err != nil {
				return err
			}
			began := time.Now()
			proof, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, models.ForOffice)
			if err != nil {
				return err
			}
			file, err := a.Of(h.Ctx, proof, "")
			if err != nil {
				return err
			}
			defer file.Close()
			first := make([]byte, 1)
			if _, err := io.ReadFull(file, first); err != nil {
				return err
			}
			at, err := bytesRead()
			if err != nil {
				return err
			}
			readBefore = max(readBefore, at-before)
			// As net/http sends it: in pieces.
			if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{file}, make([]byte, 32<<10)); err != nil {
				return err
			}
			ours = append(ours, time.Since(began))
			size = file.Size()
			return nil
		})
		if err != nil {
			return err
		}
		grown = max(grown, growth)
		began := time.Now()
		zip := exec.Command("zip", "-0", "-q", "-r", "-", ".")
		zip.Dir = filepath.Join(h.Dir, "blobs", "originals")
		zip.Stdout = out
		if err := zip.Run(); err != nil {
			return fmt.Errorf("zip: %w", err)
		}
		theirs = append(theirs, time.Since(began))
	}
	x, y := median(ours[1:]), median(theirs[1:])
	fmt.Printf("archive of %.1f GB: ours %.0f ms, zip -0 %.0f ms (medians of %d)\n", float64(size)/1e9, ms(x), ms(y), zipRuns)
	verdict("archive against zip -0, its throughput", y.Seconds()/x.Seconds(), true, 0.7)
	verdict("read before the first byte, in MiB", float64(readBefore)/(1<<20), false, 64)
	verdict("memory growth, in MiB", float64(grown)/(1<<20), false, 64)
	return nil
}

// bytesRead is how much this process has read so far, from files too that are in the cache.
func bytesRead() (uint64, error) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "rchar: "); ok {
			return strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		}
	}
	return 0, errors.New("/proc/self/io has no rchar")
}

const (
	backupPhotos = 1000
	backupBytes  = 200_000
	backupRuns   = 1
	backupAtOnce = 8
)

// backupsOf compares a delivery of 1,000 photos to an S3 and a WebDAV server with rclone copy and rclone check.
func backupsOf(dir string) error {
	if _, err := exec.LookPath("rclone"); err != nil {
		return fmt.Errorf("install the Debian package rclone: %w", err)
	}
	b := &bed{dir: dir}
	defer b.clean()
	h := house.New(b)
	for n := range backupPhotos {
		h.PhotoOf(h.Order, n, noise(uint64(n), backupBytes))
	}
	folders, err := guard.NewFolders(filepath.Join(dir, "folders"))
	if err != nil {
		return err
	}
	networks, err := guard.ParseNetworks("127.0.0.0/8")
	if err != nil {
		return err
	}
	proxy, err := guard.StartProxy(guard.NewNetwork(networks, "https://example.com"))
	if err != nil {
		return err
	}
	defer proxy.Close()
	deliverer := &deliveries.Deliveries{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Folders: folders, Remotes: remotes.New(folders, proxy), Log: slog.New(slog.DiscardHandler)}
	for _, kind := range []models.DestinationKind{models.S3Destination, models.WebDAVDestination} {
		var ours, theirs []time.Duration
		for run := range backupRuns + 1 {
			options, root := map[string]string{}, "out"
			place := rig.NewDAV(b).Settings("")
			if kind == models.S3Destination {
				place, root = rig.S3Place(b).Settings, "bucket/out"
			}
			for name, value := range place["options"].(rig.JSON) {
				options[name] = value.(string)
			}
			d := &models.Destination{Kind: kind, Settings: models.DestinationSettings{Path: root, Template: "Project", NoReport: true, Options: options}}
			h.Destination(d, models.DestinationSecrets{Options: options})
			p := h.PublishTo(h.Order, d.ID)
			delivery, err := models.One[models.Delivery](h.Store.Read(h.Ctx).Where("publication_id = ?", p.ID), "delivery")
			if err != nil {
				return err
			}
			began := time.Now()
			if _, err := deliverer.Deliver(h.Ctx, delivery.ID); err != nil {
				return err
			}
			took := time.Since(began)
			if delivery, err = models.One[models.Delivery](h.Store.Read(h.Ctx).Where("id = ?", delivery.ID), "delivery"); err != nil {
				return err
			}
			if delivery.State != models.DeliveryDelivered {
				return fmt.Errorf("the delivery is %s: %s", delivery.State, delivery.LastError)
			}
			rcloned, err := rcloneCopies(filepath.Join(h.Dir, "blobs", "originals"), kind, options)
			if err != nil {
				return err
			}
			if run > 0 { // the first of each warms up
				ours, theirs = append(ours, took), append(theirs, rcloned)
			}
		}
		x, y := median(ours), median(theirs)
		fmt.Printf("backup of %d photos of %d KB to %s: ours %.0f ms, rclone copy and check %.0f ms (medians of %d)\n", backupPhotos, backupBytes/1000, kind, ms(x), ms(y), backupRuns)
		verdict("backup to "+string(kind)+" against rclone copy and check", x.Seconds()/y.Seconds(), false, 1.5)
	}
	return nil
}

// rcloneCopies times rclone copy and rclone check of a folder to a place.
func rcloneCopies(from string, kind models.DestinationKind, options map[string]string) (time.Duration, error) {
	to := ":webdav,url='" + options["url"] + "',vendor=other:rclone"
	if kind == models.S3Destination {
		to = fmt.Sprintf(":s3,provider=Other,endpoint='%s',access_key_id=a,secret_access_key=b,region=us-east-1,force_path_style=true,no_check_bucket=true:bucket/rclone", options["endpoint"])
	}
	began := time.Now()
	for _, do := range []string{"copy", "check"} {
		cmd := exec.Command("rclone", do, "--config", "/dev/null", "--transfers", strconv.Itoa(backupAtOnce), "--checkers", strconv.Itoa(backupAtOnce), from, to)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()} // no proxy, no settings of the machine's
		out, err := cmd.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("rclone %s: %w: %s", do, err, out)
		}
	}
	return time.Since(began), nil
}

const (
	hookOrders = 10
	hookPhotos = 300
	hookBytes  = 200_000
	hookAnswer = 5 * time.Millisecond
)

// hookTimes is a receiver that answers after 5 ms, and knows when the first and the last body came.
type hookTimes struct {
	*httptest.Server
	mu          sync.Mutex
	first, last time.Time
	seen        map[string]bool
	body        []byte
}

func newHookTimes() *hookTimes {
	h := &hookTimes{seen: map[string]bool{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		now := time.Now()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.first.IsZero() {
			h.first = now
		}
		h.seen[r.Header.Get("webhook-id")] = true
		h.body = body
		h.mu.Unlock()
		time.Sleep(hookAnswer)
		h.mu.Lock()
		h.last = time.Now()
		h.mu.Unlock()
	}))
	return h
}

func (h *hookTimes) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.first, h.last, h.seen = time.Time{}, time.Time{}, map[string]bool{}
}

func (h *hookTimes) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.seen)
}

func (h *hookTimes) span() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last.Sub(h.first)
}

// hooks compares 3,000 item events of ten publications, each with its file in line, with posting such bodies by 8
// goroutines.
func hooks(dir string) error {
	in, err := rig.DevDurable(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	receiver := newHookTimes()
	defer receiver.Close()
	orders := make([]string, hookOrders)
	err = caught(func() {
		u.Want(201, "POST", "/destinations", rig.JSON{"name": "hook", "kind": "webhook", "settings": rig.JSON{"url": receiver.URL, "include_file": true, "events": []string{"item.published"}}})
		for i := range orders {
			orders[i] = u.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"assignee": u.Username})).Text("id")
		}
	})
	if err != nil {
		return err
	}
	photos := make([][]byte, 8)
	for i := range photos {
		photos[i] = sizedPhoto(uint64(i), hookBytes)
	}
	var uploading errgroup.Group
	uploading.SetLimit(8)
	for n := range hookOrders * hookPhotos {
		uploading.Go(func() error {
			return caught(func() { u.Upload(orders[n%hookOrders], photos[n%len(photos)]) })
		})
	}
	if err := uploading.Wait(); err != nil {
		return err
	}
	err = caught(func() {
		for _, id := range orders {
			u.AwaitState(id, "in_progress")
			for _, step := range []string{"complete", "approve"} {
				u.Want(200, "POST", "/work-orders/"+id+"/"+step, nil)
			}
		}
	})
	if err != nil {
		return err
	}
	receiver.reset()
	var publishing errgroup.Group
	for _, id := range orders {
		publishing.Go(func() error { return caught(func() { u.Want(200, "POST", "/work-orders/"+id+"/publish", nil) }) })
	}
	if err := publishing.Wait(); err != nil {
		return err
	}
	if err := caught(func() {
		u.AwaitFor(5*time.Minute, "every event", func() bool { return receiver.count() == hookOrders*hookPhotos })
	}); err != nil {
		return err
	}
	ours := receiver.span()
	body := bytes.Clone(receiver.body)
	if len(body) < hookBytes*4/3 {
		return fmt.Errorf("a body has %d bytes: the file is missing", len(body))
	}
	receiver.reset()
	var posting errgroup.Group
	posting.SetLimit(8)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	for n := range hookOrders * hookPhotos {
		posting.Go(func() error {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, receiver.URL, bytes.NewReader(body))
			if err != nil {
				return err
			}
			r.Header.Set("webhook-id", strconv.Itoa(n))
			answer, err := client.Do(r)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			return answer.Body.Close()
		})
	}
	if err := posting.Wait(); err != nil {
		return err
	}
	theirs := receiver.span()
	fmt.Printf("%d item events with files of %d KB: ours %.0f ms, bare posts %.0f ms\n", hookOrders*hookPhotos, hookBytes/1000, ms(ours), ms(theirs))
	verdict("item events against bare posts", ours.Seconds()/theirs.Seconds(), false, 3)
	return nil
}

// sizedPhoto is a JPEG of about some size.
func sizedPhoto(seed uint64, size int) []byte {
	photo := rig.JPEG(640, 480, seed)
	end := photo[len(photo)-2:]
	body := slices.Clone(photo[:len(photo)-2])
	for text := base64.StdEncoding.EncodeToString(noise(seed, size)); len(body) < size-2; { // no 0xFF in it
		n := min(len(text), size-2-len(body))
		body = append(body, text[:n]...)
	}
	return append(body, end...)
}
