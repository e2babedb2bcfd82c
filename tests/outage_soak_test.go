//go:build soak

package tests

import "time"

func init() { outage = time.Minute }
