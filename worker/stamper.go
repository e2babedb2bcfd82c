package worker

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"

	"fieldproof/models"
)

// Stamper gets time stamps (RFC 3161) over the heads of chains of proof from one authority: somebody whom we don't
// control says that a head was there at a time.
type Stamper struct {
	Store *models.Store
	Log   *slog.Logger
	// URL is the authority's; "" is none.
	URL string
	// Client asks. The operator named the address, so no guard stands before it.
	Client *http.Client
}

// Ask gets a stamp over a hash, DER as the authority sent the token.
func (s *Stamper) Ask(ctx context.Context, hash []byte) ([]byte, error) {
	var random [8]byte
	_, _ = rand.Read(random[:])
	random[0] &= 0x7f
	request := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: hash, Certificates: true, Nonce: new(big.Int).SetBytes(random[:])}
	der, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(der))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	response, err := s.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the time-stamp authority answered %s", response.Status)
	}
	token, err := timestamp.ParseResponse(answer)
	if err != nil {
		return nil, fmt.Errorf("the time-stamp authority answered no stamp: %w", err)
	}
	if !bytes.Equal(token.HashedMessage, hash) || token.Nonce == nil || token.Nonce.Cmp(request.Nonce) != 0 {
		return nil, errors.New("the time-stamp authority answered to another question")
	}
	return token.RawToken, nil
}

// Run stamps until ctx ends.
func (s *Stamper) Run(ctx context.Context, every time.Duration) {
	if s.URL == "" {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.StampDue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("heads could not be stamped", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// stampedAtOnce is how many chains one round stamps, and stampLease for how long they are this process's.
const (
	stampedAtOnce = 100
	stampLease    = 2 * time.Minute
)

// StampDue stamps the head of each chain that has grown: one stamp covers everything before it.
func (s *Stamper) StampDue(ctx context.Context) error {
	across := models.AcrossAccounts(ctx)
	var due []models.Chain
	err := s.Store.Write(across, func(tx *models.Tx) error {
		now := models.Now()
		if err := tx.Locked().Where("stamp_due_at <= ?", now).Order("stamp_due_at").Limit(stampedAtOnce).Find(&due).Error; err != nil {
			return err
		}
		for _, c := range due {
			if err := tx.Model(&models.Chain{}).Where("account_id = ?", c.AccountID).Update("stamp_due_at", models.At(now.Add(stampLease))).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range due {
		if err := s.stamp(models.InAccount(ctx, c.AccountID), c); err != nil {
			failures = append(failures, fmt.Errorf("account %s: %w", c.AccountID, err))
		}
	}
	return errors.Join(failures...)
}

func (s *Stamper) stamp(ctx context.Context, c models.Chain) error {
	hash, err := hex.DecodeString(c.Head)
	if err != nil {
		return err
	}
	token, failure := s.Ask(ctx, hash)
	return errors.Join(failure, s.Store.Write(ctx, func(tx *models.Tx) error {
		if failure != nil {
			again := models.At(time.Now().Add(min(time.Hour, time.Minute<<min(c.StampFailures, 6))))
			return tx.Model(&models.Chain{}).Where("account_id = ?", c.AccountID).Updates(map[string]any{"stamp_due_at": again, "stamp_failures": c.StampFailures + 1}).Error
		}
		text := base64.StdEncoding.EncodeToString(token)
		if err := tx.Model(&models.ChainEntry{}).Where("account_id = ? AND sequence = ? AND stamp = ''", c.AccountID, c.Sequence).Update("stamp", text).Error; err != nil {
			return err
		}
		if err := tx.Model(&models.Chain{}).Where("account_id = ?", c.AccountID).Updates(map[string]any{"stamped": c.Sequence, "stamp_failures": 0}).Error; err != nil {
			return err
		}
		// One that has grown meanwhile stays due.
		return tx.Model(&models.Chain{}).Where("account_id = ? AND sequence = ?", c.AccountID, c.Sequence).Update("stamp_due_at", nil).Error
	}))
}
