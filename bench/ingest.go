package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"fieldproof/tests/rig"
)

const (
	ingestFiles  = 1200
	ingestRuns   = 5
	ingestRounds = 25 // short turns, or the disk's moods are measured
	ingestAtOnce = 8
	ingestBytes  = 3_000_000
)

// bareServer is the yardstick: multipart streamed to a file with SHA-256, file and folder synced, no database.
func bareServer(addr, dir string) error {
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts, err := r.MultipartReader()
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil && part.FormName() == "file" {
				err = keep(dir, part)
			}
			if err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
		}
		w.WriteHeader(201)
	}))
}

func keep(dir string, r io.Reader) error {
	f, err := os.Create(filepath.Join(dir, uuid.NewString()))
	if err != nil {
		return err
	}
	defer f.Close()
	digest := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(f, digest)}, r, make([]byte, 128<<10)); err != nil {
		return err
	}
	_ = hex.EncodeToString(digest.Sum(nil))
	if err := f.Sync(); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// bigPhoto is a JPEG of some size: a real one, with its entropy-coded data drawn out by random bytes.
func bigPhoto(seed uint64) []byte {
	photo := rig.JPEG(1200, 900, seed)
	end := photo[len(photo)-2:]
	body := append([]byte(nil), photo[:len(photo)-2]...)
	r := rand.New(rand.NewPCG(seed, 9))
	for len(body) < ingestBytes-2 {
		b := byte(r.UintN(256))
		body = append(body, b)
		if b == 0xFF {
			body = append(body, 0)
		}
	}
	return append(body, end...)
}

// ingest compares uploads to the server alone, on PostgreSQL, with the bare server and with a bare copy.
func ingest(dir string) error {
	pg, err := rig.StartPostgres()
	if err != nil {
		return err
	}
	defer pg.Stop()
	in, err := rig.ServerOnly(product(), filepath.Join(dir, "data"), pg)
	if err != nil {
		return err
	}
	defer in.Stop()
	bareDir := filepath.Join(dir, "bare")
	if err := os.MkdirAll(bareDir, 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", rig.FreePort())
	bare, err := rig.Start(nil, self, "bare-server", addr, bareDir)
	if err != nil {
		return err
	}
	defer bare.Kill()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	photos := make([][]byte, ingestAtOnce)
	for i := range photos {
		photos[i] = bigPhoto(uint64(i))
	}
	var order string
	if err := caught(func() { order = u.Want(201, "POST", "/work-orders", rig.NewOrder(nil)).Text("id") }); err != nil {
		return err
	}
	upload := func(url, token string) func(i int) error {
		return func(i int) error {
			body, contentType := multipartBody(photos[i%len(photos)])
			r, err := http.NewRequest("POST", url, body)
			if err != nil {
				return err
			}
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Authorization", "Bearer "+token)
			response, err := rig.Client.Do(r)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			answer, _ := io.ReadAll(response.Body)
			if response.StatusCode != 201 {
				return fmt.Errorf("%d %s", response.StatusCode, answer)
			}
			return nil
		}
	}
	ours, theirs := upload(in.URL+"/api/v1/work-orders/"+order+"/photos", u.Token), upload("http://"+addr+"/", "")
	copies := func(i int) error { return keep(bareDir, bytes.NewReader(photos[i%len(photos)])) }
	for _, do := range []func(int) error{ours, theirs, copies} { // warm
		if _, err := atOnceDo(2*ingestAtOnce, ingestAtOnce, do); err != nil {
			return err
		}
	}
	time.Sleep(2 * time.Second)
	pid := in.ServerPID()
	idle, err := memory(pid, "VmRSS")
	if err != nil {
		return err
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return err
	}
	var a, b, c, ran, bareRan time.Duration
	var ratios []float64
	for round := range ingestRounds {
		for _, run := range []struct {
			do func(int) error
			to *time.Duration
		}{{ours, &a}, {theirs, &b}, {copies, &c}} {
			t, err := atOnceDo(ingestFiles/ingestRounds, ingestAtOnce, run.do)
			if err != nil {
				return err
			}
			*run.to += t
		}
		if (round+1)%(ingestRounds/ingestRuns) == 0 {
			ratios = append(ratios, (b-bareRan).Seconds()/(a-ran).Seconds())
			ran, bareRan = a, b
		}
	}
	peak, err := memory(pid, "VmHWM")
	if err != nil {
		return err
	}
	rate := func(t time.Duration) float64 { return ingestFiles / t.Seconds() }
	fmt.Printf("ingest of %d files of 3 MB, %d at once: ours %.1f/s, bare server %.1f/s, bare copy %.1f/s\n", ingestFiles, ingestAtOnce, rate(a), rate(b), rate(c))
	fmt.Printf("  runs: %.2f\n", ratios)
	verdict("photo ingest against a bare multipart server, median of five", middle(ratios), true, 0.85)
	fmt.Printf("%-62s %6.2f\n", "photo ingest against a bare copy with the same syncs", c.Seconds()/a.Seconds())
	verdict("peak memory of the server over warmed idle, MiB", float64(peak-idle)/1024, false, 64)
	return nil
}

func multipartBody(photo []byte) (io.Reader, string) {
	var b bytes.Buffer
	b.Grow(len(photo) + 1000)
	w := multipart.NewWriter(&b)
	_ = w.WriteField("uuid", uuid.NewString())
	part, _ := w.CreateFormFile("file", "photo.jpg")
	_, _ = part.Write(photo)
	_ = w.Close()
	return bytes.NewReader(b.Bytes()), w.FormDataContentType()
}

// memory reads a line of /proc/pid/status, in KiB.
func memory(pid int, line string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, is := strings.CutPrefix(s.Text(), line+":"); is {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, errors.New("no " + line)
}
