// Package web holds the browser apps as they were built: hashed files that never change, and the page that names them.
package web

import "embed"

// Built is empty but for its placeholder until make has built the apps.
//
//go:embed all:built
var Built embed.FS

// Tokens are the colours and sizes of every page of ours, as a style sheet.
//
//go:embed kit/tokens.css
var Tokens []byte
