// Package models is the domain: what a work order, an item, a publication is, which transitions exist, who may do
// what, and how all of it is kept in a database. It imports nothing else of Fieldproof.
//
// Every row belongs to one account. A [Store] refuses any query on such rows whose context names no account
// ([InAccount]) and does not ask for the whole installation ([AcrossAccounts]), so that a forgotten filter is an error
// and never a leak.
package models
