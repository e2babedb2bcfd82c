package models

import (
	"context"
	"fmt"
	"path"
	"strings"

	"gorm.io/gorm/clause"
)

// FolderClaim says which account a folder of the server belongs to. It stays when what used the folder is gone: there may
// be files of the account in it, so nobody else ever gets it.
type FolderClaim struct {
	Path      string `gorm:"primaryKey"` // clean, in lower case: some file systems tell no case apart
	AccountID string
	ClaimedAt Time
}

// folderLock serialises claims on PostgreSQL.
const folderLock = 0x666f6c64 // "fold"

func claimedPath(p string) string { return strings.ToLower(strings.Trim(path.Clean("/"+p), "/")) }

// ClaimFolder claims a folder below the operator's roots for ctx's account. A [Conflict] that names field when the folder,
// one above or one below it belongs to another account, whoever that is.
func (tx *Tx) ClaimFolder(accountID, folder, field string) error {
	everywhere := tx.WithContext(AcrossAccounts(tx.Statement.Context))
	if tx.Dialect() == Postgres {
		if err := everywhere.Exec("SELECT pg_advisory_xact_lock(?)", folderLock).Error; err != nil {
			return err
		}
	}
	at := claimedPath(folder)
	var above []string
	for p := at; p != "." && p != ""; p = path.Dir(p) {
		above = append(above, p)
	}
	var taken int64
	err := everywhere.Model(&FolderClaim{}).Where("account_id <> ? AND (path IN ? OR path LIKE ? ESCAPE '\\')", accountID, above, likeEscaper.Replace(at)+"/%").Count(&taken).Error
	if err != nil {
		return err
	}
	if taken > 0 {
		return &Error{Kind: Conflict, Message: "This folder is taken.",
			Fields: []FieldError{{Field: field, Message: "Choose another folder: this one, or one above or below it, is in use elsewhere on this installation, or once was.", Code: CodeFolderTaken}}}
	}
	return everywhere.Clauses(clause.OnConflict{DoNothing: true}).Create(&FolderClaim{Path: at, AccountID: accountID, ClaimedAt: Now()}).Error
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// LocalFolders are the folders of the server that a destination writes to.
func (d *Destination) LocalFolders() []string {
	if d.Kind != FolderDestination {
		return nil
	}
	var folders []string
	for _, f := range d.Settings.Paths() {
		folders = append(folders, f.Path)
	}
	return folders
}

// LocalFolders are the folders of the server that an integration reads, with its done/ and failed/ in them.
func (i *Integration) LocalFolders() []string {
	if i.Kind != WatchedFolder || i.Settings.Backend != "local" {
		return nil
	}
	return []string{i.Settings.Path}
}

// claimUsedFolders claims what was in use before there were claims, what was deleted since too. Where two accounts shared
// one, it belongs to the first.
func (s *Store) claimUsedFolders(ctx context.Context) error {
	ctx = AcrossAccounts(ctx)
	return s.Write(ctx, func(tx *Tx) error {
		var claims []FolderClaim
		add := func(accountID string, folders []string) {
			for _, f := range folders {
				claims = append(claims, FolderClaim{claimedPath(f), accountID, Now()})
			}
		}
		var destinations []Destination
		if err := tx.Where("kind = ?", FolderDestination).Order("created_at, id").Find(&destinations).Error; err != nil {
			return err
		}
		for _, d := range destinations {
			add(d.AccountID, d.LocalFolders())
		}
		var integrations []Integration
		if err := tx.Where("kind = ?", WatchedFolder).Order("created_at, id").Find(&integrations).Error; err != nil {
			return err
		}
		for _, i := range integrations {
			add(i.AccountID, i.LocalFolders())
		}
		if len(claims) == 0 {
			return nil
		}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(claims, 200).Error; err != nil {
			return fmt.Errorf("models: claim the folders in use: %w", err)
		}
		return nil
	})
}
