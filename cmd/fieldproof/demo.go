package main

import (
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
}

var demoUsers = []demoLogin{{Username: "demo-office", Role: models.Admin}, {Username: "demo-crew", Role: models.Crew}, {Username: "demo-vendor", Role: models.Subcontractor}}

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
	id := models.DerivedID("demo account")
	if _, _, err := s.intake.CreateAccount(ctx, id, intake.NewAccount{Name: "Demo Field Services", Username: logins[0].Username, Password: logins[0].Password}); err != nil {
		return "", err
	}
	scoped := models.InAccount(ctx, id)
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
		user = &models.User{ID: models.NewID(), AccountID: accountID, Username: l.Username, Role: l.Role, Active: true}
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
		_, err := tx.EditUser(user.ID, func(u *models.User) error { u.SetPassword(password); return nil })
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
