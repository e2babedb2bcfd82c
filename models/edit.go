package models

import (
	"reflect"

	"gorm.io/gorm"
)

// Edit changes one row as it stands under its lock: apply is given the row, and only the columns that it changed are
// written. So two edits at once both stand, and none brings back what a deletion or revocation took away meanwhile.
// Whatever takes long (hashing, other systems) comes before the transaction. [NotFound] when no row fits.
func Edit[T any](tx *Tx, what string, apply func(*T) error, where string, args ...any) (*T, error) {
	row, err := One[T](tx.Locked().Where(where, args...), what)
	if err != nil {
		return nil, err
	}
	before, err := One[T](tx.Where(where, args...), what) // read apart: the two share no map and no slice
	if err != nil {
		return nil, err
	}
	if err := apply(row); err != nil {
		return nil, err
	}
	changed, err := changedColumns(tx.DB, before, row)
	if err != nil || len(changed) == 0 {
		return row, err
	}
	return row, tx.Model(row).Select(changed).Where(where, args...).Updates(row).Error
}

// changedColumns are the columns in which two rows differ.
func changedColumns(db *gorm.DB, before, after any) ([]string, error) {
	statement := &gorm.Statement{DB: db}
	if err := statement.Parse(after); err != nil {
		return nil, err
	}
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	var changed []string
	for _, f := range statement.Schema.Fields {
		if f.DBName == "" || f.PrimaryKey {
			continue
		}
		if !reflect.DeepEqual(f.ReflectValueOf(db.Statement.Context, was).Interface(), f.ReflectValueOf(db.Statement.Context, is).Interface()) {
			changed = append(changed, f.DBName)
		}
	}
	return changed, nil
}
