package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/configs/falcosidekick"
)

// newConvertCommand holds the commands that read other programs' configurations.
func newConvertCommand() *cobra.Command {
	return parentCommand("convert", "Turn another program's configuration into one of tocsin's", newConvertFalcosidekickCommand())
}

func newConvertFalcosidekickCommand() *cobra.Command {
	var env bool
	cmd := &cobra.Command{
		Use:   "falcosidekick [FILE]",
		Short: "Turn Falcosidekick's YAML or environment into a configuration of tocsin's",
		Long: "convert falcosidekick reads Falcosidekick's YAML (- is the standard input), with --env also the variables of its\n" +
			"environment, and writes a configuration for tocsin router to the standard output. What has no twin is a comment\n" +
			"there, and a line with its place on the standard error, which shows no value. A variable that is one value stays in the\n" +
			"environment, as ${NAME}; lists of headers and fields, and what the file holds, passwords too, are in the result. Alertmanager's configuration needs no\n" +
			"conversion: tocsin reads it.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, data, err := readSource(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			var environment []string
			switch {
			case env:
				environment = os.Environ()
			case file == "":
				return errors.New("nothing to convert: name a file, or set --env")
			}
			result, err := falcosidekick.Convert(file, data, environment)
			if err != nil {
				return err
			}
			if _, err := cmd.OutOrStdout().Write(result.YAML); err != nil {
				return err
			}
			return summarize(cmd.ErrOrStderr(), result)
		},
	}
	cmd.Flags().BoolVar(&env, "env", false, "read Falcosidekick's variables from the environment too; they precede the file")
	return cmd
}

// readSource reads the file that is named, if one is.
func readSource(stdin io.Reader, args []string) (name string, data []byte, err error) {
	switch {
	case len(args) == 0:
		return "", nil, nil
	case args[0] == "-":
		data, err = io.ReadAll(stdin)
		return "stdin", data, err
	default:
		data, err = os.ReadFile(args[0])
		return args[0], data, err
	}
}

func summarize(out io.Writer, result falcosidekick.Result) error {
	var b strings.Builder
	for _, n := range result.Notes {
		fmt.Fprintln(&b, n)
	}
	converted := "nothing"
	if len(result.Converted) > 0 {
		converted = strings.Join(result.Converted, ", ")
	}
	fmt.Fprintf(&b, "converted: %s; %d notes; tocsin check --config FILE validates the result\n", converted, len(result.Notes))
	_, err := io.WriteString(out, b.String())
	return err
}
