// Package ruletest runs tests of rules: events written down field by field, and the alerts that are
// expected of them. Rules and whitelist are compiled and matched by the code that judges live events; only
// the reading of fields is another one (filter.NewGivenProgram). No kernel is needed.
//
// Read turns a test file into a File, Run gives a Result that says of every test what was expected, what
// happened and why, and the writers print it: as text, JSON or JUnit's XML.
package ruletest
