package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// exitError is an error with an exit code of its own; any other error means 1.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }

func (e exitError) Unwrap() error { return e.err }

// couldNotLook is the exit code of commands that answer a question by their exit code, where 1 is an answer.
const couldNotLook = 2

func exitCode(err error) int {
	if e, ok := errors.AsType[exitError](err); ok {
		return e.code
	}
	return 1
}

// withExitCodes makes every error of a command that has no code of its own, one of its flags or arguments
// included, exit with couldNotLook.
func withExitCodes(cmd *cobra.Command) *cobra.Command {
	coded := func(err error) error {
		if _, ok := errors.AsType[exitError](err); ok || err == nil {
			return err
		}
		return exitError{couldNotLook, err}
	}
	run, args := cmd.RunE, cmd.Args
	cmd.RunE = func(cmd *cobra.Command, given []string) error { return coded(run(cmd, given)) }
	cmd.Args = func(cmd *cobra.Command, given []string) error { return coded(args(cmd, given)) }
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return coded(err) })
	return cmd
}
