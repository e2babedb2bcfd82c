package models

import (
	"crypto/rand"
	"time"
)

// Connection is a sign-in at a cloud drive under way: who comes back with its state may connect the destination.
type Connection struct {
	StateHash     string `gorm:"primaryKey"`
	AccountID     string
	DestinationID string
	Sealed        string // the PKCE verifier
	ExpiresAt     Time
}

// connectionLasts is how long somebody may take to sign in.
const connectionLasts = 15 * time.Minute

// NewConnectionState makes the state with which somebody comes back from a sign-in.
func NewConnectionState() string { return rand.Text() }

// BeginConnection keeps a sign-in that begins; earlier ones of the destination end.
func (tx *Tx) BeginConnection(state string, d *Destination, verifier string) error {
	sealed, err := tx.store.Sealer.Seal("connection/"+d.ID, verifier)
	if err != nil {
		return err
	}
	if err := tx.Where("destination_id = ? OR expires_at < ?", d.ID, Now()).Delete(&Connection{}).Error; err != nil {
		return err
	}
	return tx.Create(&Connection{StateHash: hashText(state), AccountID: d.AccountID, DestinationID: d.ID, Sealed: sealed, ExpiresAt: At(time.Now().Add(connectionLasts))}).Error
}

// TakeConnection ends the sign-in of a state, which works once, and returns its destination and verifier. [Gone] when
// there is none, or none any more.
func (tx *Tx) TakeConnection(state string) (*Destination, string, error) {
	gone := Errorf(Gone, "This sign-in has ended: begin again at the destination.")
	c, err := One[Connection](tx.Where("state_hash = ?", hashText(state)), "sign-in")
	if KindOf(err) == NotFound {
		return nil, "", gone
	}
	if err != nil {
		return nil, "", err
	}
	done := tx.Where("state_hash = ?", c.StateHash).Delete(&Connection{})
	if done.Error != nil {
		return nil, "", done.Error
	}
	if done.RowsAffected == 0 || c.ExpiresAt.Before(time.Now()) {
		return nil, "", gone
	}
	var verifier string
	if err := tx.store.Sealer.Open("connection/"+c.DestinationID, c.Sealed, &verifier); err != nil {
		return nil, "", err
	}
	d, err := One[Destination](tx.Where("id = ? AND account_id = ? AND deleted_at IS NULL", c.DestinationID, c.AccountID), "destination")
	return d, verifier, err
}
