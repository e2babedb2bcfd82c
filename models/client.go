package models

import (
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// Clients are what the clients of accounts are called, as the integrations with their codes name them. A client whom no
// integration names is not among them.
type Clients map[clientOf]string

// clientOf is by what a client is known: its code, whatever its case, within an account.
type clientOf struct{ accountID, key string }

// Called is what the client with a code is called, or "".
func (c Clients) Called(accountID, code string) string {
	return c[clientOf{accountID, strings.ToLower(code)}]
}

// ClientsOf finds what the clients of a page of orders are called, in one query.
func ClientsOf(db *gorm.DB, orders ...*WorkOrder) (Clients, error) {
	codes := map[string][]string{}
	for _, o := range orders {
		codes[o.AccountID] = append(codes[o.AccountID], o.ClientCode)
	}
	return clientsOf(db, codes)
}

// manyCodes is how many codes one query asks for.
const manyCodes = 1000

// clientsOf finds clients by the codes that their accounts know them by. A deleted integration names its client until another
// has the code; of several the last that is enabled counts.
func clientsOf(db *gorm.DB, codes map[string][]string) (Clients, error) {
	clients := Clients{}
	accounts := slices.Collect(maps.Keys(codes))
	var keys []string
	for _, some := range codes {
		for _, code := range some {
			if code != "" {
				keys = append(keys, strings.ToLower(code))
			}
		}
	}
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(keys))), manyCodes) {
		var rows []Integration
		err := db.Select("account_id", "client_key", "name").Where("account_id IN ? AND client_key IN ?", accounts, some).
			Order("deleted_at IS NULL, enabled, id").Find(&rows).Error
		if err != nil {
			return nil, err
		}
		for _, i := range rows {
			of := clientOf{i.AccountID, i.ClientKey}
			if clients[of] = ""; Visible(i.Name) {
				clients[of] = i.Name
			}
		}
	}
	return clients, nil
}
