package e2e

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line scenarios in testdata. $SHARED is the folder of contract files and
// stock rules beside the repository.
func TestScripts(t *testing.T) {
	shared, err := filepath.Abs("../../shared")
	must(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("SHARED", shared)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"jsonkeys": jsonKeys, "exits": exits},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				need(t, os.Geteuid() == 0 || os.Getenv("CI") != "true", "root")
				return os.Geteuid() == 0, nil
			}
			if cond != "shared" {
				return false, nil
			}
			_, err := os.Stat(shared)
			if err != nil && os.Getenv("CI") == "true" {
				return false, err
			}
			return err == nil, nil
		},
	})
}

// jsonKeys requires that a file, or stdout, is one JSON object with exactly these keys.
func jsonKeys(ts *testscript.TestScript, neg bool, args []string) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &object); err != nil {
		ts.Fatalf("%s is no JSON object: %v", args[0], err)
	}
	got, want := slices.Sorted(maps.Keys(object)), slices.Sorted(slices.Values(args[1:]))
	if slices.Equal(got, want) == neg {
		ts.Fatalf("keys %v, want %v", got, want)
	}
}

// exits requires that a command ends with exactly this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if (strconv.Itoa(code) == args[0]) == neg {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
