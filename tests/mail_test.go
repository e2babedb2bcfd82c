package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/postbox"
	"fieldproof/tests/rig"
)

// mailTo is the newest mail to an address.
func mailTo(t *testing.T, u *rig.User, to string) postbox.Mail {
	t.Helper()
	var found []string
	u.Await("a mail to "+to, func() bool {
		found = slices.DeleteFunc(suite.mails.Mails(), func(m string) bool { return !strings.Contains(m, "To: <"+to+">") })
		return len(found) > 0
	})
	return postbox.Read(t, found[len(found)-1])
}

// TestInvitationsAndLinksAreMailed: an invitation and a link reach people by mail, in the account's language and under its name;
// what was not mailed is told and stands in the answer.
func TestInvitationsAndLinksAreMailed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, tag := rig.SignUp(t, in.URL), uuid.NewString()[:8]
		office.Want(200, "PATCH", "/account", rig.JSON{"name": "Álamo " + tag, "email": "oficina@example.com", "language": "es", "region": "MX"})
		office.Want(200, "PUT", "/account/logo", rig.PNG(300, 90, 5), "Content-Type", "image/png")
		teo := office.Want(201, "POST", "/users", rig.JSON{"username": "teo." + tag, "name": "Teo\u202e <b>Lindqvist</b>", "email": "teo-" + tag + "@example.com", "role": "crew"})
		invited := office.Want(201, "POST", "/users/"+teo.Text("id")+"/invite", nil)
		require.Equal(t, true, invited.Get("mailed"))
		m := mailTo(t, office, "teo-"+tag+"@example.com")
		require.Contains(t, m.Text, "Elegir su contraseña:\n"+invited.Text("url")+"\n")
		require.Contains(t, m.HTML, `href="`+invited.Text("url")+`"`)
		require.Contains(t, m.HTML, "Teo &lt;b&gt;Lindqvist&lt;/b&gt;")
		require.Contains(t, m.Text, "teo."+tag)
		require.Equal(t, "<oficina@example.com>", m.Get("Reply-To"))
		from, err := m.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, "Álamo "+tag, from[0].Name)
		require.Equal(t, "auto-generated", m.Get("Auto-Submitted"))
		require.Contains(t, m.HTML, `<html lang="es">`)
		require.Len(t, m.Shown, 1, "the logo, and nothing that is fetched")

		// Who has a password already is given a new one.
		_, secret, _ := strings.Cut(invited.Text("url"), "#")
		(&rig.User{T: t, URL: in.URL}).Want(201, "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "correct horse battery"})
		again := office.Want(201, "POST", "/users/"+teo.Text("id")+"/invite", nil)
		m = mailTo(t, office, "teo-"+tag+"@example.com")
		require.Equal(t, "Elija una contraseña nueva", m.Subject)
		require.Contains(t, m.Text, again.Text("url"))
		require.Empty(t, m.Shown, "what is about the product itself bears its own head")

		nobody := office.Want(201, "POST", "/users", rig.JSON{"username": "nomail." + tag, "role": "crew"})
		require.Equal(t, false, office.Want(201, "POST", "/users/"+nobody.Text("id")+"/invite", nil).Get("mailed"))

		order := office.Order(rig.JSON{}).Text("id")
		first, second := "rosa-"+tag+"@example.com", "luz-"+tag+"@example.com"
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_comments": true, "password": "open sesame", "mail_to": []string{first, second},
			"message": "Rosa,\r\nBcc: everybody@example.com\r\n\r\nlook at photo 19."})
		require.Equal(t, true, link.Get("mailed"))
		for _, to := range []string{first, second} {
			m := mailTo(t, office, to)
			require.Contains(t, m.Text, "Abrir la página:\n"+link.Text("url")+"\n")
			require.Contains(t, m.Text, "look at photo 19.")
			require.NotContains(t, m.Text+m.HTML, "open sesame", "the password goes another way")
			require.Empty(t, m.Get("Bcc"))
			require.NotContains(t, m.Text+m.HTML+m.Get("To"), map[string]string{first: second, second: first}[to], "nobody reads who else got it")
		}
		require.NotContains(t, string(office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{}).Body), `"mailed"`)
		for field, wrong := range map[string]rig.JSON{"mail_to[0]": {"mail_to": []string{"a@example.com\r\nBcc: b@example.com"}}, "mail_to": {"mail_to": slices.Repeat([]string{"a@example.com"}, 21)},
			"message": {"password": "open sesame", "message": "It is open sesame."}} {
			require.Contains(t, string(office.Want(422, "POST", "/work-orders/"+order+"/links", wrong).Body), `"`+field+`"`)
		}
	})
}
