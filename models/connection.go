package models

// Connection is a sign-in at a cloud drive under way: who comes back with its state may connect the destination.
type Connection struct {
	StateHash     string `gorm:"primaryKey"`
	AccountID     string
	DestinationID string
	Sealed        string // the PKCE verifier
	ExpiresAt     Time
}
