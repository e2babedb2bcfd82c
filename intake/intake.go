// Package intake is what every edge shares: accepting an item and creating an order. Whoever brings them (the JSON
// API, resumable uploads, the wire API, Share, imports) the steps are the same: bytes, row and bell, then the
// acknowledgement, then the workflow.
package intake

import (
	"fieldproof/models"
	"fieldproof/storage"
)

// Limits bound what one upload may cost.
type Limits struct {
	MaxBytes  int64 // of one photo
	MaxPixels int64 // of one photo
}

// DefaultLimits take every phone's camera.
var DefaultLimits = Limits{MaxBytes: 100 << 20, MaxPixels: 120_000_000}

// Intake accepts items and creates orders.
type Intake struct {
	Store  *models.Store
	Blobs  *storage.Store
	Bells  *Bells
	Limits Limits
}
