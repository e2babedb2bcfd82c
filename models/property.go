package models

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Address is where a property lies.
type Address struct {
	Address1 string `json:"address1" example:"110 East Main Street"`
	Address2 string `json:"address2"`
	City     string `json:"city" example:"Round Rock"`
	State    string `gorm:"column:address_state" json:"state" example:"TX"`
	Zip      string `json:"zip" example:"78664"`
	Country  string `json:"country"`
}

// Line returns the address on one line.
func (a Address) Line() string {
	parts := []string{}
	for _, p := range []string{a.Address1, a.Address2, a.City, strings.TrimSpace(a.State + " " + a.Zip), a.Country} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// Key returns the form in which addresses are compared: letters and digits in lower case, composed, and in the United
// States the code of the state and the five digits of the zip code.
func (a Address) Key() string {
	if state := usState(a.State); state != "" && isUS(a.Country) {
		a.State, a.Country = state, ""
		if zip, _, plus4 := strings.Cut(a.Zip, "-"); plus4 && len(strings.TrimSpace(zip)) == 5 {
			a.Zip = zip
		}
	}
	return a.keyAsWritten()
}

// keyAsWritten is the key that properties had before states and zip codes were compared by what they mean.
func (a Address) keyAsWritten() string {
	fold := func(s string) string { return strings.Join(addressWords(s), " ") }
	return strings.Join([]string{fold(a.Address1), fold(a.Address2), fold(a.City), fold(a.State), fold(a.Zip), fold(a.Country)}, "|")
}

// addressWords are the words of an address as keys hold them.
func addressWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFC.String(s)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// mostAddressWords are how many words of a search count: no address needs more.
const mostAddressWords = 12

// SearchProperties narrows q to properties whose address holds every word of text, somewhere and in any order. The name of
// a state of the United States finds its code too, by which keys are written.
func SearchProperties(q *gorm.DB, text string) *gorm.DB {
	words := addressWords(text)
	for _, word := range words[:min(len(words), mostAddressWords)] {
		if state := usState(word); state != "" && state != word {
			q = q.Where("(address_key LIKE ? OR address_key LIKE ?)", "%"+word+"%", "%|"+state+"|%")
			continue
		}
		q = q.Where("address_key LIKE ?", "%"+word+"%")
	}
	return q
}

func (a Address) check(p *Problems, prefix string) {
	for _, f := range []struct{ name, value string }{{"address1", a.Address1}, {"city", a.City}, {"state", a.State}, {"zip", a.Zip}} {
		if strings.TrimSpace(f.value) == "" {
			p.Add(prefix+f.name, "Every property needs its %s.", f.name).Code = CodeRequired
		}
	}
	for _, f := range []struct{ name, value string }{{"address1", a.Address1}, {"address2", a.Address2}, {"city", a.City}, {"state", a.State}, {"zip", a.Zip}, {"country", a.Country}} {
		if utf8.RuneCountInString(f.value) > 300 {
			p.Add(prefix+f.name, "At most 300 characters.")
		}
	}
}

// Property is the place. Orders at the same address share a property.
type Property struct {
	ID         string   `gorm:"primaryKey" json:"id"`
	AccountID  string   `json:"-"`
	AddressKey string   `json:"-"`
	Address    Address  `gorm:"embedded" json:"address"`
	Latitude   *float64 `json:"latitude"`
	Longitude  *float64 `json:"longitude"`
	Notes      string   `json:"notes"`
	CreatedAt  Time     `json:"created_at"`
	UpdatedAt  Time     `json:"updated_at"`
}

// Check returns an [Invalid] error that names each wrong field.
func (pr *Property) Check() error {
	var p Problems
	pr.Address.check(&p, "address.")
	checkPosition(&p, pr.Latitude, pr.Longitude)
	if utf8.RuneCountInString(pr.Notes) > 20_000 {
		p.Add("notes", "At most 20000 characters.")
	}
	return p.Err()
}

func checkPosition(p *Problems, latitude, longitude *float64) {
	if (latitude == nil) != (longitude == nil) {
		p.Add("latitude", "Give latitude and longitude together, or neither.")
	}
	if latitude != nil && (*latitude < -90 || *latitude > 90 || *latitude != *latitude) {
		p.Add("latitude", "A latitude lies between -90 and 90.")
	}
	if longitude != nil && (*longitude < -180 || *longitude > 180 || *longitude != *longitude) {
		p.Add("longitude", "A longitude lies between -180 and 180.")
	}
}

// PropertyAt returns the property at an address, made when it is the first time the account meets it. A position is
// kept when the property had none.
func (tx *Tx) PropertyAt(accountID string, address Address, latitude, longitude *float64) (*Property, error) {
	key := address.Key()
	if before := address.keyAsWritten(); before != key {
		known := tx.DB.Session(&gorm.Session{NewDB: true, Context: tx.Statement.Context}).Model(&Property{}).Select("1").Where("address_key = ?", key)
		if err := tx.Model(&Property{}).Where("address_key = ? AND NOT EXISTS (?)", before, known).Update("address_key", key).Error; err != nil {
			return nil, err
		}
	}
	fresh := &Property{ID: NewID(), AccountID: accountID, AddressKey: key, Address: address,
		Latitude: latitude, Longitude: longitude, CreatedAt: Now(), UpdatedAt: Now()}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(fresh).Error; err != nil {
		return nil, err
	}
	have, err := One[Property](tx.Where("address_key = ?", key), "property")
	if err != nil || have.Latitude != nil || latitude == nil {
		return have, err
	}
	have.Latitude, have.Longitude, have.UpdatedAt = latitude, longitude, Now()
	return have, tx.Select("latitude", "longitude", "updated_at").Updates(have).Error
}
