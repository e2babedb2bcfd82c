package tests

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// resident is the memory of a process, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if kb, found := strings.CutPrefix(line, "VmRSS:"); found {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			require.NoError(t, err)
			return n << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// endless never ends.
type endless byte

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}

func chunk(name string, data []byte) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.BigEndian, uint32(len(data)))
	b.WriteString(name)
	b.Write(data)
	_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(name), data...)))
	return b.Bytes()
}

// hugePNG is a small file of many pixels, 16 bits a channel.
func hugePNG(side uint32) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	header = append(header, 16, 6, 0, 0, 0)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	row := make([]byte, 1+8*int(side))
	for range side {
		_, _ = z.Write(row)
	}
	_ = z.Close()
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", header), chunk("IDAT", packed.Bytes()), chunk("IEND", nil)}, nil)
}

// hugeXLSX is a small file whose parts unpack to very much.
func hugeXLSX(t *testing.T, part string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>`,
		"xl/workbook.xml":     `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheets><sheet name="a" sheetId="1"/></sheets></workbook>`,
	} {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, text)
		require.NoError(t, err)
	}
	w, err := z.Create(part)
	require.NoError(t, err)
	_, err = io.WriteString(w, `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts>`)
	require.NoError(t, err)
	_, err = io.WriteString(w, strings.Repeat("<font/>", 20<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

// attacksOn are the small requests that once stopped the house; each returns the status of its answer, 0 for none.
func attacksOn(t *testing.T, in *rig.Installation, office *rig.User, id string) map[string]func() int {
	nested := func(open, end string, depth int) string {
		return strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth)
	}
	post := func(path, contentType string, body io.Reader) int {
		request, err := http.NewRequest("POST", in.URL+path, body)
		require.NoError(t, err)
		request.Header.Set("Content-Type", contentType)
		response, err := (&http.Client{Timeout: 30 * time.Second}).Do(request)
		if err != nil {
			return 0 // the server stopped reading
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	push, _ := integrate(t, office, nil)
	styles := hugeXLSX(t, "xl/styles.xml")
	var aside bytes.Buffer
	form := multipart.NewWriter(&aside)
	part, err := form.CreateFormFile("file", "a.jpg")
	require.NoError(t, err)
	_, err = io.CopyN(part, endless('a'), 20<<20)
	require.NoError(t, err)
	require.NoError(t, form.WriteField("payload", `{"username":"nobody","password":"x"}`))
	require.NoError(t, form.Close())
	attacks := map[string]func() int{
		"a file before its credentials": func() int {
			return post("/integration/v2/uploadPictures", form.FormDataContentType(), bytes.NewReader(aside.Bytes()))
		},
		"a deep merge patch": func() int {
			return office.Do("PATCH", "/work-orders/"+id, []byte(nested(`{"options":`, `}`, 5000))).Status
		},
		"a merge patch of many members": func() int {
			return office.Do("PATCH", "/work-orders/"+id, []byte(`{"attributes":{"a":"v"`+strings.Repeat(`,"b":"v"`, 150_000)+`}}`)).Status
		},
		"a nested survey": func() int { return office.Do("POST", "/surveys", []byte(nested(`{"questions":[`, `]}`, 9000))).Status },
		"a body without end": func() int {
			return post("/integration/v2/validate", "application/x-www-form-urlencoded", io.LimitReader(endless('a'), 1<<30))
		},
		"a JSON without end": func() int { return post("/api/v1/sessions", "application/json", io.LimitReader(endless(' '), 1<<30)) },
		"a push without =": func() int {
			return post(strings.TrimPrefix(push.url, in.URL), "application/x-www-form-urlencoded", io.LimitReader(endless('a'), 1<<30))
		},
		"a deep push": func() int { push.form(`{"workOrders":` + nested("[", "]", 100_000) + `}`); return 400 },
		"a huge username": func() int {
			return office.Do("POST", "/sessions", rig.JSON{"username": strings.Repeat("n", 1_900_000), "password": "x"}).Status
		},
		"a template of lists": func() int {
			return office.Do("POST", "/destinations", rig.JSON{"name": "t", "kind": "webhook", "settings": rig.JSON{"url": "https://example.com/",
				"template": `{"a":"` + strings.Repeat("{{~#each workorder}}", 24) + "x" + strings.Repeat("{{~/each}}", 24) + `"}`}}).Status
		},
		"a template of few lists": func() int {
			return office.Do("POST", "/destinations", rig.JSON{"name": "t", "kind": "webhook", "settings": rig.JSON{"url": "https://example.com/",
				"template": `{"a":"` + strings.Repeat("{{#each @root.workorder}}", 4) + "x" + strings.Repeat("{{/each}}", 4) + `"}`}}).Status
		},
		"styles without end": func() int {
			return office.Do("POST", "/imports", rig.FileForm("a.xlsx", styles)).Status
		},
	}
	for _, name := range []string{"unclosed-quote.csv", "inch-marks.csv", "cr-only.csv", "numbers-with-e.csv", "headers-1.csv", "zip-nsw.csv", "end-of-day.xlsx"} {
		content := small(t, name)
		attacks[name] = func() int { return office.Do("POST", "/imports", rig.FileForm(name, content)).Status }
	}
	for _, name := range []string{"damaged-idat.png", "no-image-data.heic", "avif-as-mif1.avif", "exif-time-and-place.jpg"} {
		content := small(t, name)
		attacks[name] = func() int {
			return office.Do("POST", "/work-orders/"+id+"/photos", rig.PhotoForm(content, uuid.NewString())).Status
		}
	}
	return attacks
}

func TestNoSmallRequestStopsTheHouse(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(t.TempDir())
		require.NoError(t, err)
		defer in.Stop()
		office := rig.SignUp(t, in.URL)
		order := office.Order(rig.JSON{"tasks": []rig.JSON{{"name": "T"}}})
		id := order.Text("id")
		for name, attack := range attacksOn(t, in, office, id) {
			before, began := resident(t, in.ServerPID()), time.Now()
			status := attack()
			require.Less(t, status, 500, name) // a peer is told with 200
			require.Less(t, time.Since(began), 30*time.Second, "%s: bounded, however busy the machine", name)
			require.Less(t, resident(t, in.ServerPID())-before, int64(200<<20), name)
		}
		// A picture of many pixels is kept, and shown as one that can't be made smaller.
		photo := office.Upload(id, hugePNG(10_000)).Text("id")
		began := time.Now()
		office.Await("its judgement", func() bool { return office.Do("GET", "/photos/"+photo+"/display", nil).Status == 415 })
		require.Less(t, time.Since(began), 30*time.Second)
		for pid := range in.Processes() {
			require.Less(t, resident(t, pid), int64(768<<20))
		}
	})
}

func TestABodyThatDripsIsNotWaitedFor(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	for _, path := range []string{"/api/v1/sessions", "/integration/v2/validate"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(in.URL, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", path)
			require.NoError(t, err)
			closed := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, conn); close(closed) }()
			for until := time.Now().Add(80 * time.Second); time.Now().Before(until); {
				select {
				case <-closed:
					return
				case <-time.After(5 * time.Second):
					_, _ = conn.Write([]byte(" "))
				}
			}
			t.Fatal("a stranger's body is still waited for")
		})
	}
}

func TestAnAddressHoldsNoMoreBodiesThanItsShare(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	n := uuid.New()
	address := net.IPv4(127, 3, n[0], n[1]).String()
	dial := func() net.Conn {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).Dial("tcp", strings.TrimPrefix(in.URL, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprintf(conn, "POST /integration/v2/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		require.NoError(t, err)
		return conn
	}
	answers := make(chan string, 65)
	for range cap(answers) {
		conn := dial()
		go func() {
			answer := make([]byte, 12)
			_, _ = io.ReadFull(conn, answer)
			answers <- string(answer)
		}()
	}
	select {
	case first := <-answers: // one is too many, whichever; the others wait for their bodies
		require.Equal(t, "HTTP/1.1 429", first)
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is refused")
	}
	require.NotEqual(t, 429, signInFrom(t, from(t, net.IPv4(127, 4, n[2], n[3]).String()), in, "nobody", "x"), "others are not held up")
}
