package models_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

var cluster *rig.Postgres

func TestMain(m *testing.M) {
	var err error
	if cluster, err = rig.StartPostgres(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	cluster.Stop()
	if migrated.sqlite != "" {
		_ = os.RemoveAll(filepath.Dir(migrated.sqlite))
	}
	os.Exit(code)
}

var ctx = context.Background()

// migrated holds an empty store of either database, from which the tests' own are copied: each step of the schema is made
// once, and not for every test.
var migrated struct {
	once             sync.Once
	sqlite, postgres string
}

// migrate makes what the tests' stores are copied from.
func migrate(t *testing.T) {
	migrated.once.Do(func() {
		dir, err := os.MkdirTemp("", "fieldproof-migrated-")
		require.NoError(t, err)
		migrated.sqlite = filepath.Join(dir, "migrated.db")
		require.NoError(t, open(t, "sqlite://"+migrated.sqlite).Close())
		migrated.postgres, err = cluster.Database()
		require.NoError(t, err)
		require.NoError(t, open(t, migrated.postgres).Close())
	})
}

// both runs a test on a fresh store of either database.
func both(t *testing.T, test func(t *testing.T, store *models.Store)) {
	migrate(t)
	t.Run("sqlite", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "a b?.db")
		text, err := os.ReadFile(migrated.sqlite)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, text, 0o600))
		test(t, opened(t, "sqlite://"+name))
	})
	t.Run("postgres", func(t *testing.T) {
		url, err := cluster.Copy(migrated.postgres)
		require.NoError(t, err)
		test(t, opened(t, url))
	})
}

// opened is a store of a database that is migrated.
func opened(t *testing.T, url string) *models.Store {
	store, err := models.Open(ctx, url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func open(t *testing.T, url string) *models.Store {
	store, err := models.Open(ctx, url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.Error(t, store.CheckSchema(ctx), "an empty database is told to be migrated")
	steps, err := store.Migrate(ctx)
	require.NoError(t, err)
	require.Positive(t, steps)
	again, err := store.Migrate(ctx)
	require.NoError(t, err)
	require.Zero(t, again)
	require.NoError(t, store.CheckSchema(ctx))
	return store
}

func account(t *testing.T, store *models.Store, name string) (*models.Account, *models.Member) {
	id := models.NewID()
	user := &models.User{ID: models.NewID(), AccountID: id, Username: name, Role: models.Admin, Active: true}
	password, err := models.HashPassword(ctx, "correct horse")
	require.NoError(t, err)
	user.SetPassword(password)
	var a *models.Account
	require.NoError(t, store.Write(models.InAccount(ctx, id), func(tx *models.Tx) error {
		var err error
		if a, err = tx.NewAccount(id, name); err != nil {
			return err
		}
		return tx.NewUser(user)
	}))
	member, err := store.MemberByID(ctx, user.ID)
	require.NoError(t, err)
	return a, member
}

// every is one of each model.
var every = []any{&models.Link{}, &models.LinkViewRow{}, &models.Comment{}, &models.ClientMessage{}, &models.Connection{}, &models.Chain{}, &models.ChainEntry{}, &models.SigningKey{}, &models.Account{}, &models.Role{}, &models.User{}, &models.Token{}, &models.Property{}, &models.WorkType{}, &models.WorkOrder{}, &models.Task{}, &models.Assignment{},
	&models.Item{}, &models.HistoryEvent{}, &models.Action{}, &models.Destination{}, &models.Publication{}, &models.PublicationItem{}, &models.Delivery{},
	&models.DeliveryItem{}, &models.WebhookMessage{}, &models.Attempt{}, &models.Alert{}, &models.Bell{}, &models.FeedEntry{}, &models.IdempotencyKey{}, &models.RateLimit{}, models.SignedInFrom{}, &models.SignedInFrom{}, &models.FolderClaim{},
	&models.Integration{}, &models.PushKey{}, &models.ReceivedOrder{}, &models.LogEntry{}, &models.Import{}, &models.ImportRow{}, &models.ImportMapping{}, &models.WatchedFile{},
	&models.Survey{}, &models.SurveyRevision{}, &models.SurveyContent{}, &models.PeerPushKey{}, &models.PeerNumber{}, &models.ShortCode{}, &models.ShareLink{}, &models.EndedToken{}, &models.Statement{},
	&models.Bulk{}, &models.BulkRow{}, &models.FieldChange{}, &models.SavedView{}, &models.Announcement{}, &models.SyncPoint{}, &models.Device{}, &models.AuditEntry{},
	&models.Upload{}, &models.UploadPiece{}, &models.Rescue{}, &models.RescueItem{}}

func TestTheMigratedSchemaFitsTheModels(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		db := store.Read(models.AcrossAccounts(ctx))
		tables := map[string]bool{}
		for _, model := range every {
			s, err := schema.Parse(model, &sync.Map{}, db.NamingStrategy)
			require.NoError(t, err)
			tables[s.Table] = true
			columns, err := db.Migrator().ColumnTypes(model)
			require.NoError(t, err)
			var have, want []string
			for _, c := range columns {
				have = append(have, c.Name())
			}
			for _, f := range s.Fields {
				if f.DBName != "" {
					want = append(want, f.DBName)
				}
			}
			require.ElementsMatch(t, want, have, s.Table)
			require.NoError(t, db.Limit(1).Find(model).Error, s.Table)
		}
		all, err := db.Migrator().GetTables()
		require.NoError(t, err)
		for _, name := range all {
			if name != "goose_db_version" && name != "sqlite_sequence" && !strings.HasPrefix(name, "work_order_search") {
				require.True(t, tables[name], "the table %s has no model", name)
			}
		}
	})
}

func TestNobodySeesAnotherAccount(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		mine, _ := account(t, store, "mine")
		theirs, other := account(t, store, "theirs")
		count := func(ctx context.Context) (n int64, err error) {
			return n, store.Read(ctx).Model(&models.User{}).Count(&n).Error
		}
		_, err := count(ctx)
		require.ErrorIs(t, err, models.ErrNoScope, "a query that names no account is refused")
		n, err := count(models.InAccount(ctx, mine.ID))
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		n, err = count(models.AcrossAccounts(ctx))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		in := models.InAccount(ctx, mine.ID)
		_, err = models.One[models.User](store.Read(in).Where("id = ?", other.ID), "user")
		require.Equal(t, models.NotFound, models.KindOf(err))
		require.NoError(t, store.Write(in, func(tx *models.Tx) error {
			changed := tx.Model(&models.User{}).Where("id = ?", other.ID).Update("name", "stolen")
			require.Zero(t, changed.RowsAffected)
			deleted := tx.Where("id = ?", other.ID).Delete(&models.User{})
			require.Zero(t, deleted.RowsAffected)
			return errors.Join(changed.Error, deleted.Error)
		}))
		require.Error(t, store.Write(in, func(tx *models.Tx) error {
			return tx.Create(&models.Alert{ID: "a", AccountID: theirs.ID}).Error
		}), "a row of another account is not written")
		require.ErrorIs(t, store.Write(ctx, func(tx *models.Tx) error { return tx.Raise(&models.Alert{Kind: "x"}) }), models.ErrNoScope)
	})
}

// TestATransactionThatAsksForASecondConnectionFails on SQLite, where it would wait for itself; the whole suite runs there
// too, so that no such transaction reaches PostgreSQL, where to ask would cost each call.
func TestATransactionThatAsksForASecondConnectionFails(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		if store.Dialect() != models.SQLite {
			t.Skip("asked on SQLite alone")
		}
		err := store.Write(ctx, func(*models.Tx) error { return store.Ping(ctx) })
		require.NoError(t, err)
		require.ErrorContains(t, store.Write(ctx, func(*models.Tx) error {
			return store.Read(ctx).Find(&models.Account{}).Error
		}), "second connection")
		require.ErrorContains(t, store.Write(ctx, func(*models.Tx) error {
			return store.Write(ctx, func(*models.Tx) error { return nil })
		}), "second connection")
	})
}

func TestTimesSortAndComeBackAsTheyWere(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		a, _ := account(t, store, "times")
		in := models.InAccount(ctx, a.ID)
		zone := time.FixedZone("somewhere", -7*3600)
		early := models.At(time.Date(2026, 5, 4, 23, 59, 59, 999_999_000, zone))
		late := models.At(early.Add(time.Microsecond))
		for i, at := range []models.Time{late, early} {
			require.NoError(t, store.Write(in, func(tx *models.Tx) error {
				return tx.Create(&models.Alert{ID: fmt.Sprint(i), AccountID: a.ID, Kind: fmt.Sprint(i), CreatedAt: at}).Error
			}))
		}
		var alerts []models.Alert
		require.NoError(t, store.Read(in).Order("created_at").Find(&alerts).Error)
		require.Equal(t, []models.Time{early, late}, []models.Time{alerts[0].CreatedAt, alerts[1].CreatedAt})
		var after []models.Alert
		require.NoError(t, store.Read(in).Where("created_at > ?", early).Find(&after).Error)
		require.Len(t, after, 1)
	})
}

func TestABellRungWhileItIsDeliveredIsNotLost(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		ring := func() {
			require.NoError(t, store.Write(ctx, func(tx *models.Tx) error { return tx.Ring(models.OrderBell, "o") }))
		}
		due := func() []models.Bell {
			bells, err := store.DueBells(ctx, false, 10)
			require.NoError(t, err)
			return bells
		}
		ring()
		ring()
		first := due()
		require.Len(t, first, 1, "one bell an order is enough")
		ring()
		require.NoError(t, store.Rung(ctx, first))
		second := due()
		require.Len(t, second, 1)
		require.NoError(t, store.Rung(ctx, second))
		require.Empty(t, due())

		ring()
		third := due()
		require.NoError(t, store.Rung(ctx, third)) // by one replica
		ring()
		require.NoError(t, store.Rung(ctx, third)) // by another, which was slower
		require.NoError(t, store.PostponeBell(ctx, third[0], time.Minute, errors.New("slower yet")))
		require.Len(t, due(), 1, "what was rung after a delivery is no part of it")
	})
}

func TestAKeyIsClaimedOnce(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		claim := func(hash string, hold time.Duration) (bool, *models.IdempotencyKey) {
			claimed, have, err := store.ClaimKey(ctx, "k", hash, hold)
			require.NoError(t, err)
			return claimed, have
		}
		claimed, _ := claim("h", time.Minute)
		require.True(t, claimed)
		claimed, have := claim("h", time.Minute)
		require.False(t, claimed)
		require.Zero(t, have.Status)
		require.NoError(t, store.AnswerKey(ctx, "k", 201, "outcome"))
		claimed, have = claim("other", time.Minute)
		require.False(t, claimed)
		require.Equal(t, "outcome", have.Outcome)
		require.NoError(t, store.FreeKey(ctx, "k2"))
	})
}

// TestALinksPasswordIsNotGuessedFromManyNetworks spends a link's tries over all networks: who looked before still gets in.
func TestALinksPasswordIsNotGuessedFromManyNetworks(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		account := models.NewID()
		in := models.InAccount(ctx, account)
		var link *models.Link
		require.NoError(t, store.Write(in, func(tx *models.Tx) error {
			if _, err := tx.NewAccount(account, "Acme"); err != nil {
				return err
			}
			property, err := tx.PropertyAt(account, models.Address{Address1: "1 A St", City: "Austin", State: "TX", Zip: "78701"}, nil, nil)
			if err != nil {
				return err
			}
			o := &models.WorkOrder{ID: models.NewID(), AccountID: account, PropertyID: property.ID, CreatedAt: models.Now(), UpdatedAt: models.Now(), Lifecycle: models.Lifecycle{State: models.Approved}}
			o.WorkOrderNumber, o.Address = "W-1", property.Address
			o.Normalise()
			lawn := models.TaskFields{Name: "Lawn"}
			lawn.Normalise()
			if err := tx.CreateOrder(o, []models.TaskFields{lawn}, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Approved, Actor: "office"}); err != nil {
				return err
			}
			link = &models.Link{ID: models.NewID(), AccountID: account, WorkOrderID: o.ID, TokenHash: "x", PasswordHash: "y", ItemIDs: []string{}, CreatedAt: models.Now()}
			return tx.Create(link).Error
		}))
		require.NoError(t, store.Looked(ctx, link, "page", "2001:db8:1:2::9", "a browser"))
		refused := func(address string) bool {
			limits, err := store.LinkPasswordLimits(ctx, link, address)
			require.NoError(t, err)
			wait, err := store.Try(ctx, limits...)
			require.NoError(t, err)
			return wait > 0
		}
		judged := 0
		for network := range 15 {
			for range 10 {
				if !refused(fmt.Sprintf("198.51.100.%d", network)) {
					judged++
				}
			}
		}
		require.Equal(t, 100, judged, "of one link over all networks")
		require.True(t, refused("203.0.113.1"), "a network from which nobody has looked")
		require.False(t, refused("2001:db8:1:2::1"), "the network from which somebody has")
	})
}

func TestLimitsCountOverReplicas(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		few, many := models.Limit{Key: "few", Most: 10, Window: time.Minute}, models.Limit{Key: "many", Most: 100, Window: time.Minute}
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() {
				wait, err := store.Try(ctx, few, many)
				assert.NoError(t, err)
				if wait == 0 {
					passed.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 10, passed.Load(), "however many at once")
		require.NoError(t, store.Forgive(ctx, few))
		wait, err := store.Try(ctx, few)
		require.NoError(t, err)
		require.Zero(t, wait)
		for range 90 { // those that few refused have not worn it out
			wait, err = store.Try(ctx, many)
			require.NoError(t, err)
			require.Zero(t, wait)
		}
		wait, err = store.Try(ctx, many)
		require.NoError(t, err)
		require.Positive(t, wait)
	})
}

func TestPasswordsAndTokensAreKeptAsHashes(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		a, member := account(t, store, "hashes")
		require.Contains(t, member.PasswordHash, "$argon2id$")
		_, err := store.UserByPassword(ctx, "HASHES", "correct horse")
		require.NoError(t, err)
		for _, wrong := range [][2]string{{"hashes", "wrong"}, {"unknown", "correct horse"}} {
			_, err = store.UserByPassword(ctx, wrong[0], wrong[1])
			require.Equal(t, models.Unauthorized, models.KindOf(err))
		}
		var secret string
		require.NoError(t, store.Write(models.InAccount(ctx, a.ID), func(tx *models.Tx) error {
			var token *models.Token
			token, secret, err = tx.NewToken(&member.User, models.APIToken, "t", nil)
			require.NotContains(t, token.TokenHash, secret)
			return err
		}))
		_, _, err = store.MemberByToken(ctx, secret, models.APIToken)
		require.NoError(t, err)
		_, _, err = store.MemberByToken(ctx, secret, models.InviteToken)
		require.Equal(t, models.Unauthorized, models.KindOf(err))
		require.NoError(t, store.Write(models.InAccount(ctx, a.ID), func(tx *models.Tx) error {
			return tx.Model(&models.User{}).Where("id = ?", member.ID).Update("credential_version", gorm.Expr("credential_version + 1")).Error
		}))
		_, _, err = store.MemberByToken(ctx, secret, models.APIToken)
		require.Equal(t, models.Unauthorized, models.KindOf(err), "a new password ends every token at once")
	})
}

func TestTheUpgradeFixesTheNumbersThatLoginsWereTold(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		a, _ := account(t, store, "upgraded")
		scoped := models.InAccount(ctx, a.ID)
		vendor := &models.User{ID: models.NewID(), AccountID: a.ID, Username: "told", Role: models.Subcontractor, Active: true}
		names := map[string]string{}
		require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
			if err := tx.NewUser(vendor); err != nil {
				return err
			}
			lawn := []models.TaskFields{{Name: "Lawn"}}
			lawn[0].Normalise()
			make := func(code, number, want string, hidden bool) {
				o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, CreatedAt: models.Now(), UpdatedAt: models.Now(), Lifecycle: models.Lifecycle{State: models.Created}, AssigneeID: &vendor.ID}
				o.ClientCode, o.WorkOrderNumber, o.Address = code, number, models.Address{Address1: "1 Oak", City: "Austin", State: "TX", Zip: "78701"}
				property, err := tx.PropertyAt(a.ID, o.Address, nil, nil)
				require.NoError(t, err)
				o.PropertyID = property.ID
				o.Normalise()
				require.NoError(t, tx.CreateOrder(o, lawn, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: "x"}))
				require.NoError(t, tx.Create(&models.Assignment{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, UserID: &vendor.ID, AssignedAt: models.Now()}).Error)
				if hidden {
					o.Lifecycle.Hidden = true
					require.NoError(t, tx.SaveOrder(o))
				}
				names[o.ID] = want
			}
			make("ACME", "1", "1", false)
			make("ACME", "77", "ACME::77", false)
			make("BETA", "77", "BETA::77", false)
			make("ACME", "5", "5__2", true) // deleted, and its number given again: the peer knows the newer by it
			make("ACME", "5", "5", false)
			return nil
		}))
		require.NoError(t, store.MigrateDown(ctx, 14))
		_, err := store.Migrate(ctx)
		require.NoError(t, err)
		var rows []models.PeerNumber
		require.NoError(t, store.Read(scoped).Find(&rows).Error)
		got := map[string]string{}
		for _, r := range rows {
			got[r.WorkOrderID] = r.Number
		}
		require.Equal(t, names, got)
	})
}

// TestItemsOfAnOrderComeSideBySide holds one item's transaction open: another commits meanwhile, an action waits for both.
func TestItemsOfAnOrderComeSideBySide(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		if store.Dialect() != models.Postgres {
			t.Skip("SQLite has one writer")
		}
		a, _ := account(t, store, "ada")
		scoped := models.InAccount(ctx, a.ID)
		o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, CreatedAt: models.Now(), UpdatedAt: models.Now()}
		o.WorkOrderNumber = "1"
		o.Normalise()
		lawn := models.TaskFields{Name: "Lawn"}
		lawn.Normalise()
		require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
			return tx.CreateOrder(o, []models.TaskFields{lawn}, &models.HistoryEvent{Type: models.TypeCreated})
		}))
		item := func(tx *models.Tx) error {
			if _, err := tx.OrderForItem(o.ID); err != nil {
				return err
			}
			return tx.Announce(a.ID, "item.received", models.NewID(), o.ID)
		}
		held, let, done := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			done <- store.Write(scoped, func(tx *models.Tx) error {
				err := item(tx)
				close(held)
				<-let
				return err
			})
		}()
		<-held
		require.NoError(t, store.Write(scoped, item), "beside the one that is open")
		hasty := func(tx *models.Tx) error {
			if err := tx.Exec("SET LOCAL lock_timeout = '100ms'").Error; err != nil {
				return err
			}
			_, err := tx.OrderForUpdate(o.ID)
			return err
		}
		require.ErrorContains(t, store.Write(scoped, hasty), "lock timeout", "an action waits for it")
		close(let)
		require.NoError(t, <-done)
		require.NoError(t, store.Write(scoped, hasty))
	})
}

// TestWatchersOfOtherReplicasAreWoken tells on one store what another watches.
func TestWatchersOfOtherReplicasAreWoken(t *testing.T) {
	migrate(t)
	url, err := cluster.Copy(migrated.postgres)
	require.NoError(t, err)
	here, there := opened(t, url), opened(t, url)
	a, _ := account(t, here, "ada")
	woken, stop := there.WatchFeed(a.ID)
	defer stop()
	<-woken // it listens
	require.NoError(t, here.Write(models.InAccount(ctx, a.ID), func(tx *models.Tx) error { return tx.Announce(a.ID, "item.received", models.NewID(), "") }))
	select {
	case <-woken:
	case <-time.After(rig.Patience):
		require.Fail(t, "the other replica hears nothing")
	}
}

func TestFirstPublicationsAtOnceBeginOneChain(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		var err error
		store.Sealer, err = models.NewSealer(models.NewSecretKey())
		require.NoError(t, err)
		for n := range 5 {
			a, _ := account(t, store, fmt.Sprintf("owner-%d", n))
			in := models.InAccount(ctx, a.ID)
			var all errgroup.Group
			for range 8 {
				all.Go(func() error {
					return store.Write(in, func(tx *models.Tx) error {
						_, err := tx.BeginChain(a.ID)
						return err
					})
				})
			}
			require.NoError(t, all.Wait())
			var entries int64
			require.NoError(t, store.Read(in).Model(&models.ChainEntry{}).Count(&entries).Error)
			require.EqualValues(t, 1, entries, "the one that introduces the key")
		}
	})
}
