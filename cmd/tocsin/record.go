package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/enrich"
)

// newRecordCommand writes what the sensor sees to a file.
func newRecordCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var file, config string
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "record -o FILE",
		Short: "Write what the kernel reports to a file, for replay",
		Long: "record writes every event the sensor can report to a file, with the processes that run when it starts and\n" +
			"the names of users and containers as they become known. Of the configuration it uses sensor and enrich.\n" +
			"The file holds command lines and environments: treat it as a secret.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			ctx, cancel := untilSignal(log)
			defer cancel()
			if limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			return record(ctx, file, config, log)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "capture file to write")
	configFlag(cmd, &config)
	cmd.Flags().DurationVar(&limit, "for", 0, "stop after this time (default: at SIGINT or SIGTERM)")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return cmd
}

func record(ctx context.Context, name, config string, log *slog.Logger) (err error) {
	cfg, err := configs.Load(config)
	if err != nil {
		return err
	}
	cfg.Sensor.ConnectionMetrics = sensor.CountNever // a capture has the connects themselves
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("ask for the host name: %w", err)
	}
	enricher := enrich.New(cfg.Enrich.Config, host, log)
	h, err := openHot(cfg.Sensor, nil, host, enricher, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.sensor.Close()) }()
	t, err := newTape(name, h, host)
	if err != nil {
		return err
	}
	log.Info("recording", "file", name)
	err = runParts(ctx, log, []part{
		{name: "sensor", run: func(ctx context.Context) error {
			err := h.sensor.Run(ctx, func(s pipeline.Sample) error {
				h.take(s)
				return t.sample(s)
			})
			h.enricher.Settle()
			return err
		}},
		{name: "enrich", run: enricher.Run},
	})
	log.Info("recorded", "file", name, "samples", h.received.Load())
	return errors.Join(err, t.close(), reportLosses(h.sensor, log))
}

// reportLosses says what a capture lacks.
func reportLosses(s *sensor.Sensor, log *slog.Logger) error {
	lost, err := s.Losses()
	if err != nil {
		return fmt.Errorf("read the loss counters: %w", err)
	}
	for cause, n := range lost {
		if n > 0 {
			log.Warn("the capture is not complete", "reason", pipeline.Loss(cause).String(), "events", n)
		}
	}
	return nil
}
