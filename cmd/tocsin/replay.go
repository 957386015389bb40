package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/notifiers/stdout"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor/capture"
	"github.com/tocsin-security/tocsin/stages/connstat"
	"github.com/tocsin-security/tocsin/stages/decode"
	"github.com/tocsin-security/tocsin/stages/enrich"
)

// newReplayCommand runs rules over a capture.
func newReplayCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	opts := options{output: "json"}
	cmd := &cobra.Command{
		Use:   "replay --config FILE CAPTURE",
		Short: "Run rules over a capture and print the alerts as JSON lines",
		Long: "replay runs the configuration's rules and whitelist over a capture, as fast as it can. Alerts go to stdout,\n" +
			"a JSON object a line, without dedupe and without delivery; the figures of the run go to stderr.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			p, err := newPlan(opts, io.Discard, log)
			if err != nil {
				return err
			}
			return replay(cmd.Context(), p, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr(), log)
		},
	}
	configFlag(cmd, &opts.config)
	return cmd
}

// replay runs the hot half over a capture instead of the kernel.
func replay(ctx context.Context, p *plan, name string, out, figures io.Writer, log *slog.Logger) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer file.Close() // only read
	reader, err := capture.NewReader(file)
	if err != nil {
		return fmt.Errorf("replay %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	stream, err := stdout.New(stdout.Config{Format: "json"}, "replay", out)
	if err != nil {
		return err
	}
	h, err := replayHot(p, reader.Header, log)
	if err != nil {
		return err
	}
	alerts := 0
	begun := time.Now()
	truncated := (*capture.TruncatedError)(nil)
	err = replayFrames(h, reader, func(a pipeline.Alert) error {
		alerts++
		return stream.Notify(ctx, pipeline.Message{Alerts: []pipeline.Alert{a}})
	})
	if errors.As(err, &truncated) {
		log.Warn("the capture is cut; everything before was replayed", "file", name, "err", err)
		err = nil
	}
	took := time.Since(begun)
	fmt.Fprintf(figures, "replay: %d events, %d alerts, %d records not decoded, %.2f s, %.0f events/s\n",
		h.events.Load(), alerts, h.failed.Load(), took.Seconds(), float64(h.events.Load())/took.Seconds())
	return err
}

// replayHot is a hot half without a sensor, whose host is the one of the capture.
func replayHot(p *plan, header capture.Header, log *slog.Logger) (*hot, error) {
	matcher, err := p.newMatcher(header.Hostname)
	if err != nil {
		return nil, err
	}
	h := &hot{
		decoder:  decode.New(decode.Config{}, header.Hostname, header.BootOffset),
		enricher: enrich.New(p.cfg.Enrich, header.Hostname, log),
		log:      log,
	}
	h.connects = connstat.New(h.enricher.Container)
	h.matcher.Store(matcher)
	return h, nil
}

func replayFrames(h *hot, reader *capture.Reader, emit func(pipeline.Alert) error) error {
	for {
		kind, payload, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case kind == capture.Processes:
			err = h.decoder.Restore(payload)
		case kind == capture.Sample:
			err = h.handle(payload, emit)
		}
		if err != nil {
			return err
		}
	}
}
