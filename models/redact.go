package models

import (
	"net/url"
	"regexp"
)

var addressInText = regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>]+`)

// ErrorText is an error as rows, alerts and people get it: of addresses only where they lead, because what stands behind
// the host may be a secret, as in most web-hooks.
func ErrorText(err error) string { return Redact(err.Error()) }

// Redact leaves only scheme and host of the addresses in a text.
func Redact(text string) string {
	return addressInText.ReplaceAllStringFunc(text, func(address string) string {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return "an address"
		}
		return u.Scheme + "://" + u.Host
	})
}
