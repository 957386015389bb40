package main

import "github.com/spf13/cobra"

// newAlertCommand holds the questions about alerts, put to a tocsin that runs.
func newAlertCommand() *cobra.Command {
	var r remote
	cmd := parentCommand("alert", "List what fires, search what happened, explain what became of an alert, take care of it",
		newAlertListCommand(&r), newAlertHistoryCommand(&r), newAlertExplainCommand(&r), newAlertAckCommand(&r), newAlertUnackCommand(&r))
	cmd.Long = "alert asks a tocsin that runs, over HTTP, with a token that may read, and for ack and unack write: --url and\n" +
		"--token-file, or TOCSIN_URL and TOCSIN_TOKEN. A fingerprint names what an alert is about; messages and lists show it."
	r.addFlags(cmd)
	return cmd
}
