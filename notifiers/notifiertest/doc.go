// Package notifiertest is the contract that every sender keeps, as tests: what it makes of each kind
// of answer, that no secret shows, that text arrives as it was, that limits hold.
package notifiertest
