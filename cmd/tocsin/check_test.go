package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What check says of a configuration that can be used all the same is said at every start.
func TestFindingsAreLoggedAtTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.yaml")
	text := "tracing: {}\nroute: {receiver: r}\nreceivers: [{name: r, telegram_configs: [{}]}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := newPlan(options{config: file, output: "json"}, nil, io.Discard, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatalf("newPlan: %v, want a start all the same", err)
	}
	for _, want := range []string{"t.yaml:1:1: warning: tracing", "has nothing but telegram_configs", "this build has no Telegram"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}
