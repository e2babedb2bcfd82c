package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/reports"
	"fieldproof/storage"
	"fieldproof/tests/rig"
)

const (
	lifecycleOrders = 192
	lifecycleRuns   = 3
	lifecycleAtOnce = 32
)

// bencher is a testing.TB's stand-in: the client of the tests ends the measurement by a panic of this kind.
type brokenOff struct{ message string }

// caught turns a client's failure into an error.
func caught(do func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if b, ok := v.(brokenOff); ok {
				err = errors.New(b.message)
				return
			}
			panic(v)
		}
	}()
	do()
	return nil
}

func office(url string) (u *rig.User, err error) {
	err = caught(func() { u = rig.SignUp(fataler{}, url) })
	return u, err
}

// lifecycles takes orders from created to published, and compares with what Temporal and the photos alone cost.
func lifecycles(dir string) error {
	in, err := rig.DevDurable(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	c, stop, err := startNoops(in.TemporalURL)
	if err != nil {
		return err
	}
	defer stop()
	hook := rig.NewReceiver()
	defer hook.Close()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	if err := caught(func() {
		u.Want(201, "POST", "/destinations", rig.JSON{"name": "hook", "kind": "webhook", "settings": rig.JSON{"url": hook.URL}})
		u.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": "bench"}})
	}); err != nil {
		return err
	}
	photo := rig.JPEG(1280, 960, 7)
	ours := func(n int) (time.Duration, error) {
		orders := make([]string, n)
		began := time.Now()
		_, err := atOnceDo(n, lifecycleAtOnce, func(i int) error {
			return caught(func() { orders[i] = oneLife(u, photo) })
		})
		if err != nil {
			return 0, err
		}
		if err := arrivedAll(in, hook, orders); err != nil {
			return 0, err
		}
		return time.Since(began), nil
	}
	if _, err := ours(lifecycleAtOnce); err != nil { // warm
		return err
	}
	if _, err := runNoops(c, lifecycleAtOnce, lifecycleAtOnce); err != nil {
		return err
	}
	var took, bare, pictures time.Duration
	var ratios []float64
	for range lifecycleRuns {
		t, err := ours(lifecycleOrders / lifecycleRuns)
		if err != nil {
			return err
		}
		b, err := runNoops(c, lifecycleOrders/lifecycleRuns, lifecycleAtOnce)
		if err != nil {
			return err
		}
		p, err := picturesAndPapers(dir, photo, lifecycleOrders/lifecycleRuns)
		if err != nil {
			return err
		}
		took, bare, pictures = took+t, bare+b, pictures+p
		ratios = append(ratios, (b+p).Seconds()/t.Seconds())
	}
	fmt.Printf("lifecycles: ours %.1f/s; no-op workflow alone %.1f/s, renditions and PDFs alone %.1f/s\n",
		lifecycleOrders/took.Seconds(), lifecycleOrders/bare.Seconds(), lifecycleOrders/pictures.Seconds())
	fmt.Printf("  %d requests got no answer in 10 s and were repeated\n", repeats.Load())
	fmt.Printf("  runs: %.2f\n", ratios)
	verdict("full lifecycles against no-op workflow + renditions + PDFs", middle(ratios), true, 0.55)
	return nil
}

func oneLife(u *rig.User, photo []byte) string {
	id := patiently(u, 201, "/work-orders", rig.NewOrder(nil)).Text("id")
	path := "/work-orders/" + id
	patiently(u, 200, path+"/assign", rig.JSON{"assignee": "~all~"})
	for range 3 {
		u.Upload(id, photo)
	}
	for _, event := range []string{"complete", "approve", "publish"} {
		patiently(u, 200, path+"/"+event, rig.JSON{})
	}
	return id
}

// patiently repeats a request under its key when no answer came in time, as clients do.
func patiently(u *rig.User, status int, path string, body any) rig.Answer {
	key := uuid.NewString()
	for range 5 {
		if a := u.Do("POST", path, body, "Idempotency-Key", key); a.Status != 503 {
			if a.Status != status {
				u.T.Fatalf("%s: %d %s", path, a.Status, a.Body)
			}
			return a
		}
		repeats.Add(1)
	}
	u.T.Fatalf("%s: no answer", path)
	return rig.Answer{}
}

var repeats atomic.Int64

// arrivedAll waits until every order's published message, renditions and PDF are there.
func arrivedAll(in *rig.Installation, hook *rig.Receiver, orders []string) error {
	for until := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		published := map[string]bool{}
		for _, e := range hook.Events() {
			if e.JSON.Text("type") == "work_order.published" {
				published[e.JSON.Text("data", "work_order", "id")] = true
			}
		}
		missing := 0
		for _, id := range orders {
			if !published[id] {
				missing++
			}
		}
		originals, renditions := count(in.Blobs, "originals", func(n string) bool { return !strings.HasSuffix(n, ".jpg") }), count(in.Blobs, "originals", func(n string) bool { return strings.HasSuffix(n, ".jpg") })
		pdfs := count(in.Folders, "bench", func(n string) bool { return strings.HasSuffix(n, ".pdf") })
		if missing == 0 && renditions == 2*originals && pdfs*3 == originals {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d messages are missing; %d originals, %d renditions, %d PDFs", missing, originals, renditions, pdfs)
		}
	}
}

func count(root, below string, is func(name string) bool) int {
	n := 0
	_ = filepath.WalkDir(filepath.Join(root, below), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && is(d.Name()) {
			n++
		}
		return nil
	})
	return n
}

// picturesAndPapers makes the renditions and reports of n orders by direct calls.
func picturesAndPapers(dir string, photo []byte, n int) (time.Duration, error) {
	content, r, err := proofInMemory(dir, 3, func(int) []byte { return photo })
	if err != nil {
		return 0, err
	}
	return atOnceDo(n, lifecycleAtOnce, func(int) error {
		for range 3 {
			if _, err := media.Renditions(bytes.NewReader(photo), "image/jpeg", 0); err != nil {
				return err
			}
		}
		return r.Write(context.Background(), io.Discard, content)
	})
}

var once sync.Mutex

// proofInMemory is an order with some photos whose renditions lie ready.
func proofInMemory(dir string, photos int, photo func(i int) []byte) (*reports.Content, *reports.Reports, error) {
	once.Lock()
	defer once.Unlock()
	ctx := context.Background()
	blobs, err := storage.Open(ctx, "file://"+filepath.Join(dir, "proof-blobs"))
	if err != nil {
		return nil, nil, err
	}
	proof := &models.Proof{Account: &models.Account{Name: "Bench", Zone: "UTC"}, Order: &models.WorkOrder{}, Users: map[string]string{"u": "crew"}, Names: map[string]string{"u": "crew"}}
	proof.Order.WorkOrderNumber, proof.Order.Address.Address1 = "B-1", "12 Oak Street"
	task := models.Task{ID: "t", TaskFields: models.TaskFields{Name: "Inspection"}}
	proof.View.Tasks = []models.Task{task}
	for i := range photos {
		item := &models.Item{ID: fmt.Sprint(i), UUID: fmt.Sprint(i), Kind: models.Photo, TaskID: &task.ID, EvidenceType: []string{"before", "after"}[i%2], ReceivedAt: models.Now(),
			UploadedBy: "u", BlobKey: fmt.Sprintf("p%d", i), Renditions: models.RenditionsMade}
		proof.Items = append(proof.Items, item)
		drawn, err := media.Renditions(bytes.NewReader(photo(i)), "image/jpeg", 0)
		if err != nil {
			return nil, nil, err
		}
		for rendition, b := range map[models.Rendition]*bytes.Buffer{models.Display: drawn.Display, models.Thumbnail: drawn.Thumbnail} {
			if err := blobs.Put(ctx, item.RenditionKey(rendition), "image/jpeg", b); err != nil {
				return nil, nil, err
			}
		}
	}
	m := media.New(nil, blobs, nil, 512<<20)
	content := &reports.Content{Account: proof.Account, Visits: []reports.Visit{{Proof: proof}}, Layout: 6, Part: 1, At: models.Now(),
		Verify: func(i *models.Item) string {
			return "https://fieldproof.example.com/verify/0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11?code=" + strings.Repeat("c", 24)[len(i.ID):] + i.ID
		}}
	return content, reports.New(nil, blobs, m, "", 512<<20), nil
}
