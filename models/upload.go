package models

import "time"

// How long an upload is kept: one that is not whole, after its last piece; one that is, so that a phone that never heard the
// answer can ask for it.
const (
	UploadKept       = 14 * 24 * time.Hour
	UploadRemembered = 7 * 24 * time.Hour
)

// Upload is a photo on its way in pieces. One person's photo, known by uuid, hash and length, is one upload.
type Upload struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string
	UserID      string
	WorkOrderID string
	UUID        string `gorm:"column:uuid"`
	UUIDKey     string `gorm:"column:uuid_key"`
	SHA256      string `gorm:"column:sha256"`
	Length      int64
	Received    int64  // how much of it is durable
	Metadata    string // as the phone sent it
	Said        string // what that says of the item: JSON
	ItemID      string // "" until it is made
	CreatedAt   Time
	MovedAt     Time
	EndedAt     *Time // when its item was there
	Swept
}

// Whole tells whether all its bytes are here.
func (u *Upload) Whole() bool { return u.Received == u.Length }

// Ends is until when the upload is kept if nothing more comes.
func (u *Upload) Ends() time.Time {
	if u.EndedAt != nil {
		return u.EndedAt.Add(UploadRemembered)
	}
	return u.MovedAt.Add(UploadKept)
}

// UploadPiece is a part of an upload that is durable under a key of its own.
type UploadPiece struct {
	UploadID  string `gorm:"primaryKey"`
	Start     int64  `gorm:"primaryKey"`
	AccountID string
	Size      int64
	BlobKey   string
}
