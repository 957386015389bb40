package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/spf13/cobra"
)

// newRootCommand is the tree of commands.
func newRootCommand() *cobra.Command {
	var level string
	root := &cobra.Command{
		Use:   "tocsin",
		Short: "From a kernel event to a message a person on call can act on",
		Long: "tocsin watches what containers do in the kernel, judges it by rules in Falco's language, and tells\n" +
			"the people on call in WeCom, DingTalk, mail or a webhook. One binary, nothing lost on the way.",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	root.PersistentFlags().StringVar(&level, "log-level", "info", "debug, info, warn or error; the log goes to stderr")
	logger := func() (*slog.Logger, error) { return newLogger(level) }
	root.AddCommand(
		newRoleCommand(roleRun, "Watch this machine and deliver its alerts: everything in one process", logger),
		newRoleCommand(roleSensor, "Watch this machine and hand its alerts to a broker or a router", logger),
		newRoleCommand(roleRouter, "Take alerts from sensors, Falco and scripts and deliver them; needs no rights", logger),
		newCheckCommand(logger),
		newRecordCommand(logger),
		newReplayCommand(logger),
		newDoctorCommand(),
		newTestCommand(),
		newExplainCommand(logger),
		newFieldsCommand(),
		newEventsCommand(),
		newAlertCommand(),
		newWhitelistCommand(logger),
		newRouteCommand(),
		newTemplateCommand(),
		newConvertCommand(),
		newSilenceCommand(),
		newDeadLetterCommand(),
		newNotifyCommand(logger),
		newOnCallCommand(),
		newTokenCommand(),
		newVersionCommand(),
	)
	return root
}

// parentCommand holds commands, and does nothing itself: what names none of them is an error.
func parentCommand(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}

// newRoleCommand is run, sensor or router.
func newRoleCommand(r role, short string, logger func() (*slog.Logger, error)) *cobra.Command {
	var opts options
	cmd := &cobra.Command{
		Use:   r.name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			if err := checkOutput(opts.output); err != nil {
				return err
			}
			ctx, cancel := untilSignal(log)
			defer cancel()
			a, err := newApp(ctx, r, opts, cmd.OutOrStdout(), log)
			if err != nil {
				return err
			}
			return a.run(ctx)
		},
	}
	configFlag(cmd, &opts.config)
	cmd.Flags().StringVar(&opts.dataDir, "data-dir", "", "folder of the embedded bus and store, instead of the configuration's data_dir")
	if r.hot {
		cmd.Flags().StringVar(&opts.record, "record", "", "capture file to write of what the rules see, for replay; treat it as a secret")
	}
	cmd.Flags().StringVar(&opts.output, "output", "auto", "how alerts are printed: text, json, or auto: text on a terminal")
	return cmd
}

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration file (default: the embedded example)")
}

func checkOutput(format string) error {
	switch format {
	case "auto", "text", "json":
		return nil
	default:
		return fmt.Errorf("--output: %q is not one of auto, text, json", format)
	}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "tocsin %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

func newLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is not one of debug, info, warn, error", level)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}
