package models

import (
	"math"
)

// Pin is a place on a map, in the map's own units from its upper left corner.
type Pin struct {
	X, Y float64
	Item *Item   // nil: the property
	Far  float64 // metres from the property where it lies beyond the map, at whose edge it stands then; 0 for what lies on it
}

// PinMap is a drawing of where items were made, without any map service: around the property as far as proves anything, with a
// bar of so many metres for the scale. North is up.
type PinMap struct {
	Width, Height float64
	Pins          []Pin
	Property      *Pin
	BarMetres     float64
	BarLength     float64
	Radius        float64 // of certification around the property, in the map's units; 0 without a property's position
}

const (
	metresPerDegree = 111_320.0
	// beyondRadius is how many times the radius away an item counts no more for the scale: one far off would shrink all.
	beyondRadius = 1.2
	// apart is how far places must lie from each other, in metres, for a map without a property to say anything.
	apart = 10.0
)

// Map lays the proof's positions out on a map of a size; nil when a map would say nothing: there is no position, or, without
// the property's, all of them are one place.
func (p *Proof) Map(width, height float64) *PinMap { return p.mapped(width, height, false) }

// MapOfRadius is [Proof.Map] with the whole radius of certification on it; nil without a property's position.
func (p *Proof) MapOfRadius(width, height float64) *PinMap {
	if p.Property == nil || p.Property.Latitude == nil {
		return nil
	}
	return p.mapped(width, height, true)
}

func (p *Proof) mapped(width, height float64, whole bool) *PinMap {
	type place struct {
		x, y float64 // metres to the east and north
		item *Item
	}
	var home *Property
	if p.Property != nil && p.Property.Latitude != nil {
		home = p.Property
	}
	var places []place
	var lat, lon float64 // of the middle
	for _, i := range p.Items {
		if i.Position.Latitude == nil || i.Position.Longitude == nil {
			continue
		}
		if len(places) == 0 {
			lat, lon = *i.Position.Latitude, *i.Position.Longitude
		}
		places = append(places, place{*i.Position.Longitude, *i.Position.Latitude, i})
	}
	if len(places) == 0 {
		return nil
	}
	if home != nil {
		lat, lon = *home.Latitude, *home.Longitude
	}
	narrow := math.Cos(lat * math.Pi / 180)
	for n := range places {
		places[n].x, places[n].y = (places[n].x-lon)*metresPerDegree*narrow, (places[n].y-lat)*metresPerDegree
	}
	// What counts for the scale: with a property all that lies within its reach, else all.
	west, east, south, north := 0.0, 0.0, 0.0, 0.0
	reach := p.Account.CertificationRadius * beyondRadius
	for _, at := range places {
		if home == nil || math.Hypot(at.x, at.y) <= reach {
			west, east, south, north = min(west, at.x), max(east, at.x), min(south, at.y), max(north, at.y)
		}
	}
	if home == nil && max(east-west, north-south) < apart {
		return nil
	}
	margin := min(width, height) * 0.12
	m := &PinMap{Width: width, Height: height}
	midX, midY := (west+east)/2, (south+north)/2
	if whole {
		r := p.Account.CertificationRadius
		west, east, south, north = min(west, -r), max(east, r), min(south, -r), max(north, r)
	}
	if home != nil { // the property stays in the middle
		side := max(-west, east)
		above := max(-south, north)
		west, east, south, north, midX, midY = -side, side, -above, above, 0, 0
	}
	scale := min((width-2*margin)/max(east-west, 20), (height-2*margin)/max(north-south, 20)) // units a metre
	onto := func(x, y float64) (float64, float64) { return width/2 + (x-midX)*scale, height/2 - (y-midY)*scale }
	if home != nil {
		x, y := onto(0, 0)
		m.Property, m.Radius = &Pin{X: x, Y: y}, p.Account.CertificationRadius*scale
	}
	for _, at := range places {
		pin := Pin{Item: at.item}
		pin.X, pin.Y = onto(at.x, at.y)
		if home != nil && math.Hypot(at.x, at.y) > reach {
			pin.Far = math.Hypot(at.x, at.y)
			pin.X, pin.Y = atEdge(width, height, margin*0.6, at.x, -at.y)
		}
		m.Pins = append(m.Pins, pin)
	}
	m.BarMetres = p.Account.RoundLength(width / 4 / scale)
	m.BarLength = m.BarMetres * scale
	return m
}

// RoundLength is the longest length in metres, up to most, that is a round number in the account's units: for what a map is
// measured by.
func (a *Account) RoundLength(most float64) float64 {
	unit, longest := 1.0, math.Inf(1)
	if a.Units == Imperial {
		unit, longest = Foot, 500 // 1,000 are said in miles
		if most >= 0.2*Mile {
			unit, longest = Mile, math.Inf(1)
		}
	}
	n := math.Pow(10, math.Floor(math.Log10(most/unit)))
	for _, f := range []float64{5, 2} {
		if n*f <= most/unit {
			n *= f
			break
		}
	}
	return min(n, longest) * unit
}

// atEdge is where a ray from the middle of a map meets the edge, less a margin.
func atEdge(width, height, margin, dx, dy float64) (x, y float64) {
	t := min((width/2-margin)/math.Abs(dx), (height/2-margin)/math.Abs(dy)) // of a ray along an axis the other is infinite
	return width/2 + dx*t, height/2 + dy*t
}
