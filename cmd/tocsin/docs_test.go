package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var flagName = regexp.MustCompile(`--[a-z]+(?:[.-][a-z]+)*`)

// docs/commands.md has a row for every command, with every flag.
func TestCommandsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	documented(t, string(data), newRootCommand())
}

// documented looks for the commands below one, by their names from the root on.
func documented(t *testing.T, doc string, parent *cobra.Command) {
	t.Helper()
	for _, cmd := range parent.Commands() {
		name := strings.TrimPrefix(cmd.CommandPath(), "tocsin ")
		row := rowOf(doc, name)
		if row == "" {
			t.Errorf("docs/commands.md has no row for tocsin %s", name)
		}
		if cmd.HasSubCommands() {
			documented(t, doc, cmd)
			continue
		}
		for _, f := range flagName.FindAllString(cmd.LocalNonPersistentFlags().FlagUsages(), -1) {
			if f != "--help" && !strings.Contains(row, "`"+f+"`") {
				t.Errorf("the row of tocsin %s lacks %s", name, f)
			}
		}
	}
}

func rowOf(doc, name string) string {
	for line := range strings.Lines(doc) {
		if strings.HasPrefix(line, "| `tocsin "+name+" ") || strings.HasPrefix(line, "| `tocsin "+name+"`") {
			return line
		}
	}
	return ""
}
