package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fieldproof/intake"
	"fieldproof/models"
)

// demoLogin is one entry of demo.json.
type demoLogin struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Role     string `json:"role"`
	name     string
}

var demoUsers = []demoLogin{{Username: "demo-office", Role: models.Admin, name: "Ines Marlow"}, {Username: "demo-crew", Role: models.Crew, name: "Dana Okafor"},
	{Username: "demo-vendor", Role: models.Subcontractor, name: "Lone Star Lawns"}}

// demoAccount makes the account look like a firm's, with addresses that nobody has. What was set since stays.
func demoAccount(a *models.Account) error {
	if a.Address != "" {
		return nil
	}
	a.Zone, a.Colour = "America/Chicago", "#0f5866"
	a.Address, a.Phone, a.Email = "402 Quarry Road, Georgetown, TX 78626", "+1 512 555 0142", "office@fieldproof.example"
	return nil
}

// makeDemo makes the demo account with its users and its sample order, once, and returns its logins on one line. A
// lost demo.json is written anew with new passwords.
func makeDemo(ctx context.Context, s *services, dir string) (string, error) {
	file := filepath.Join(dir, "demo.json")
	var logins []demoLogin
	text, err := os.ReadFile(file)
	if err == nil {
		if err := json.Unmarshal(text, &logins); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		return line(logins), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, l := range demoUsers {
		l.Password = "demo-" + strings.ToLower(rand.Text()[:10])
		logins = append(logins, l)
	}
	// Another installation's demo account is another account: the two may share orders. One that is there goes on.
	id := models.NewID()
	known, err := models.One[models.User](s.store.Read(models.AcrossAccounts(ctx)).Where("username_key = ?", models.UsernameKey(logins[0].Username)), "user")
	switch {
	case err == nil:
		id = known.AccountID
	case models.KindOf(err) != models.NotFound:
		return "", err
	}
	_, first, err := s.intake.CreateAccount(ctx, id, intake.NewAccount{Name: "Demo Field Services", Username: logins[0].Username, Password: logins[0].Password})
	if err != nil {
		return "", err
	}
	scoped := models.InAccount(ctx, id)
	office, err := s.store.MemberByID(scoped, first.ID)
	if err != nil {
		return "", err
	}
	if _, err := s.intake.EditAccount(scoped, office, demoAccount); err != nil {
		return "", err
	}
	for _, l := range logins {
		if err := setDemoUser(scoped, s.store, id, l); err != nil {
			return "", err
		}
	}
	text, err = json.MarshalIndent(logins, "", "  ")
	if err != nil {
		return "", err
	}
	return line(logins), writeDurably(file, append(text, '\n'))
}

func setDemoUser(ctx context.Context, store *models.Store, accountID string, l demoLogin) error {
	user, err := models.One[models.User](store.Read(ctx).Where("username_key = ?", models.UsernameKey(l.Username)), "user")
	isNew := models.KindOf(err) == models.NotFound
	if err != nil && !isNew {
		return err
	}
	if isNew {
		user = &models.User{ID: models.NewID(), AccountID: accountID, Username: l.Username, Name: l.name, Role: l.Role, Active: true}
	}
	password, err := models.HashPassword(ctx, l.Password)
	if err != nil {
		return err
	}
	return store.Write(ctx, func(tx *models.Tx) error {
		if isNew {
			user.SetPassword(password)
			return tx.NewUser(user)
		}
		_, err := tx.EditUser(user.ID, func(u *models.User) error { u.SetPassword(password); u.Name = cmp.Or(u.Name, l.name); return nil })
		return err
	})
}

func line(logins []demoLogin) string {
	parts := make([]string, len(logins))
	for i, l := range logins {
		parts[i] = fmt.Sprintf("%s / %s (%s)", l.Username, l.Password, l.Role)
	}
	return strings.Join(parts, ", ")
}
