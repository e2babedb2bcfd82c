package models

import (
	"context"
	"errors"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

type scopeKey struct{}

type scope struct {
	account string
	across  bool
}

// InAccount returns a context whose queries see and touch the rows of one account only.
func InAccount(ctx context.Context, accountID string) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope{account: accountID})
}

// AcrossAccounts returns a context whose queries see every account: for the installation's own work (sign-in, the
// sweeper, activities that are given ids), never for a request of a user.
func AcrossAccounts(ctx context.Context) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope{across: true})
}

// ErrNoScope says that a query on rows of accounts named none.
var ErrNoScope = errors.New("models: a query on rows of accounts without an account")

// scopeByAccount makes every query on a model with an AccountID obey its context's scope. It stands in the database
// handle, because a filter that each query must remember is one day forgotten.
func scopeByAccount(db *gorm.DB) error {
	filter := func(db *gorm.DB) {
		sc, column := scopeOf(db)
		if column == "" || sc.across {
			return
		}
		if sc.account == "" {
			_ = db.AddError(ErrNoScope)
			return
		}
		db.Statement.AddClause(clause.Where{Exprs: []clause.Expression{
			clause.Eq{Column: clause.Column{Table: db.Statement.Schema.Table, Name: column}, Value: sc.account},
		}})
	}
	stamp := func(db *gorm.DB) {
		sc, column := scopeOf(db)
		if column == "" || sc.across {
			return
		}
		if sc.account == "" {
			_ = db.AddError(ErrNoScope)
			return
		}
		field := db.Statement.Schema.LookUpField(column)
		set := func(row reflect.Value) {
			have, zero := field.ValueOf(db.Statement.Context, row)
			if !zero && have != sc.account {
				_ = db.AddError(errors.New("models: a row of another account"))
				return
			}
			_ = db.AddError(field.Set(db.Statement.Context, row, sc.account))
		}
		switch v := db.Statement.ReflectValue; v.Kind() {
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				set(reflect.Indirect(v.Index(i)))
			}
		case reflect.Struct:
			set(v)
		}
	}
	cb := db.Callback()
	return errors.Join(
		cb.Query().Before("gorm:query").Register("fieldproof:scope", filter),
		cb.Row().Before("gorm:row").Register("fieldproof:scope", filter),
		cb.Update().Before("gorm:update").Register("fieldproof:scope", filter),
		cb.Delete().Before("gorm:delete").Register("fieldproof:scope", filter),
		cb.Create().Before("gorm:create").Register("fieldproof:scope", stamp),
	)
}

func scopeOf(db *gorm.DB) (scope, string) {
	if db.Error != nil || db.Statement.Schema == nil {
		return scope{}, ""
	}
	field := db.Statement.Schema.LookUpField("AccountID")
	if field == nil {
		return scope{}, ""
	}
	sc, _ := db.Statement.Context.Value(scopeKey{}).(scope)
	return sc, field.DBName
}
