package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
)

func ackPath(fingerprint string) (string, error) {
	var of pipeline.Fingerprint
	if err := of.UnmarshalText([]byte(fingerprint)); err != nil {
		return "", fmt.Errorf("%q is no fingerprint: it has 16 hex digits, as messages and lists show it", fingerprint)
	}
	return "/api/v1/alerts/" + of.String() + "/ack", nil
}

func newAlertAckCommand(r *remote) *cobra.Command {
	var by, comment, lasts string
	cmd := &cobra.Command{
		Use:   "ack FINGERPRINT",
		Short: "Say that somebody takes care of an alert: it is not told again for a time",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := ackPath(args[0])
			if err != nil {
				return err
			}
			body := map[string]string{"by": by, "comment": comment}
			if lasts != "" {
				body["for"] = lasts
			}
			var kept pipeline.Ack
			if err := r.call(cmd.Context(), http.MethodPost, path, nil, body, &kept); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s takes care of it until %s\n", clean(kept.By), stamp(kept.Until))
			return err
		},
	}
	cmd.Flags().StringVarP(&by, "author", "a", author(), "who does (default: $USER)")
	cmd.Flags().StringVarP(&comment, "comment", "c", "", "what is being done")
	cmd.Flags().StringVarP(&lasts, "for", "d", "", "for how long: 4h (default: the configuration's silences.ack_for)")
	return cmd
}

func newAlertUnackCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "unack FINGERPRINT",
		Short: "Take that back: if the alert still fires it is told again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := ackPath(args[0])
			if err != nil {
				return err
			}
			return r.call(cmd.Context(), http.MethodDelete, path, nil, nil, nil)
		},
	}
}
