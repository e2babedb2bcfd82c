package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// shoot takes so many photos on an order's camera, one after the other.
func (p *phone) shoot(order string, n int) {
	p.t.Helper()
	p.visit("/orders/" + order + "/camera")
	p.fire(n)
}

// fire presses the shutter so many times, each as soon as it may be.
func (p *phone) fire(n int) {
	p.t.Helper()
	for range n {
		before := len(p.items())
		p.tap(`.shutter`)
		(&rig.User{T: p.t}).Await("the photo to be on the phone", func() bool { return len(p.items()) == before+1 })
		p.says(".Camera [role=status]", "Saved on this phone")
	}
}

// shas are the hashes of items.
func shas(items []rig.JSON) (all []string) {
	for _, i := range items {
		all = append(all, fmt.Sprint(i["sha256"]))
	}
	return all
}

// arrivedAt are the hashes of an order's photos at the server.
func arrivedAt(office *rig.User, order string) (all []string) {
	office.T.Helper()
	for _, photo := range office.Want(200, "GET", "/work-orders/"+order+"/photos?limit=200", nil).List("items") {
		all = append(all, fmt.Sprint(photo.(map[string]any)["sha256"]))
	}
	return all
}

func asText(t *testing.T, rows []rig.JSON) string {
	t.Helper()
	text, err := json.Marshal(rows)
	require.NoError(t, err)
	return string(text)
}

// exif is what exiftool reads of a photo.
func exif(t *testing.T, photo []byte) rig.JSON {
	t.Helper()
	path, err := exec.LookPath("exiftool")
	require.NoError(t, err, "install the Debian package libimage-exiftool-perl")
	file := filepath.Join(t.TempDir(), "photo.jpg")
	require.NoError(t, os.WriteFile(file, photo, 0o600))
	out, err := exec.Command(path, "-json", "-n", "-EXIF:all", "-ImageWidth", "-ImageHeight", "-Warning", "-FileType", file).Output()
	require.NoError(t, err)
	var all []rig.JSON
	require.NoError(t, json.Unmarshal(out, &all), string(out))
	require.Len(t, all, 1)
	return all[0]
}

// photosAt are an order's photos as the office has them, by their uuid.
func photosAt(office *rig.User, order string) map[string]rig.JSON {
	office.T.Helper()
	all := map[string]rig.JSON{}
	for _, photo := range office.Want(200, "GET", "/work-orders/"+order+"/photos?limit=200", nil).List("items") {
		is := rig.JSON(photo.(map[string]any))
		all[fmt.Sprint(is["uuid"])] = is
	}
	return all
}

func TestFieldTheCameraShootsAgainAndAgainAndTheOfficeGetsItBitForBit(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, rig.JSON{"latitude": property[0], "longitude": property[1], "tasks": []rig.JSON{
		{"name": "Lawn", "required_photos": rig.JSON{"before": 1, "after": 2}}, {"name": "Lock change", "required_photos": rig.JSON{"during": 1}}}})
	id, lawn, lock := order.Text("id"), order.Text("tasks", 0, "id"), order.Text("tasks", 1, "id")
	p := newPhone(t, in)
	p.run(emulation.SetTimezoneOverride("America/Chicago"))
	p.enter(crew)
	p.visit("/orders/" + id)
	p.tap(`.Dock a`, "Next: Before, Lawn")
	p.until("the camera runs", `document.querySelector("video").videoWidth > 0`)
	p.says(".next", "Next, 1 of 1")
	p.says(".next .stamp", "±")
	p.seen("camera")

	// What it is proof of is always said, and changed with a thumb; the stream stays the same.
	p.run(chromedp.Evaluate(`window.stream = document.querySelector("video").srcObject; 0`, nil))
	p.fire(1)
	p.says(".next", "1 taken, 1 needed")
	p.tap(`.Kinds label`, "After")
	p.fire(2)
	p.tap(`.Shots label`, "Lock change")
	p.says(".next", "Lock change, During")
	p.fire(1)
	p.until("it never left the camera", `window.stream === document.querySelector("video").srcObject && window.stream.active`)
	p.tap(`.cbtn`, "Grid")
	p.until("there is a grid", `document.querySelector(".rules")`)
	p.tap(`.cbtn`, "Controls on the left")
	p.run(emulation.SetDeviceMetricsOverride(844, 390, 2, true))
	p.until("the thumb of the left hand reaches the shutter", `document.querySelector(".shutter").getBoundingClientRect().right < innerWidth / 2`)
	p.until("a thumb that misses one tool hits none", `(([a, b]) => b.left - a.right >= 8)([...document.querySelectorAll(".tools .cbtn")].map(e => e.getBoundingClientRect()))`)
	p.until("the stamp is of one size", `getComputedStyle(document.querySelector(".stamp")).fontSize === getComputedStyle(document.querySelector(".stamp .number")).fontSize`)
	p.seen("camera-landscape-left")
	p.tap(`.cbtn`, "Controls on the left")
	p.until("or that of the right one", `document.querySelector(".shutter").getBoundingClientRect().left > innerWidth / 2`)
	p.seen("camera-landscape")
	p.run(emulation.SetDeviceMetricsOverride(390, 844, 2, true))
	kept := p.awaitItems(4, "safe")
	var of []string
	for _, i := range kept {
		of = append(of, fmt.Sprint(i["task_id"], " ", i["evidence_type"], " ", i["source"], " ", i["position_state"]))
	}
	require.ElementsMatch(t, []string{lawn + " before mobile_camera good", lawn + " after mobile_camera good", lawn + " after mobile_camera good",
		lock + " during mobile_camera good"}, of)

	// What the finder shows is what a photo shows: a corner of it that nothing moves through has the same colour.
	var finder []float64
	p.run(chromedp.Evaluate(`(() => { const x = new OffscreenCanvas(1, 1).getContext("2d"), v = document.querySelector("video"); x.drawImage(v, v.videoWidth * 0.9, v.videoHeight * 0.9, 8, 8, 0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data]; })()`, &finder))

	// The office has the same bytes, and they say when, where and what they are.
	there := photosAt(office, id)
	require.Len(t, there, 4)
	for _, i := range kept {
		photo := there[fmt.Sprint(i["uuid"])]
		require.Equal(t, i["sha256"], photo["sha256"])
		require.Equal(t, map[string]any{"item": true, "time": true, "location": true}, photo["certification"], "%v", photo)
		original := office.Want(200, "GET", fmt.Sprint("/photos/", photo["id"], "/original"), nil).Body
		require.Equal(t, i["sha256"], sha(original))
		picture := must(t, func() (image.Image, error) { return jpeg.Decode(bytes.NewReader(original)) })
		red, green, blue, _ := picture.At(picture.Bounds().Dx()*9/10+4, picture.Bounds().Dy()*9/10+4).RGBA()
		for n, colour := range []uint32{red, green, blue} {
			require.InDelta(t, finder[n], colour>>8, 12, "%v", finder)
		}
		said := exif(t, original)
		require.Nil(t, said["Warning"])
		at := time.UnixMilli(int64(i["taken_at"].(float64))).In(must(t, func() (*time.Location, error) { return time.LoadLocation("America/Chicago") }))
		require.Equal(t, []any{"JPEG", at.Format("2006:01:02 15:04:05"), at.Format("-07:00"), 1.0}, []any{said["FileType"], said["DateTimeOriginal"], said["OffsetTimeOriginal"], said["Orientation"]})
		require.Equal(t, strings.ReplaceAll(fmt.Sprint(i["uuid"]), "-", ""), said["ImageUniqueID"])
		require.InDelta(t, property[0], said["GPSLatitude"], 1e-5)
		require.InDelta(t, -property[1], said["GPSLongitude"], 1e-5)
		require.Equal(t, []any{"N", "W"}, []any{said["GPSLatitudeRef"], said["GPSLongitudeRef"]})
		require.EqualValues(t, 6, said["GPSHPositioningError"])
		require.Equal(t, []any{i["width"], i["height"]}, []any{said["ImageWidth"], said["ImageHeight"]})
	}

	// What was taken can be looked at, captioned, moved.
	p.tap(`.last`)
	p.says(".Looked", "Known, ±")
	p.until("the picture shows", `document.querySelector(".Looked img")?.naturalWidth > 0`)
	p.seen("photo")
	p.fill(`.Looked textarea`, "The gate, closed")
	p.run(chromedp.SetValue(`.Looked select`, lawn, chromedp.ByQuery), chromedp.Evaluate(`document.querySelector(".Looked select").dispatchEvent(new Event("change", {bubbles: true})); 0`, nil))
	p.tap(`.Looked form button`, "Save")
	p.says(".Toast", "Saved")
	moved := fmt.Sprint(kept[len(kept)-1]["uuid"])
	office.Await("the words and the place of the photo", func() bool {
		photo := photosAt(office, id)[moved]
		return photo["notes"] == "The gate, closed" && photo["task_id"] == lawn
	})
	p.tap(`.AppBar a`, "Back")
	p.until("back at the camera", `document.querySelector("video")?.videoWidth > 0`)

	// Without a network too; what the office never heard of is deleted for good, and asks before.
	p.kept()
	p.line.Away(true)
	p.fire(1)
	p.tap(`.last`)
	p.says(".Looked .state", "On this phone")
	p.tap(`.Looked .ends button`, "Delete this photo")
	p.says("dialog[open]", "Its only copy is on this phone.")
	p.seen("photo-delete")
	p.tap(`dialog button`, "Keep it")
	p.tap(`.Looked .ends button`, "Delete this photo")
	p.tap(`dialog button`, "Delete this photo")
	p.until("back at the camera", `document.querySelector("video")?.videoWidth > 0`)
	require.Len(t, p.items(), 4)
	p.line.Away(false)

	// What arrived is deleted at the office too.
	p.visit("/photo/" + moved)
	p.says(".Looked", "The office can bring it back.")
	p.until("the picture shows", `document.querySelector(".Looked img")?.naturalWidth > 0`)
	p.tap(`.Looked .ends button`, "Delete this photo")
	p.until("back at what waits", `location.pathname === "/field/queue"`)
	office.Await("the photo to be gone", func() bool {
		photo, listed := photosAt(office, id)[moved]
		return !listed || photo["deleted"] == true
	})
}

func TestFieldCameraAndPositionRefusedAndGivenBack(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, rig.JSON{"latitude": property[0], "longitude": property[1]})
	id := order.Text("id")
	p.allow(asCamera, false)
	p.allow(asPosition, false)
	p.visit("/orders/" + id + "/camera")
	p.says(".trouble", "The camera is not allowed")
	p.seen("camera-denied")
	p.until("and the shutter is closed", `document.querySelector(".shutter").getAttribute("aria-disabled") === "true"`)

	// The phone's own camera meanwhile; what comes is merged with what the file says of itself, and nothing vouches for it.
	file := filepath.Join(t.TempDir(), "own.jpg")
	require.NoError(t, os.WriteFile(file, rig.JPEG(640, 480, 811), 0o600))
	out, err := exec.Command("exiftool", "-overwrite_original", "-Make=Acme", "-Model=Nine", "-Orientation#=6", "-DateTimeOriginal=2026:11:20 10:11:12",
		"-OffsetTimeOriginal=-06:00", "-GPSLatitude=30.51", "-GPSLatitudeRef=N", "-GPSLongitude=97.68", "-GPSLongitudeRef=W", file).CombinedOutput()
	require.NoError(t, err, string(out))
	came := must(t, func() ([]byte, error) { return os.ReadFile(file) })
	p.run(chromedp.SetUploadFiles(`.trouble input[type=file]`, []string{file}))
	first := p.awaitItems(1, "safe")[0]
	require.Equal(t, []any{"mobile_gallery", "refused"}, []any{first["source"], first["position_state"]})
	photo := photosAt(office, id)[fmt.Sprint(first["uuid"])]
	require.NotEqual(t, true, photo["certification"].(map[string]any)["item"], "an import never vouches for itself")
	before, after := exif(t, came), exif(t, office.Want(200, "GET", fmt.Sprint("/photos/", photo["id"], "/original"), nil).Body)
	for _, name := range []string{"DateTimeOriginal", "OffsetTimeOriginal", "GPSLatitude", "GPSLongitude", "GPSLongitudeRef", "Make", "Model", "Orientation"} {
		require.NotNil(t, before[name], name)
		require.Equal(t, before[name], after[name], name)
	}
	require.Equal(t, strings.ReplaceAll(fmt.Sprint(first["uuid"]), "-", ""), after["ImageUniqueID"])

	// Given back in the settings: a tap, and it runs; the position is asked for as soon as somebody comes back.
	p.allow(asCamera, true)
	p.tap(`.trouble button`, "Try again")
	p.until("the camera runs", `document.querySelector("video").videoWidth > 0 && !document.querySelector(".trouble")`)
	p.says(".stamp", "No location: not allowed")
	p.seen("camera-no-location")
	p.fire(1)
	refused := p.awaitItems(2, "safe")[1]
	require.Equal(t, []any{"mobile_camera", "refused"}, []any{refused["source"], refused["position_state"]})
	require.Nil(t, exif(t, office.Want(200, "GET", fmt.Sprint("/photos/", refused["server_id"], "/original"), nil).Body)["GPSLatitude"])
	p.allow(asPosition, true)
	p.says(".stamp", "±")
	p.fire(1)
	require.Equal(t, "good", p.awaitItems(3, "safe")[2]["position_state"])

	// Taken back while it runs: the track ends, and it says so; a vague position is recorded as that.
	p.run(emulation.SetGeolocationOverride().WithLatitude(property[0]).WithLongitude(property[1]).WithAccuracy(900))
	p.says(".stamp", "Location ±")
	p.fire(1)
	require.Equal(t, "vague", p.awaitItems(4, "safe")[3]["position_state"])
	p.allow(asPosition, false)
	p.says(".stamp", "No location: not allowed")
	p.fire(1)
	unplaced := p.awaitItems(5, "safe")[4]
	require.Equal(t, []any{"refused", nil}, []any{unplaced["position_state"], unplaced["latitude"]})
	p.allow(asCamera, false)
	p.run(chromedp.Evaluate(`document.querySelector("video").srcObject?.getTracks().forEach(t => t.stop()); 0`, nil))
	p.says(".trouble", "The camera is not allowed")
	p.tap(`.cbtn`, "Close the camera")
	p.says("h2", "12 Oak Street")

	// From the gallery, several at once: marked as such.
	p.allow(asCamera, true)
	p.visit("/orders/" + id + "/camera")
	p.until("the camera runs", `document.querySelector("video").videoWidth > 0`)
	p.run(chromedp.SetUploadFiles(`.side input[type=file]`, photoFiles(t, 3)))
	p.says("[role=status]", "3 saved from the gallery")
	all := p.awaitItems(8, "safe")
	there := photosAt(office, id)
	for _, i := range all[5:] {
		photo := there[fmt.Sprint(i["uuid"])]
		require.Equal(t, []any{"mobile_gallery", false}, []any{photo["source"], photo["certification"].(map[string]any)["item"]})
	}
	p.visit("/photo/" + fmt.Sprint(all[7]["uuid"]))
	p.says(".Looked", "From the gallery: time and location are those of the import.")
	p.seen("photo-gallery")
}
