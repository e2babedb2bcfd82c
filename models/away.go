package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// sqliteCode is what errors of the SQLite driver have.
type sqliteCode interface {
	error
	Code() int
}

// Primary result codes of SQLite (sqlite.org/rescode.html).
const (
	sqliteBusy, sqliteLocked, sqliteInterrupt, sqliteIOError, sqliteFull, sqliteCantOpen = 5, 6, 9, 10, 13, 14
)

// IsAway tells whether an error says that the database can't be reached or does not answer now: the same is worth trying
// again.
func IsAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Connection exceptions, operator intervention, insufficient resources, rolled-back transactions, and locks waited for
		// in vain (Appendix A of PostgreSQL's manual).
		for _, class := range []string{"08", "57", "53", "40", "55"} {
			if strings.HasPrefix(pg.Code, class) {
				return true
			}
		}
		return false
	}
	var connect *pgconn.ConnectError
	var dial *net.OpError
	if errors.As(err, &connect) || errors.As(err, &dial) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
		return true
	}
	var lite sqliteCode
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqliteBusy, sqliteLocked, sqliteInterrupt, sqliteIOError, sqliteCantOpen: // interrupted: its time was over
			return true
		}
	}
	return false
}

// IsFull tells whether an error says that the database has no room left.
func IsFull(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "53100" // disk_full
	}
	var lite sqliteCode
	return errors.As(err, &lite) && lite.Code()&0xff == sqliteFull
}
