//go:build soak

package tests

func init() { photosAtOnce = 100 }
