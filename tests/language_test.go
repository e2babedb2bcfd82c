package tests

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestClientsReadTheirOwnLanguage: all that a client sees of an order is in the language that the account gave the client, whatever
// the capitals of the code; of another client's order it is in the account's.
func TestClientsReadTheirOwnLanguage(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, nobody, tag := rig.SignUp(t, in.URL), &rig.User{T: t, URL: in.URL}, uuid.NewString()[:8]
		office.Want(200, "PATCH", "/account", rig.JSON{"client_languages": rig.JSON{"acme": "es"}})
		results := "results-" + tag + "@example.com"
		office.Want(201, "POST", "/destinations", rig.JSON{"kind": "mail", "name": "Results", "settings": rig.JSON{"to": []string{results}, "attach": "both"}})
		alone, shared := tag+" Alone", tag+" Shared"
		for _, of := range []struct{ client, street, language, order, open, see string }{
			{"ACME", alone, "es", "Orden de trabajo ", "Abrir la página:", "Ver los resultados:"},
			{"Acme", shared, "es", "Orden de trabajo ", "Abrir la página:", "Ver los resultados:"},
			{"Other", shared, "en", "Work order ", "Open the page:", "See the results:"},
		} {
			o := office.Order(rig.JSON{"client_code": of.client, "assignee": office.Username, "address": rig.JSON{"address1": of.street, "city": "Austin", "state": "TX", "zip": "78701"}})
			id, titled := o.Text("id"), of.order+of.client+"::"+o.Text("work_order_number")
			photo := office.Upload(id, rig.JPEG(200, 150, 1), "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after", "taken_at", now(), "source", "mobile_camera")
			office.AwaitState(id, "in_progress")
			for _, step := range []string{"complete", "approve", "publish"} {
				office.Want(200, "POST", "/work-orders/"+id+"/"+step, nil)
			}
			link := office.Want(201, "POST", "/work-orders/"+id+"/links", rig.JSON{"allow_downloads": true})
			reader := of.client + "-" + tag + "@example.com"
			locked := office.Want(201, "POST", "/work-orders/"+id+"/links", rig.JSON{"mail_to": []string{reader}, "password": "open sesame"})
			require.Contains(t, mailTo(t, office, reader).Text, of.open)
			var ready string
			office.Await("the mail of the results", func() bool {
				m := mailTo(t, office, results)
				ready = m.Text
				for _, file := range m.Files {
					ready += pdfText(t, []byte(file))
				}
				return strings.Contains(ready, titled)
			})
			require.Contains(t, ready, of.see)
			for _, report := range []string{"/work-orders/" + id + "/report.pdf", link.Text("url") + "/report.pdf"} {
				require.Contains(t, pdfText(t, office.Want(200, "GET", report, nil).Body), titled)
			}
			page := string(nobody.Want(200, "GET", link.Text("url"), nil).Body)
			require.Contains(t, page, titled)
			office.Want(204, "DELETE", "/links/"+link.Text("id"), nil)
			for what, html := range map[string]string{"the page": page, "the question for the password": string(nobody.Want(200, "GET", locked.Text("url"), nil).Body),
				"a wrong password":      string(rig.SendForm(t, locked.Text("url")+"/password", url.Values{"password": {"wrong"}}).Body),
				"a link that has ended": string(nobody.Do("GET", link.Text("url"), nil).Body), "a photo that is checked": string(nobody.Want(200, "GET", in.URL+"/verify/"+photo.Text("uuid"), nil).Body)} {
				require.Contains(t, html, fmt.Sprintf("<html lang=%q>", of.language), what)
			}
		}
		for street, titled := range map[string]string{alone: "Informe de la propiedad", shared: "Property report"} {
			properties := office.Want(200, "GET", "/properties?q="+url.QueryEscape(street), nil)
			require.Len(t, properties.List("items"), 1)
			require.Contains(t, pdfText(t, office.Want(200, "GET", "/properties/"+properties.Text("items", 0, "id")+"/report.pdf", nil).Body), titled)
		}
	})
}

func TestAnAccountNamesTheLanguagesOfItsClients(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		require.Equal(t, map[string]any{}, office.Want(200, "GET", "/account", nil).Get("client_languages"))
		office.Want(200, "PATCH", "/account", rig.JSON{"client_languages": rig.JSON{"ACME": "es", "Gone": "es"}})
		require.Equal(t, map[string]any{"ACME": "es"}, office.Want(200, "PATCH", "/account", rig.JSON{"client_languages": rig.JSON{"Gone": nil}}).Get("client_languages"))
		require.Equal(t, map[string]any{}, office.Colleague("crew").Want(200, "GET", "/account", nil).Get("client_languages"), "who the clients are is the office's")
		many := rig.JSON{}
		for n := range 501 {
			many[fmt.Sprint(n)] = "es"
		}
		for _, wrong := range []struct {
			field     string
			languages rig.JSON
		}{
			{"client_languages", rig.JSON{" ": "es"}},
			{"client_languages", rig.JSON{"Two\nlines": "es"}},
			{"client_languages", rig.JSON{strings.Repeat("A", 61): "es"}},
			{"client_languages", many},
			{"client_languages.Dutch", rig.JSON{"Dutch": "nl"}},
			{"client_languages.acme", rig.JSON{"acme": "en"}}, // it is there as ACME
		} {
			office.WantField(422, wrong.field, "PATCH", "/account", rig.JSON{"client_languages": wrong.languages})
		}
	})
}

// TestDistancesAreInTheUnitsOfTheAccount: documents say metres until the account chooses feet and miles.
func TestDistancesAreInTheUnitsOfTheAccount(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		o := office.Order(rig.JSON{"assignee": office.Username, "latitude": 30.51, "longitude": -97.68})
		id := o.Text("id")
		office.Upload(id, rig.JPEG(200, 150, 1), "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after", "taken_at", now(), "source", "mobile_camera",
			"latitude", "30.512", "longitude", "-97.68", "accuracy", "6")
		office.AwaitState(id, "in_progress")
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+step, nil)
		}
		link := office.Want(201, "POST", "/work-orders/"+id+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		for _, of := range []struct{ units, far, radius, not string }{{"metric", "222 m", "250 m", " ft"}, {"imperial", "730 ft", "820 ft", "250 m"}} {
			if of.units != "metric" { // as it is for all
				office.Want(200, "PATCH", "/account", rig.JSON{"units": of.units})
			}
			require.Equal(t, of.units, office.Want(200, "GET", "/account", nil).Text("units"))
			require.Equal(t, of.units, office.Want(200, "GET", "/sync", nil).Text("settings", "units"))
			for _, document := range []string{pdfText(t, office.Want(200, "GET", link+"/report.pdf", nil).Body), string(office.Want(200, "GET", link, nil).Body)} {
				document = strings.ReplaceAll(document, "\u00a0", " ")
				require.Contains(t, document, of.far)
				require.Contains(t, document, of.radius)
				require.NotContains(t, document, of.not)
			}
		}
		office.WantField(422, "units", "PATCH", "/account", rig.JSON{"units": "feet"})
	})
}
