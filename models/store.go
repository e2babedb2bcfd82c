package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// Dialect is one of the two databases.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Store is the database: one pool of readers, one of writers. On SQLite there is one writer with immediate
// transactions, because a read transaction there can't turn into a write one while others write.
type Store struct {
	dialect Dialect
	url     string
	read    *gorm.DB
	write   *gorm.DB
	feed    *feedHub
	busy    sync.Map // goroutine → struct{}: those inside a transaction

	// Sealer opens the keys by which accounts sign. Publishing needs it.
	Sealer *Sealer
}

// Tx is one transaction. Inside it every call takes it; asking the store again is an error.
type Tx struct {
	*gorm.DB
	store *Store
	after []func()
}

// Open connects to sqlite:///path or postgres://… .
func Open(ctx context.Context, databaseURL string) (*Store, error) {
	s := &Store{url: databaseURL}
	var err error
	switch {
	case strings.HasPrefix(databaseURL, "sqlite://"):
		s.dialect = SQLite
		path := strings.TrimPrefix(databaseURL, "sqlite://")
		dsn := func(extra string) string {
			return "file:" + url.PathEscape(path) + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-16000)" + extra
		}
		if s.write, err = open(sqlite.Open(dsn("&_txlock=immediate")), true); err == nil {
			s.read, err = open(sqlite.Open(dsn("&_pragma=query_only(1)")), true)
		}
	case strings.HasPrefix(databaseURL, "postgres://"), strings.HasPrefix(databaseURL, "postgresql://"):
		s.dialect = Postgres
		s.write, err = open(postgres.New(postgres.Config{DSN: databaseURL}), false)
		s.read = s.write
	default:
		return nil, errors.New("a database URL begins with postgres:// or sqlite:///")
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	writers, _ := s.write.DB()
	readers, _ := s.read.DB()
	if s.dialect == SQLite {
		writers.SetMaxOpenConns(1)
		readers.SetMaxOpenConns(6)
		readers.SetMaxIdleConns(6)
	} else {
		writers.SetMaxOpenConns(24)
		writers.SetMaxIdleConns(12)
		writers.SetConnMaxIdleTime(5 * time.Minute)
	}
	if err := scopeByAccount(s.write); err != nil {
		return nil, err
	}
	if s.read != s.write {
		if err := scopeByAccount(s.read); err != nil {
			return nil, err
		}
	}
	if err := writers.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	s.feed = newFeedHub(s)
	return s, nil
}

// open keeps prepared statements where the driver does not: pgx keeps its own on each connection, also over transactions.
func open(d gorm.Dialector, prepare bool) (*gorm.DB, error) {
	return gorm.Open(d, &gorm.Config{
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		PrepareStmt:            prepare,
		TranslateError:         false,
		NowFunc:                func() time.Time { return Now().Time },
	})
}

// Close ends every connection.
func (s *Store) Close() error {
	s.feed.stop()
	var errs []error
	pools := []*gorm.DB{s.write}
	if s.read != s.write {
		pools = append(pools, s.read)
	}
	for _, db := range pools {
		if pool, err := db.DB(); err == nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// Dialect tells which database this is.
func (s *Store) Dialect() Dialect { return s.dialect }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	pool, err := s.read.DB()
	if err != nil {
		return err
	}
	return pool.PingContext(ctx)
}

// Read returns a handle for reading what ctx may see.
func (s *Store) Read(ctx context.Context) *gorm.DB {
	if err := s.refuseNesting(); err != nil {
		db := s.read.WithContext(ctx)
		_ = db.AddError(err)
		return db
	}
	return s.read.WithContext(ctx)
}

// Write runs fn in one transaction and commits when it returns nil. What fn leaves with [Tx.AfterCommit] runs then.
// No transaction may stand open across I/O of another kind.
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if err := s.refuseNesting(); err != nil {
		return err
	}
	leave := s.enter()
	defer leave()
	tx := &Tx{store: s}
	err := s.write.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		tx.DB = db
		return fn(tx)
	})
	leave()
	if err != nil {
		return err
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

var errNested = errors.New("models: a transaction asked the store for a second connection")

// enter notes that this goroutine is inside a transaction. To ask for its name costs as much as a short query: it is asked
// only on SQLite, whose one writer would wait for itself for ever. What nests there nests everywhere.
func (s *Store) enter() (leave func()) {
	if s.dialect != SQLite {
		return func() {}
	}
	id := goroutine()
	s.busy.Store(id, struct{}{})
	return func() { s.busy.Delete(id) }
}

func (s *Store) refuseNesting() error {
	if s.dialect != SQLite {
		return nil
	}
	if _, inside := s.busy.Load(goroutine()); inside {
		return errNested
	}
	return nil
}

// goroutine returns the runtime's id of this goroutine, as a stack trace begins with it.
func goroutine() string {
	var buf [32]byte
	line := buf[:runtime.Stack(buf[:], false)]
	line = bytes.TrimPrefix(line, []byte("goroutine "))
	if i := bytes.IndexByte(line, ' '); i > 0 {
		line = line[:i]
	}
	return string(line)
}

// AfterCommit has f run once the transaction is durable, and not at all when it fails.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Locked returns a handle whose next read locks its rows for the transaction. SQLite's one writer needs no lock.
func (tx *Tx) Locked() *gorm.DB {
	if tx.store.dialect == Postgres {
		return tx.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	return tx.DB
}

// Dialect tells which database this is.
func (tx *Tx) Dialect() Dialect { return tx.store.dialect }

// IsUnique tells whether err says that a unique index refused a row.
func IsUnique(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	return err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// One reads the one row that db selects into a new T; [NotFound] when there is none. what names it to a person.
func One[T any](db *gorm.DB, what string) (*T, error) {
	var row T
	err := db.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, Errorf(NotFound, "There is no such %s.", what)
	}
	if err != nil {
		return nil, fmt.Errorf("models: read a %s: %w", what, err)
	}
	return &row, nil
}
