// Package e2e tests the built binary from outside: on this machine's kernel, with real containers, a
// real Redis, a real SMTP server and sinks that answer as the chat platforms do. It holds tests only.
package e2e
