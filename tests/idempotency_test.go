package tests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// keptAs is the id under which a key is kept.
func keptAs(who, path, key string) string {
	return models.DerivedID("idempotency key", who, "/api/v1"+path, key)
}

// strangerWith is who somebody without a session is, by what they ask.
func strangerWith(t *testing.T, body rig.JSON) string {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	sum := sha256.Sum256(text)
	return "body " + hex.EncodeToString(sum[:])
}

// forget deletes what is kept of a key, as time does after a day.
func forget(t *testing.T, in *rig.Installation, who, path, key string) {
	t.Helper()
	store := storeOf(t, in)
	require.NoError(t, store.Write(models.AcrossAccounts(context.Background()), func(tx *models.Tx) error {
		r := tx.Where("id = ?", keptAs(who, path, key)).Delete(&models.IdempotencyKey{})
		require.EqualValues(t, 1, r.RowsAffected, "the key is kept as this test takes it to be")
		return r.Error
	}))
}

func TestAKeyOpensNobodyElsesAccount(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		stranger := &rig.User{T: t, URL: in.URL}
		key := uuid.NewString()
		signUp := func(name string) (rig.JSON, rig.Answer) {
			body := rig.JSON{"name": "Account of " + name, "username": name + "-" + uuid.NewString()[:8], "password": "correct horse"}
			return body, stranger.Want(201, "POST", "/accounts", body, "Idempotency-Key", key)
		}
		body, first := signUp("first")
		require.Equal(t, first.Text("token"), stranger.Want(201, "POST", "/accounts", body, "Idempotency-Key", key).Text("token"), "the same request again")
		_, second := signUp("second")
		require.NotEqual(t, first.Text("account", "id"), second.Text("account", "id"), "strangers share no keys")

		forget(t, in, strangerWith(t, body), "/accounts", key)
		again := stranger.Do("POST", "/accounts", body, "Idempotency-Key", key)
		require.Equal(t, 409, again.Status, "a forgotten key is a new one, and the username is taken: %s", again.Body)
		require.NotContains(t, string(again.Body), "token")
	})
}

// TestAStrangersRefusalLeavesNothing asks by every route that needs no session for what is refused: else anybody fills the disk.
func TestAStrangersRefusalLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		stranger, ctx := &rig.User{T: t, URL: in.URL}, models.AcrossAccounts(context.Background())
		known := rig.SignUp(t, in.URL).Username
		db := storeOf(t, in).Read(ctx)
		kept := func(path string, body rig.JSON, key string) (n int64) {
			require.NoError(t, db.Model(&models.IdempotencyKey{}).Where("id = ?", keptAs(strangerWith(t, body), path, key)).Count(&n).Error)
			return n
		}
		for _, refused := range []struct {
			status int
			path   string
			body   rig.JSON
		}{
			{422, "/sessions", rig.JSON{"username": known}},
			{422, "/sessions", rig.JSON{"username": known, "password": "correct horse", "device": "no id"}},
			{422, "/sessions", rig.JSON{"unknown": 1}},
			{401, "/sessions", rig.JSON{"username": known, "password": "wrong horse"}},
			{410, "/invitations/accept", rig.JSON{"token": "guessed", "password": "correct horse"}},
			{422, "/accounts", rig.JSON{"unknown": 1}},
		} {
			key := uuid.NewString()
			stranger.Want(refused.status, "POST", refused.path, refused.body, "Idempotency-Key", key)
			require.Zero(t, kept(refused.path, refused.body, key), "%s with %v", refused.path, refused.body)
			stranger.Want(refused.status, "POST", refused.path, refused.body, "Idempotency-Key", key)
		}

		// What was done is known again.
		key, body := uuid.NewString(), rig.JSON{"username": known, "password": rig.Password}
		first := stranger.Want(201, "POST", "/sessions", body, "Idempotency-Key", key)
		require.EqualValues(t, 1, kept("/sessions", body, key))
		require.Equal(t, first.Text("token"), stranger.Want(201, "POST", "/sessions", body, "Idempotency-Key", key).Text("token"))
	})
}

func TestAForgottenKeyMakesSomethingNew(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for path, body := range map[string]func(name string) rig.JSON{
			"/users": func(name string) rig.JSON {
				return rig.JSON{"username": name, "password": "correct horse", "role": "crew"}
			},
			"/destinations": func(name string) rig.JSON {
				return rig.JSON{"name": name, "kind": "folder", "settings": rig.JSON{"path": name}}
			},
			"/integrations": func(name string) rig.JSON { return rig.JSON{"name": name, "kind": "push", "client_code": name} },
			"/work-types":   func(name string) rig.JSON { return rig.JSON{"name": name} },
			"/work-orders": func(name string) rig.JSON {
				return rig.JSON{"work_order_number": name, "address": rig.JSON{"address1": "1 A St", "city": "Austin", "state": "TX", "zip": "78701"}, "tasks": []rig.JSON{{"name": "x"}}}
			},
		} {
			key := uuid.NewString()
			first := office.Want(201, "POST", path, body("a"+uuid.NewString()[:12]), "Idempotency-Key", key).Text("id")
			forget(t, in, office.ID, path, key)
			second := office.Want(201, "POST", path, body("b"+uuid.NewString()[:12]), "Idempotency-Key", key).Text("id")
			require.NotEqual(t, first, second, path)
		}
	})
}

// TestARepeatTellsOnlyWhatItsAskerMaySeeNow takes orders, items and a role away between an answer and its repeat.
func TestARepeatTellsOnlyWhatItsAskerMaySeeNow(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		id := office.Order(rig.JSON{"work_order_info": "door code 4711"}).Text("id")
		order := "/work-orders/" + id
		assign := func(to *rig.User) {
			office.Want(200, "POST", order+"/assign", rig.JSON{"assignee": to.Username})
		}
		assign(crew)
		key, sent := uuid.NewString(), uuid.NewString()
		look := func() rig.Answer { return crew.Do("POST", order+"/view", nil, "Idempotency-Key", key) }
		checkIn := rig.JSON{"uuid": uuid.NewString(), "latitude": 30.27, "longitude": -97.74, "accuracy": 5}
		there := crew.Want(201, "POST", order+"/check-ins", checkIn, "Idempotency-Key", sent).Text("id")
		require.Contains(t, string(look().Body), "door code 4711")
		require.Contains(t, string(look().Body), "door code 4711")

		assign(office)
		require.Equal(t, 404, crew.Do("GET", order, nil).Status)
		taken := look()
		require.Equal(t, 404, taken.Status, "%s", taken.Body)
		require.NotContains(t, string(taken.Body), "door code")
		require.Equal(t, there, crew.Want(201, "POST", order+"/check-ins", checkIn, "Idempotency-Key", sent).Text("id"), "a phone hears that its own is there")

		// The office's answer is not for whoever is of the field now.
		colleague := office.Colleague("admin")
		assign(colleague)
		office.Want(200, "PATCH", order, rig.JSON{"description": "office only"})
		own := uuid.NewString()
		require.Contains(t, string(colleague.Want(200, "POST", order+"/view", nil, "Idempotency-Key", own).Body), "office only")
		office.Want(200, "PATCH", "/users/"+colleague.ID, rig.JSON{"role": "crew"})
		demoted := rig.SignIn(t, in.URL, colleague.Username, "correct horse")
		again := demoted.Want(200, "POST", order+"/view", nil, "Idempotency-Key", own)
		require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
		require.NotContains(t, string(again.Body), "office only")

		made := uuid.NewString()
		body := rig.NewOrder(nil)
		first := office.Want(201, "POST", "/work-orders", body, "Idempotency-Key", made).Text("id")
		require.Equal(t, first, office.Want(201, "POST", "/work-orders", body, "Idempotency-Key", made).Text("id"))
		office.Want(204, "DELETE", "/work-orders/"+first, nil)
		office.Want(404, "POST", "/work-orders", body, "Idempotency-Key", made)
	})
}
