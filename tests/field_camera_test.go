package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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

func TestFieldCameraAndPositionRefusedAndGivenBack(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, rig.JSON{"latitude": property[0], "longitude": property[1]})
	id := order.Text("id")
	p := newPhone(t, in)
	p.enter(crew)
	p.kept()
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
	all := p.awaitItems(7, "safe")
	there := photosAt(office, id)
	for _, i := range all[4:] {
		photo := there[fmt.Sprint(i["uuid"])]
		require.Equal(t, []any{"mobile_gallery", false}, []any{photo["source"], photo["certification"].(map[string]any)["item"]})
	}
	p.visit("/photo/" + fmt.Sprint(all[6]["uuid"]))
	p.says(".Looked", "From the gallery: time and location are those of the import.")
	p.seen("photo-gallery")
}
