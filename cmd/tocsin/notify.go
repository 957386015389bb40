package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/api"
)

// newNotifyCommand holds what is about channels.
func newNotifyCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	return parentCommand("notify", "Try the channels of a receiver", newNotifyTestCommand(logger))
}

func newNotifyTestCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var config, kind string
	var r remote
	cmd := &cobra.Command{
		Use:   "test RECEIVER",
		Short: "Send a test message over every channel of a receiver, and say what each answered",
		Long: "Send a message that says it is a test over every channel of a receiver, at once, and say in plain words what each\n" +
			"answered and what to do about it. It goes from here, or with --url from a tocsin that runs, with the configuration that\n" +
			"it has (a token needs the scope admin). Who the receiver mentions is mentioned. It costs each robot one message, beside\n" +
			"the quota that tocsin keeps to. Exit code 1: a channel did not take it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.url != "" && config != "" {
				return errors.New("--config is read here, --url has another configuration: use one of them")
			}
			var tried []api.Tried
			var err error
			if r.url != "" {
				err = r.call(cmd.Context(), http.MethodPost, "/api/v1/receivers/"+url.PathEscape(args[0])+"/test", url.Values{"kind": {kind}}, nil, &tried)
			} else {
				tried, err = tryHere(cmd.Context(), config, logger, args[0], kind)
			}
			if err != nil {
				return err
			}
			return printTried(cmd.OutOrStdout(), tried)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration file (default: the embedded one)")
	cmd.Flags().StringVar(&kind, "kind", "", "only channels of this kind: wecom, dingtalk, feishu, email, …")
	r.addFlags(cmd)
	cmd.Flag("url").Usage = "a tocsin that runs, to send from there: http(s)://host:port (default: send from here)"
	return cmd
}

// tryHere is tryReceiver with a configuration of this machine.
func tryHere(ctx context.Context, config string, logger func() (*slog.Logger, error), receiver, kind string) ([]api.Tried, error) {
	log, err := logger()
	if err != nil {
		return nil, err
	}
	p, err := newPlan(options{config: config, output: "json"}, nil, io.Discard, log)
	if err != nil {
		return nil, err
	}
	return p.tryReceiver(ctx, receiver, kind)
}

func printTried(out io.Writer, tried []api.Tried) error {
	failed := 0
	for _, t := range tried {
		if !t.Taken {
			failed++
		}
		lines := strings.Split(t.Answer, "\n")
		for i := range lines {
			lines[i] = clean(lines[i])
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", clean(t.Channel), strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d channels did not take the message", failed, len(tried))
	}
	return nil
}
