package intake

import (
	"context"
	"slices"
	"time"

	"fieldproof/models"
)

const (
	sessionLasts    = 90 * 24 * time.Hour
	invitationLasts = 7 * 24 * time.Hour
)

// administer is a transaction that changes who may do what.
func (in *Intake) administer(ctx context.Context, by *models.Member, fn func(*models.Tx) error) error {
	return in.Store.Write(models.InAccount(ctx, by.AccountID), func(tx *models.Tx) error {
		if err := tx.Administer(by); err != nil {
			return err
		}
		return fn(tx)
	})
}

// mayGrant refuses a role that may more than the member: nobody lifts themselves, or another, above.
func mayGrant(tx *models.Tx, by *models.Member, roles ...string) error {
	for _, name := range roles {
		role, err := models.One[models.Role](tx.Where("name = ?", name), "role")
		if models.KindOf(err) == models.NotFound {
			return models.InvalidField("role", "The account has no role %q.", name).Coded(models.CodeNoSuch)
		}
		if err != nil {
			return err
		}
		for _, p := range role.Privileges {
			if !by.May(p) {
				return models.Errorf(models.Forbidden, "The role %s may more than you: only somebody with %s can give or change it.", name, p)
			}
		}
	}
	return nil
}

// keepAnAdmin refuses to leave the account without anybody who could manage it.
func keepAnAdmin(tx *models.Tx) error {
	var roles []models.Role
	if err := tx.Find(&roles).Error; err != nil {
		return err
	}
	var managing []string
	for _, r := range roles {
		if slices.Contains(r.Privileges, models.EditRoles) {
			managing = append(managing, r.Name)
		}
	}
	var n int64
	if err := tx.Model(&models.User{}).Where("role IN ? AND active AND deleted_at IS NULL", managing).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return models.Errorf(models.Conflict, "This is the last admin of the account: make another one first.").Coded(models.CodeLastAdmin)
	}
	return nil
}

// hashed is the hash of a password, nil for none. It takes long: it comes before the transaction.
func hashed(ctx context.Context, password *string) (*models.Password, error) {
	if password == nil {
		return nil, nil
	}
	return models.HashPassword(ctx, *password)
}

// CreateUser keeps a new user; the same id again is the same user. Errors: [models.Invalid], [models.Conflict] when the
// name is taken, [models.Forbidden] when the role may more than whoever gives it.
func (in *Intake) CreateUser(ctx context.Context, by *models.Member, user *models.User, password *string) (*models.User, error) {
	if err := user.Check(); err != nil {
		return nil, err
	}
	hash, err := hashed(ctx, password)
	if err != nil {
		return nil, err
	}
	if hash != nil {
		user.SetPassword(hash)
	}
	err = in.administer(ctx, by, func(tx *models.Tx) error {
		if have, err := models.One[models.User](tx.Where("id = ?", user.ID), "user"); err == nil {
			user = have // the same request again
			return nil
		}
		if err := mayGrant(tx, by, user.Role); err != nil {
			return err
		}
		if err := tx.NewUser(user); err != nil {
			return err
		}
		return made(tx, by, user.Audited())
	})
	return user, err
}

// made notes in the audit log what somebody made.
func made(tx *models.Tx, by *models.Member, what models.AuditFacts) error {
	return tx.Audit(&by.User, nil, &what)
}

// changed notes in the audit log what somebody changed.
func changed(tx *models.Tx, by *models.Member, before, after models.AuditFacts) error {
	return tx.Audit(&by.User, &before, &after)
}

// taken notes in the audit log what somebody took away.
func taken(tx *models.Tx, by *models.Member, what models.AuditFacts) error {
	return tx.Audit(&by.User, &what, nil)
}

// EditUser changes a user, and the password unless it is nil. The last admin stays one: [models.Conflict].
func (in *Intake) EditUser(ctx context.Context, by *models.Member, id string, password *string, change Change[models.User]) (user *models.User, err error) {
	hash, err := hashed(ctx, password)
	if err != nil {
		return nil, err
	}
	err = in.administer(ctx, by, func(tx *models.Tx) error {
		var before models.User
		user, err = tx.EditUser(id, func(u *models.User) error {
			before = *u
			if err := change(u); err != nil {
				return err
			}
			if hash != nil {
				u.SetPassword(hash)
			}
			return mayGrant(tx, by, before.Role, u.Role)
		})
		if err != nil {
			return err
		}
		if err := followLogin(tx, &before, user); err != nil {
			return err
		}
		if err := changed(tx, by, before.Audited(), user.Audited()); err != nil {
			return err
		}
		return keepAnAdmin(tx)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return user, err
}

// EditOwn changes what a user set for themselves.
func (in *Intake) EditOwn(ctx context.Context, by *models.Member, change Change[models.Own]) (user *models.User, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		user, err = tx.EditUser(by.ID, func(u *models.User) error {
			if err := change(&u.Own); err != nil {
				return err
			}
			return u.Own.Check()
		})
		return err
	})
	return user, err
}

// DeleteUser ends a user with every session and token; items and history stay.
func (in *Intake) DeleteUser(ctx context.Context, by *models.Member, id string) error {
	err := in.administer(ctx, by, func(tx *models.Tx) error {
		var before models.User
		user, err := tx.EditUser(id, func(u *models.User) error {
			before = *u
			now := models.Now()
			u.DeletedAt, u.Active = &now, false
			return mayGrant(tx, by, u.Role)
		})
		if err != nil {
			return err
		}
		if _, err := tx.EndTokens("user_id = ?", user.ID); err != nil {
			return err
		}
		if err := followLogin(tx, &before, user); err != nil {
			return err
		}
		if err := taken(tx, by, before.Audited()); err != nil {
			return err
		}
		return keepAnAdmin(tx)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// Invited is how a user comes in.
type Invited struct {
	Secret  string
	Expires models.Time
	// Field: they work in the field app, for they add to orders and do not see the whole account.
	Field bool
	User  *models.User
}

// Invite makes a token by which a user sets a password, once; an earlier one ends.
func (in *Intake) Invite(ctx context.Context, by *models.Member, id string) (*Invited, error) {
	made := &Invited{Expires: models.At(time.Now().Add(invitationLasts))}
	err := in.administer(ctx, by, func(tx *models.Tx) error {
		user, err := models.One[models.User](tx.Locked().Where("id = ? AND deleted_at IS NULL", id), "user")
		if err != nil {
			return err
		}
		if !user.Active {
			return models.Errorf(models.Conflict, "%s is switched off: switch them on first.", user.Username).Coded(models.CodeSwitchedOff)
		}
		if err := mayGrant(tx, by, user.Role); err != nil {
			return err
		}
		if err := tx.Where("user_id = ? AND kind = ?", user.ID, models.InviteToken).Delete(&models.Token{}).Error; err != nil {
			return err
		}
		role, err := models.One[models.Role](tx.Where("name = ?", user.Role), "role")
		if err != nil {
			return err
		}
		made.User = user
		made.Field = slices.Contains(role.Privileges, models.UploadItems) && !slices.Contains(role.Privileges, models.ViewAllOrders)
		if _, made.Secret, err = tx.NewToken(user, models.InviteToken, "invitation", &made.Expires); err != nil {
			return err
		}
		return tx.Noted(&by.User, &models.AuditEntry{Kind: models.AuditUser, SubjectID: user.ID, Subject: user.Username, What: models.AuditInvited})
	})
	return made, err
}

// AcceptInvitation sets the password of an invited user and ends the invitation; [models.Gone] when it was used or has
// ended meanwhile.
func (in *Intake) AcceptInvitation(ctx context.Context, invited *models.Member, token *models.Token, password string) (user *models.User, err error) {
	hash, err := models.HashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	err = in.Store.Write(models.InAccount(ctx, invited.AccountID), func(tx *models.Tx) error {
		// The user first, then the token: as whoever invites anew or deletes takes them.
		var before models.User
		user, err = tx.EditUser(invited.ID, func(u *models.User) error {
			before = *u
			if !u.Active || u.CredentialVersion != token.CredentialVersion {
				return models.Errorf(models.Gone, "The invitation has ended: ask the office for a new one.")
			}
			u.SetPassword(hash)
			return nil
		})
		if models.KindOf(err) == models.NotFound {
			return models.Errorf(models.Gone, "The invitation has ended: ask the office for a new one.")
		}
		if err != nil {
			return err
		}
		done := tx.Where("id = ?", token.ID).Delete(&models.Token{})
		if done.Error == nil && done.RowsAffected == 0 {
			return models.Errorf(models.Gone, "The invitation was used: ask the office for a new one.")
		}
		if done.Error != nil {
			return done.Error
		}
		return changed(tx, invited, before.Audited(), user.Audited())
	})
	return user, err
}

// NewSession signs a user in, and remembers from which network, and on which phone if it is one.
func (in *Intake) NewSession(ctx context.Context, user *models.User, address, device string) (secret string, expires models.Time, err error) {
	expires = models.At(time.Now().Add(sessionLasts))
	err = in.Store.Write(models.InAccount(ctx, user.AccountID), func(tx *models.Tx) error {
		var token *models.Token
		if token, secret, err = tx.NewToken(user, models.SessionToken, "session", &expires); err != nil {
			return err
		}
		if device != "" {
			if err := tx.Model(&models.Token{}).Where("id = ?", token.ID).Update("device", device).Error; err != nil {
				return err
			}
		}
		if err := tx.Noted(user, &models.AuditEntry{Kind: models.AuditSession, SubjectID: user.ID, Subject: user.Username, What: models.AuditCreated}); err != nil {
			return err
		}
		return tx.RememberNetwork(user, address)
	})
	return secret, expires, err
}

// SignOut ends the token by which a member asks.
func (in *Intake) SignOut(ctx context.Context, by *models.Member, token *models.Token) error {
	return in.Store.Write(models.InAccount(ctx, by.AccountID), func(tx *models.Tx) error {
		return tx.Where("id = ?", token.ID).Delete(&models.Token{}).Error
	})
}

// TokenOf selects a token for scripts of a member, by its id.
const TokenOf = "id = ? AND user_id = ? AND kind = ?"

func checkToken(name string, expires *models.Time) error {
	var p models.Problems
	if name == "" || !models.OneLine(name, 200) {
		p.Add("name", "Give the token a name of 1 to 200 characters, such as the script that uses it.")
	}
	if expires != nil && expires.Before(time.Now()) {
		p.Add("expires_at", "Give a time to come, or leave it out.")
	}
	return p.Err()
}

// CreateToken makes a token for a member's scripts, and gives its secret.
func (in *Intake) CreateToken(ctx context.Context, by *models.Member, name string, expires *models.Time) (t *models.Token, secret string, err error) {
	if err := checkToken(name, expires); err != nil {
		return nil, "", err
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if t, secret, err = tx.NewToken(&by.User, models.APIToken, name, expires); err != nil {
			return err
		}
		return made(tx, by, t.Audited())
	})
	return t, secret, err
}

// EditToken changes name and end of a member's token.
func (in *Intake) EditToken(ctx context.Context, by *models.Member, id string, change Change[models.Token]) (t *models.Token, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		var before models.AuditFacts
		t, err = models.Edit(tx, "token", func(t *models.Token) error {
			before = t.Audited()
			if err := change(t); err != nil {
				return err
			}
			return checkToken(t.Name, t.ExpiresAt)
		}, TokenOf, id, by.ID, models.APIToken)
		if err != nil {
			return err
		}
		return changed(tx, by, before, t.Audited())
	})
	return t, err
}

// DeleteToken ends a member's token at once.
func (in *Intake) DeleteToken(ctx context.Context, by *models.Member, id string) error {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		t, err := models.One[models.Token](tx.Where(TokenOf, id, by.ID, models.APIToken), "token")
		if err != nil {
			return err
		}
		n, err := tx.EndTokens(TokenOf, id, by.ID, models.APIToken)
		if err == nil && n == 0 {
			return models.Errorf(models.NotFound, "There is no such token.")
		}
		if err != nil {
			return err
		}
		if err := taken(tx, by, t.Audited()); err != nil || by.Role != models.Subcontractor {
			return err
		}
		l, err := models.LinkOfUser(tx.DB, by.ID)
		if err != nil || l == nil {
			return err
		}
		if err := tx.Model(&models.ShareLink{}).Where("id = ?", l.ID).Update("due_at", models.Now()).Error; err != nil { // whoever used it is to hear so
			return err
		}
		return tx.Ring(models.ShareBell, l.ID)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// CreateRole keeps a new role; [models.Conflict] when the name is taken.
func (in *Intake) CreateRole(ctx context.Context, by *models.Member, role *models.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	err := in.administer(ctx, by, func(tx *models.Tx) error {
		if err := tx.Create(role).Error; err != nil {
			return err
		}
		return made(tx, by, role.Audited())
	})
	if models.IsUnique(err) {
		return &models.Error{Kind: models.Conflict, Code: models.CodeTaken, Message: "The account already has a role of this name.", Fields: []models.FieldError{{Field: "name", Message: "Choose another name."}}}
	}
	return err
}

func checkRole(role *models.Role) error {
	if role.Privileges == nil {
		role.Privileges = []models.Privilege{}
	}
	return role.Check()
}

// EditRole changes a role's privileges. It keeps its name, and the account somebody who manages it.
func (in *Intake) EditRole(ctx context.Context, by *models.Member, name string, change Change[models.Role]) (role *models.Role, err error) {
	err = in.administer(ctx, by, func(tx *models.Tx) error {
		var before models.AuditFacts
		role, err = models.Edit(tx, "role", func(role *models.Role) error {
			before = role.Audited()
			if err := change(role); err != nil {
				return err
			}
			if role.Name != name {
				return models.InvalidField("name", "A role keeps its name: make a new one.").Coded(models.CodeFixed)
			}
			role.UpdatedAt = models.Now()
			return checkRole(role)
		}, "name = ?", name)
		if err != nil {
			return err
		}
		if err := changed(tx, by, before, role.Audited()); err != nil {
			return err
		}
		return keepAnAdmin(tx)
	})
	return role, err
}

// DeleteRole deletes a role that is not built in and that nobody has; else [models.Conflict].
func (in *Intake) DeleteRole(ctx context.Context, by *models.Member, role *models.Role) error {
	if role.BuiltIn {
		return models.Errorf(models.Conflict, "The role %s is built in and stays; its privileges can be changed.", role.Name)
	}
	return in.administer(ctx, by, func(tx *models.Tx) error {
		var n int64
		if err := tx.Model(&models.User{}).Where("role = ? AND deleted_at IS NULL", role.Name).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return models.Errorf(models.Conflict, "%d users have the role %s: give them another first.", n, role.Name).Coded(models.CodeNeeded)
		}
		if err := tx.Where("name = ?", role.Name).Delete(&models.Role{}).Error; err != nil {
			return err
		}
		return taken(tx, by, role.Audited())
	})
}
