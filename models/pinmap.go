package models

import (
	"math"
)

// Pin is a place on a map, in the map's own units from its upper left corner.
type Pin struct {
	X, Y  float64
	Label string
	Item  *Item // nil: the property
}

// PinMap is a drawing of where items were made, without any map service: the property in the middle of its items, and
// a bar of so many metres for the scale.
type PinMap struct {
	Width, Height float64
	Pins          []Pin
	Property      *Pin
	BarMetres     float64
	BarLength     float64
	Radius        float64 // of certification around the property, in the map's units; 0 without a property's position
}

// Map lays the proof's positions out on a map of a size; nil when there are none. Labels count the photos as the report does.
func (p *Proof) Map(width, height float64) *PinMap {
	type place struct {
		lat, lon float64
		item     *Item
	}
	var places []place
	for _, i := range p.Items {
		if i.Position.Latitude != nil && i.Position.Longitude != nil {
			places = append(places, place{*i.Position.Latitude, *i.Position.Longitude, i})
		}
	}
	if len(places) == 0 {
		return nil
	}
	if o := p.Order; o.Latitude != nil && o.Longitude != nil {
		places = append(places, place{*o.Latitude, *o.Longitude, nil})
	}
	south, north, west, east := places[0].lat, places[0].lat, places[0].lon, places[0].lon
	for _, at := range places {
		south, north, west, east = min(south, at.lat), max(north, at.lat), min(west, at.lon), max(east, at.lon)
	}
	const metresPerDegree = 111_320.0
	midLat, midLon := (south+north)/2, (west+east)/2
	narrow := math.Cos(midLat * math.Pi / 180)
	margin := min(width, height) * 0.12
	spanX, spanY := max((east-west)*metresPerDegree*narrow, 20), max((north-south)*metresPerDegree, 20)
	scale := min((width-2*margin)/spanX, (height-2*margin)/spanY) // units a metre
	m := &PinMap{Width: width, Height: height}
	n := 0
	for _, at := range places {
		pin := Pin{X: width/2 + (at.lon-midLon)*metresPerDegree*narrow*scale, Y: height/2 - (at.lat-midLat)*metresPerDegree*scale, Item: at.item}
		if at.item == nil {
			pin.Label = "Property"
			m.Property = &pin
			m.Radius = p.Account.CertificationRadius * scale
			continue
		}
		n++
		m.Pins = append(m.Pins, pin)
	}
	wanted := width / 4 / scale
	step := math.Pow(10, math.Floor(math.Log10(wanted)))
	for _, f := range []float64{5, 2, 1} {
		if step*f <= wanted {
			step *= f
			break
		}
	}
	m.BarMetres, m.BarLength = step, step*scale
	return m
}
