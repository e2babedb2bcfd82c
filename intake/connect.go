package intake

import (
	"context"

	"fieldproof/models"
)

// BeginConnection keeps the state of a sign-in at a destination's cloud, until whoever signs in comes back.
func (in *Intake) BeginConnection(ctx context.Context, by *models.Member, d *models.Destination, state, verifier string) error {
	return in.write(ctx, by, func(tx *models.Tx) error { return tx.BeginConnection(state, d, verifier) })
}

// TakeConnection ends the sign-in of a state, which works once. [models.Gone] when there is none, or none any more.
func (in *Intake) TakeConnection(ctx context.Context, state string) (d *models.Destination, verifier string, err error) {
	err = in.Store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
		d, verifier, err = tx.TakeConnection(state)
		return err
	})
	return d, verifier, err
}

// Connect gives a destination the permission that its cloud gave.
func (in *Intake) Connect(ctx context.Context, d *models.Destination, token string) error {
	return in.Store.Write(models.InAccount(ctx, d.AccountID), func(tx *models.Tx) error {
		_, err := in.editDestination(tx, &models.Member{User: models.User{AccountID: d.AccountID}}, d.ID, func(d *models.Destination) error {
			secrets, err := in.DestinationSecrets(d)
			if err != nil {
				return err
			}
			if secrets.Options == nil {
				secrets.Options = map[string]string{}
			}
			secrets.Options["token"] = token
			d.FailingSince, d.LastError, d.UpdatedAt = nil, "", models.Now()
			return in.SealDestination(d, secrets)
		})
		return err
	})
}

// Disconnect takes a destination's permission away and returns its options with it, to be given back; [models.Conflict]
// when it has none.
func (in *Intake) Disconnect(ctx context.Context, by *models.Member, id string) (options map[string]string, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		_, err := in.editDestination(tx, by, id, func(d *models.Destination) error {
			secrets, err := in.DestinationSecrets(d)
			if err != nil {
				return err
			}
			if secrets.Options["token"] == "" {
				return errNotConnected
			}
			options = d.AllOptions(secrets)
			delete(secrets.Options, "token")
			return in.SealDestination(d, secrets)
		})
		return err
	})
	return options, err
}

var errNotConnected = models.Errorf(models.Conflict, "This destination is not connected.")
