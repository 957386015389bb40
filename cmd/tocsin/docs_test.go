package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var flagName = regexp.MustCompile(`(?m)--[a-z-]+`)

// docs/commands.md has a row for every command, with every flag.
func TestCommandsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range newRootCommand().Commands() {
		row := rowOf(string(data), cmd.Name())
		if row == "" {
			t.Errorf("docs/commands.md has no row for tocsin %s", cmd.Name())
		}
		for _, f := range flagName.FindAllString(cmd.LocalNonPersistentFlags().FlagUsages(), -1) {
			if f != "--help" && !strings.Contains(row, "`"+f+"`") {
				t.Errorf("the row of tocsin %s lacks %s", cmd.Name(), f)
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
