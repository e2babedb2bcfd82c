package deliveries

import (
	"context"

	"gorm.io/gorm"

	"fieldproof/models"
)

// Deliveries that the workflow of a publication works on: those that are messages are sent by workflows of their own.
const (
	joinKinds     = "JOIN destinations ON destinations.id = deliveries.destination_id AND destinations.kind NOT IN ?"
	openCondition = "deliveries.publication_id = ? AND deliveries.state IN ?"
)

var openStates = []string{models.DeliveryPending, models.DeliveryRetrying}

func openDeliveries(store *models.Store, ctx context.Context, publicationID string) *gorm.DB {
	return store.Read(models.AcrossAccounts(ctx)).Select("deliveries.*").Joins(joinKinds, models.QueuedKinds).Where(openCondition, publicationID, openStates)
}
