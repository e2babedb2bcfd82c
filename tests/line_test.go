package tests

import (
	"testing"

	"fieldproof/tests/rig"
)

// TestWhatStandsInALineIsOne gives names line breaks and what is not seen: each is refused by its name, wherever it would stand.
func TestWhatStandsInALineIsOne(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		const two = "Cedarline\r\nBcc: x@example.com"
		order := office.Order(nil).Text("id")
		photo := office.Upload(order, rig.JPEG(40, 30, 1)).Text("id")
		(&rig.User{T: t, URL: in.URL}).WantField(422, "name", "POST", "/accounts", rig.JSON{"name": two, "username": "two-lines", "password": rig.Password})
		office.WantField(422, "name", "PATCH", "/account", rig.JSON{"name": two})
		office.WantField(422, "phone", "PATCH", "/account", rig.JSON{"phone": "1\r\n2"})
		office.WantField(422, "name", "PATCH", "/users/"+office.ID, rig.JSON{"name": two})
		office.WantField(422, "name", "POST", "/tokens", rig.JSON{"name": two})
		office.WantField(422, "name", "POST", "/roles", rig.JSON{"name": two, "privileges": []string{}})
		office.WantField(422, "name", "POST", "/work-types", rig.JSON{"name": two})
		office.WantField(422, "name", "POST", "/views", rig.JSON{"name": two})
		office.WantField(422, "name", "POST", "/share-links", rig.JSON{"name": two})
		office.WantField(422, "name", "POST", "/destinations", rig.JSON{"name": two, "kind": "folder", "settings": rig.JSON{"path": "lines"}})
		office.WantField(422, "shot", "PATCH", "/photos/"+photo, rig.JSON{"shot": "Front\u0085door"})
		office.Want(200, "PATCH", "/photos/"+photo, rig.JSON{"shot": "Puerta de atrás, 前門"})
	})
}
