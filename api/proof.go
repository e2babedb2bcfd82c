package api

import (
	"bytes"
	"encoding/json"
	"net/http"

	"fieldproof/archives"
	"fieldproof/models"
)

// ProofState is where the account's chain of proof stands.
type ProofState struct {
	Head *models.ProofHead   `json:"head"` // null before anything was signed
	Keys []models.SigningKey `json:"keys"`
	// StampedUpTo is the last entry under a time stamp, 0 for none.
	StampedUpTo int64 `json:"stamped_up_to"`
}

func (s *Server) proofRoutes() []route {
	view := with(models.ViewPublications)
	return []route{
		get("/proof", view, "The head of the account's chain of proof, and its public keys", s.proofState),
		stream(http.MethodGet, "/proof/chain.jsonl", view, "The chain, one entry a line, for fieldproof verify --chain", "application/jsonl", s.proofChain, "from", "to"),
		define(http.MethodPost, "/proof/rotate-key", with(models.ManageAccount), http.StatusOK, "Sign with a new key from now on; the old one signs for it, and its proofs stay valid",
			func(c *call, _ nothing) (*models.SigningKey, error) {
				return s.Intake.RotateKey(c.ctx(), c.member)
			}),
	}
}

func (s *Server) proofState(c *call) (ProofState, error) {
	db := s.Store.Read(c.ctx())
	state := ProofState{Keys: []models.SigningKey{}}
	if err := db.Order("created_at, id").Find(&state.Keys).Error; err != nil {
		return state, err
	}
	chain, err := models.One[models.Chain](db, "chain")
	if models.KindOf(err) == models.NotFound {
		return state, nil
	}
	if err == nil {
		state.Head = &models.ProofHead{Account: chain.AccountID, Sequence: chain.Sequence, Head: chain.Head, KeyID: chain.KeyID, SignedAt: chain.SignedAt}
		state.StampedUpTo = chain.Stamped
	}
	return state, err
}

// chainPage is how many entries are read at once.
const chainPage = 500

func (s *Server) proofChain(c *call) (any, error) {
	from, err := c.number("from", 1)
	if err != nil {
		return nil, err
	}
	to, err := c.number("to", 1<<62)
	if err != nil {
		return nil, err
	}
	c.Header("Content-Type", "application/jsonl")
	c.Header("Content-Disposition", `attachment; filename="chain.jsonl"`)
	out := c.started()
	for {
		var rows []models.ChainEntry
		if err := s.Store.Read(c.ctx()).Where("sequence >= ? AND sequence <= ?", from, to).Order("sequence").Limit(chainPage).Find(&rows).Error; err != nil {
			return nil, err
		}
		var text bytes.Buffer
		for i := range rows {
			line, err := json.Marshal(archives.LineOf(&rows[i], false))
			if err != nil {
				return nil, err
			}
			text.Write(append(line, '\n'))
		}
		if _, err := out.Write(text.Bytes()); err != nil || len(rows) < chainPage {
			return nil, err
		}
		from = rows[len(rows)-1].Sequence + 1
	}
}
