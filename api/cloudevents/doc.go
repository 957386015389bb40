// Package cloudevents reads events in the envelope of CloudEvents 1.0 as they come over HTTP: with the attributes
// in headers (binary), or as JSON, one (structured) or many (batch). It makes structured events of them, which have
// the attributes and extensions as members beside data; it posts nothing and asks no rule.
package cloudevents
